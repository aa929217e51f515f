"""EvoBrain (Kotoge et al. 2025), written anew from its published description, to be timed.

Every electrode's spectra and every pair's tie pass through a Mamba-1 over the seconds of a clip;
one graph is made of what they say at the last second. One logit a clip. Its scan is plain torch
(`mamba1.py`). Axes: (batch, seconds, electrodes, features).
"""

import torch
from peers.clip import N_BINS, N_ELECTRODES
from peers.mamba1 import Mamba1
from torch import nn
from torch.nn import functional as F

from brainbrr.models.graph import SSGConv
from brainbrr.models.laplacian import normalized_laplacian

N_PARAMETERS = 176_346
GFLOP = 3.37
"""Of which 0.15 are the scan's own read-out."""
N_EIGENVECTORS = 16
RIDGE = 1e-4


class EvoBrain(nn.Module):
    """Logit of each clip, from a `Clip`."""

    def __init__(self, hidden=64):
        super().__init__()
        width = N_BINS + N_EIGENVECTORS
        self.node_stream = nn.Sequential(nn.Linear(N_BINS, N_BINS), Mamba1(N_BINS))
        self.edge_stream = nn.Sequential(nn.Linear(1, N_BINS), Mamba1(N_BINS))
        self.tie = nn.Linear(N_BINS, 1)
        self.near = SSGConv(width, N_BINS, alpha=0.05, hops=1)
        self.far = SSGConv(N_BINS, hidden, alpha=0.05, hops=1)
        self.read = nn.Linear(hidden + width, 1)

    def forward(self, clip):
        """`(batch,)`: the electrode that is surest decides."""
        batch = clip.spectra.shape[0]
        nodes = self.node_stream(clip.spectra.transpose(1, 2).flatten(0, 1))[:, -1]
        pairs = clip.graphs.flatten(2).transpose(1, 2).flatten(0, 1)[..., None]
        edges = F.softplus(self.tie(self.edge_stream(pairs)[:, -1]))
        graph = edges.reshape(batch, 1, N_ELECTRODES, N_ELECTRODES)
        nodes = nodes.reshape(batch, 1, N_ELECTRODES, N_BINS)
        nodes = torch.tanh(torch.cat([nodes, positions(graph)], -1))
        heard = self.far(torch.tanh(self.near(nodes, graph)), graph)
        logits = self.read(F.relu(torch.cat([heard, nodes], -1)))
        return logits.squeeze(-1).amax(-1).squeeze(-1)


@torch.no_grad()
def positions(graph):
    """Eigenvectors of each graph's Laplacian, the smoothest first, without gradient."""
    even = (graph + graph.transpose(-1, -2)) / 2
    laplacian = normalized_laplacian(even / even.amax((-2, -1), keepdim=True))
    ridge = RIDGE * torch.eye(N_ELECTRODES, device=graph.device)
    return torch.linalg.eigh(laplacian + ridge).eigenvectors[..., :N_EIGENVECTORS]
