"""Our V3 written the way the predecessor was: the same function, to state a speed-up against.

Graphs of single frames in a Python loop, torch_geometric's message passing over them, eigenvectors
at each frame, nothing in C: the scan is plain torch in chunks, the fastest form without a kernel.
"""

from unittest import mock

import torch
from peers.block_diagonal import block_diagonal, convolve
from torch import nn
from torch.nn import functional as F

from brainbrr.models.registry import load_model


class V3AsALoop(nn.Module):
    """V3 with the positions solved at each frame; `network` takes its weights."""

    def __init__(self):
        super().__init__()
        self.network = load_model("v3", scan="chunked", semi_dynamic_interval=1, eigensolver="eigh")
        self.network.graph = LoopedGraph(self.network.graph)

    def forward(self, eeg):
        """`(batch, samples)`."""
        # Norms, dropout and the ends of the edge stream would run in C whatever the scan.
        with mock.patch("brainbrr.kernels.c.binding.available", return_value=False):
            return self.network(eeg)


class LoopedGraph(nn.Module):
    """An `ElectrodeGraph` whose frames are told apart one at a time."""

    def __init__(self, graph):
        super().__init__()
        from torch_geometric.nn import SSGConv

        self.norms = graph.norms
        self.dropout = graph.dropout
        self.convolutions = nn.ModuleList()
        for dense in graph.convolutions:
            map_ = dense.lin
            sparse = SSGConv(map_.in_features, map_.out_features, alpha=dense.alpha, K=dense.hops)
            sparse.load_state_dict(dense.state_dict())
            self.convolutions.append(sparse)

    def forward(self, nodes, adjacency, encoding):
        """Features of each electrode having heard its neighbours."""
        position = encoding.to(nodes.dtype) * encoding.shape[-2] ** 0.5
        index, weights = block_diagonal(adjacency)
        for number, (norm, convolution) in enumerate(
            zip(self.norms, self.convolutions, strict=True)
        ):
            heard = norm(nodes)
            if number == 0:
                heard = torch.cat([heard, position.to(heard.dtype)], -1)
            heard = convolve(convolution, heard, index, weights.to(heard.dtype))
            nodes = nodes + self.dropout(F.gelu(heard))
        return nodes
