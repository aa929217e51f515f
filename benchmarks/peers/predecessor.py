"""The predecessor's V3 (brain-go-brr-v2, v3.1.1) as it ran without CUDA, written anew to be timed.

Its Mamba-2 is replaced there by a short depthwise convolution each way. The parameters of each part
and the 110.6 GFLOP are those counted in the original. Its encoder works at the full 256 Hz; its
eigenproblem is solved at each frame, with gradient, after a condition number that changes nothing;
3.19 million parameters are built and never run.
Axes: eeg (batch, electrodes, samples), nodes (batch, electrodes, frames, features).
"""

from itertools import pairwise

import torch
from peers.block_diagonal import block_diagonal, convolve
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from brainbrr.kernels.reference import matrices_of, pairs_of
from brainbrr.models.front import cosine_similarity
from brainbrr.models.laplacian import normalized_laplacian

N_PARAMETERS = 11_877_866
GFLOP = 110.6
N_ELECTRODES = 19
STRIDE = 16
ENCODER_WIDTHS = (64, 128, 256, 512, 64, 128, 256, 512)
FEATURES = 64
EDGE_FEATURES = 16
N_NEIGHBOURS = 3
N_EIGENVECTORS = 16


class Predecessor(nn.Module):
    """Logits of the predecessor's V3 with convolutions for Mamba-2."""

    def __init__(self):
        super().__init__()
        width = ENCODER_WIDTHS[-1]
        self.encoder = full_rate_encoder()
        self.never_run = stack(width, layers=6)
        self.to_electrodes = nn.Conv1d(width, N_ELECTRODES * FEATURES, 1)
        self.node_stream = stack(FEATURES, layers=6)
        self.lift = nn.Conv1d(1, EDGE_FEATURES, 1, bias=False)
        self.edge_stream = stack(EDGE_FEATURES, layers=2)
        self.lower = nn.Conv1d(EDGE_FEATURES, 1, 1)
        self.graph = FrameByFrame()
        self.from_electrodes = nn.Conv1d(N_ELECTRODES * FEATURES, width, 1)
        self.narrow = nn.Conv1d(width, N_ELECTRODES, 1)
        self.read = nn.Conv1d(N_ELECTRODES, 1, 1)

    def forward(self, eeg):
        """`(batch, samples)`, alike over each 16 samples."""
        features = self.to_electrodes(self.encoder(eeg))
        nodes = features.unflatten(1, (N_ELECTRODES, FEATURES)).transpose(2, 3)
        adjacency = self.adjacency(nodes)
        nodes = self.node_stream(nodes.flatten(0, 1)).unflatten(0, nodes.shape[:2])
        nodes = self.graph(nodes.transpose(1, 2), adjacency)
        merged = self.from_electrodes(nodes.flatten(2).transpose(1, 2))
        slow = F.interpolate(self.narrow(merged), scale_factor=STRIDE, mode="nearest")
        return bounded(self.read(slow).squeeze(1), 100.0)

    def adjacency(self, nodes):
        """The edge stream's weights, of each electrode the strongest."""
        similarity = pairs_of(cosine_similarity(nodes)).clamp(-0.99, 0.99)
        lifted = self.lift(similarity.flatten(0, 1)[:, None]).clamp(-3, 3)
        read = self.lower(self.edge_stream(lifted.transpose(1, 2)).transpose(1, 2))
        weights = matrices_of(F.softplus(read).reshape(similarity.shape), N_ELECTRODES)
        chosen = weights.topk(N_NEIGHBOURS, -1)
        kept = torch.zeros_like(weights).scatter(-1, chosen.indices, chosen.values)
        return (kept + kept.transpose(-1, -2)) / 2


class ShortConvolutions(nn.Module):
    """What stood in for Mamba-2 in both directions: four taps each way, a map, a last norm."""

    def __init__(self, width):
        super().__init__()
        self.each_way = nn.ModuleList(
            nn.Conv1d(width, width, 4, groups=width, padding=3) for _ in range(2)
        )
        self.join = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, sequences):
        steps = sequences.shape[1]
        features = bounded(sequences, 10.0).transpose(1, 2)
        past, future = self.each_way
        ahead = past(features)[..., :steps]
        back = future(features.flip(-1))[..., :steps].flip(-1)
        joined = self.join(torch.cat([ahead, back], 1).transpose(1, 2)).clamp(-5, 5)
        return self.norm(sequences + self.dropout(joined)).clamp(-10, 10)


class FrameByFrame(nn.Module):
    """Two graph convolutions without a non-linearity, over each frame's graph."""

    def __init__(self):
        super().__init__()
        from torch_geometric.nn import SSGConv

        widths = (FEATURES + N_EIGENVECTORS, FEATURES, FEATURES)
        self.convolutions = nn.ModuleList(
            SSGConv(wide, narrow, alpha=0.05, K=2) for wide, narrow in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(FEATURES) for _ in self.convolutions)
        self.unused = nn.Linear(1, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, nodes, adjacency):
        index, weights = block_diagonal(adjacency)
        first, second = self.convolutions
        seen = torch.cat([nodes, positions(adjacency)], -1)
        heard = self.dropout(self.norms[0](convolve(first, seen, index, weights)))
        further = self.dropout(self.norms[1](convolve(second, heard, index, weights)))
        return heard + further


def positions(adjacency):
    """Eigenvectors of each frame's Laplacian, with gradient."""
    ridge = 1e-4 * torch.eye(N_ELECTRODES, device=adjacency.device)
    laplacian = normalized_laplacian(adjacency) + ridge
    poor = torch.linalg.cond(laplacian.detach()) > 1e6
    laplacian = laplacian + torch.where(poor, 1e-3, 0.0)[..., None, None] * ridge
    vectors = torch.linalg.eigh(laplacian).eigenvectors[..., :N_EIGENVECTORS]
    sign = torch.where(vectors.sum(-2, keepdim=True) < 0, -1.0, 1.0)
    return torch.nan_to_num(vectors * sign)


def full_rate_encoder():
    """Eight dilated convolutions at 256 Hz, two maps, and only then one frame for 16 samples."""
    layers = []
    for number, (wide, narrow) in enumerate(pairwise((N_ELECTRODES, *ENCODER_WIDTHS))):
        dilation = 2**number
        convolution = nn.Conv1d(wide, narrow, 7, dilation=dilation, padding=3 * dilation)
        layers += [weight_norm(convolution), nn.ReLU(), nn.Dropout(0.15)]
    width = ENCODER_WIDTHS[-1]
    maps = [nn.Conv1d(width, width, 1) for _ in range(2)]
    return nn.Sequential(*layers, *maps, nn.Conv1d(width, width, STRIDE, stride=STRIDE))


def stack(width, layers):
    return nn.Sequential(*(ShortConvolutions(width) for _ in range(layers)))


def bounded(values, limit):
    return torch.nan_to_num(values).clamp(-limit, limit)
