"""DCRNN (Li et al. 2018) as Tang et al. 2022 use it on EEG, written anew from their description.

A gated recurrent network whose linear maps are diffusions over one directed graph a clip. One logit
a clip. Axes: (batch, seconds, electrodes, features), graphs (batch, electrodes, electrodes).
"""

import torch
from peers.clip import N_BINS
from torch import nn

N_PARAMETERS = 280_769
GFLOP = 0.74
HOPS = 2
N_NEIGHBOURS = 3


class Dcrnn(nn.Module):
    """Logit of each clip, from a `Clip`, whose mean graph is taken."""

    def __init__(self, hidden=64, layers=2):
        super().__init__()
        widths = [N_BINS, *([hidden] * (layers - 1))]
        self.cells = nn.ModuleList(DiffusionGru(width, hidden) for width in widths)
        self.read = nn.Linear(hidden, 1)

    def forward(self, clip):
        """`(batch,)`: the electrode that is surest decides."""
        walks = random_walks(clip.graphs.mean(1))
        steps = clip.spectra.unbind(1)
        for cell in self.cells:
            steps = cell(steps, walks)
        return self.read(torch.relu(steps[-1])).squeeze(-1).amax(-1)


class DiffusionGru(nn.Module):
    """One recurrent layer."""

    def __init__(self, features, hidden):
        super().__init__()
        matrices = 1 + 2 * HOPS
        self.gates = nn.Linear(matrices * (features + hidden), 2 * hidden)
        self.candidate = nn.Linear(matrices * (features + hidden), hidden)
        self.hidden = hidden

    def forward(self, steps, walks):
        """The states after each step."""
        state = steps[0].new_zeros(*steps[0].shape[:2], self.hidden)
        states = []
        for step in steps:
            seen = diffuse(torch.cat([step, state], -1), walks)
            reset, keep = torch.sigmoid(self.gates(seen)).chunk(2, -1)
            seen = diffuse(torch.cat([step, reset * state], -1), walks)
            state = keep * state + (1 - keep) * torch.tanh(self.candidate(seen))
            states.append(state)
        return states


def diffuse(nodes, walks):
    """The nodes themselves, and Chebyshev polynomials of each walk applied to them."""
    seen = [nodes]
    for walk in walks:
        before, now = nodes, walk @ nodes
        seen.append(now)
        for _ in range(HOPS - 1):
            before, now = now, 2 * (walk @ now) - before
            seen.append(now)
    return torch.cat(seen, -1)


def random_walks(graphs):
    """Steps along and against the edges to each electrode's strongest neighbours."""
    chosen = graphs.topk(N_NEIGHBOURS, -1).indices
    kept = torch.zeros_like(graphs).scatter(-1, chosen, graphs.gather(-1, chosen))
    along = kept / kept.sum(-1, keepdim=True)
    arriving = kept.sum(-2).clamp(min=1e-6)
    against = kept.transpose(-1, -2) / arriving[..., None]
    return along, against
