"""Message passing between electrodes over a graph that changes at each frame.

Axes: nodes (batch, frames, electrodes, features), adjacency (batch, frames, electrodes,
    electrodes).
"""

import inspect
from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.errors import InvalidOption
from brainbrr.models.laplacian import inverse_root
from brainbrr.models.layers import Dropout, variance_preserving_init_


class SSGConv(nn.Module):
    """Simple spectral graph convolution (Zhu and Koniusz 2021) over all frames at once, as dense
    products.

    Equal to `torch_geometric.nn.SSGConv`, with self loops and symmetric normalization, under the
    same parameter names.

    Args:
        features_in: features of each electrode.
        features_out: features after the linear map.
        alpha: fraction of an electrode's own features.
        hops: how far along edges a message travels.
    """

    def __init__(self, features_in: int, features_out: int, *, alpha: float, hops: int) -> None:
        super().__init__()
        self.lin = nn.Linear(features_in, features_out)
        self.alpha = alpha
        self.hops = hops

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """Return `(batch, frames, electrodes, features_out)`."""
        return self.spread(nodes, self.operator(adjacency))

    def operator(self, adjacency: Tensor) -> Tensor:
        """Return all hops as one matrix per frame, `alpha + (1 - alpha) / hops (S + S^2 + ...)`.

        Matrices of electrodes are small compared with their features: one product and no sum over
        features is left.
        """
        step = normalized_adjacency(adjacency)
        hop, reached = step, step
        for _ in range(self.hops - 1):
            hop = hop @ step
            reached = reached + hop
        identity = torch.eye(step.shape[-1], dtype=step.dtype, device=step.device)
        return self.alpha * identity + (1 - self.alpha) / self.hops * reached

    def spread(self, nodes: Tensor, operator: Tensor) -> Tensor:
        """Return `(batch, frames, electrodes, features_out)`, from what `operator` gave."""
        out: Tensor = self.lin(operator.to(nodes.dtype) @ nodes)
        return out


def normalized_adjacency(adjacency: Tensor) -> Tensor:
    """Return `D^-1/2 (A + I) D^-1/2`: self loops of weight 1, rows and columns scaled by degree."""
    identity = torch.eye(adjacency.shape[-1], dtype=adjacency.dtype, device=adjacency.device)
    looped = adjacency + identity
    scale = inverse_root(looped.sum(-1))
    return scale[..., :, None] * looped * scale[..., None, :]


class GeometricConvolution(nn.Module):
    """Any convolution of torch_geometric that uses edge weights, over all frames as one
    block-diagonal graph.

    Args:
        convolution: called with `(nodes, edge_index, weights)`.
        weights_as: the name by which it takes weights, `edge_weight` or `edge_attr`.
    """

    def __init__(self, convolution: nn.Module, weights_as: str) -> None:
        super().__init__()
        self.convolution = convolution
        self.weights_as = weights_as

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """Return `(batch, frames, electrodes, features_out)`."""
        return self.spread(nodes, adjacency)

    def operator(self, adjacency: Tensor) -> Tensor:
        """Return the adjacency itself."""
        return adjacency

    def spread(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """Return `(batch, frames, electrodes, features_out)`."""
        n = nodes.shape[-2]
        graphs = adjacency.flatten(0, -3)
        graph, source, target = graphs.detach().nonzero(as_tuple=True)
        weights = {self.weights_as: graphs[graph, source, target].to(nodes.dtype)}
        index = torch.stack([graph * n + source, graph * n + target])
        out: Tensor = self.convolution(nodes.flatten(0, -2), index, **weights)
        return out.reshape(*nodes.shape[:-1], -1)


def graph_convolution(
    name: str, features_in: int, features_out: int, *, alpha: float, hops: int
) -> nn.Module:
    """Return the dense convolution, or one of torch_geometric by its class name.

    Args:
        name: `ssg` for the dense SSGConv, otherwise a class of `torch_geometric.nn` (`SSGConv`,
            `GCNConv`, `GATv2Conv`).
        features_in: features of each electrode.
        features_out: features after it.
        alpha: for SSGConv.
        hops: for SSGConv.

    Raises:
        InvalidOption: torch_geometric has no such class, or it ignores edge weights (the edge
            stream would never learn).
    """
    if name == "ssg":
        layer = SSGConv(features_in, features_out, alpha=alpha, hops=hops)
        variance_preserving_init_(layer.lin)
        return layer
    from torch_geometric import nn as geometric

    kind = getattr(geometric, name, None)
    if kind is None:
        raise InvalidOption(
            "ssg or a class of torch_geometric.nn",
            repr(name),
            "Set model.graph_convolution to one.",
        )
    takes = inspect.signature(kind.forward).parameters
    numbers = inspect.signature(kind.__init__).parameters
    if "edge_weight" in takes:
        options = {"alpha": alpha, "K": hops} if name == "SSGConv" else {}
        return GeometricConvolution(kind(features_in, features_out, **options), "edge_weight")
    if "edge_attr" in takes and "edge_dim" in numbers:
        return GeometricConvolution(kind(features_in, features_out, edge_dim=1), "edge_attr")
    raise InvalidOption(
        "a convolution that uses edge weights",
        name,
        "Without them the edge stream gets no gradient; use ssg, GCNConv or GATv2Conv.",
    )


class GraphConvolution(Protocol):
    """What a graph layer asks of a convolution."""

    def operator(self, adjacency: Tensor) -> Tensor:
        """Return what the layers of one graph share, made once from `(batch, frames, n, n)`."""

    def spread(self, nodes: Tensor, operator: Tensor) -> Tensor:
        """Return `(batch, frames, electrodes, features_out)`."""


class ElectrodeGraph(nn.Module):
    """Residual graph layers; the first also sees where each electrode sits in the graph.

    Args:
        features: features of each electrode.
        n_eigenvectors: width of the positional encoding.
        layers: number of layers.
        convolution: see `graph_convolution`.
        alpha: fraction of an electrode's own features in SSGConv.
        hops: reach of SSGConv.
        dropout: probability in each residual branch.
    """

    def __init__(
        self,
        features: int,
        n_eigenvectors: int,
        *,
        layers: int,
        convolution: str,
        alpha: float,
        hops: int,
        dropout: float,
    ) -> None:
        super().__init__()
        widths = [features + n_eigenvectors, *([features] * (layers - 1))]
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in widths)
        self.convolutions = nn.ModuleList(
            graph_convolution(convolution, width, features, alpha=alpha, hops=hops)
            for width in widths
        )
        self.dropout = Dropout(dropout)

    def forward(self, nodes: Tensor, adjacency: Tensor, encoding: Tensor) -> Tensor:
        """Return features of each electrode after message passing."""
        # Unit vectors over n electrodes have entries of 1/sqrt(n): brought to the order of the
        # features.
        position = encoding.to(nodes.dtype) * encoding.shape[-2] ** 0.5
        convolutions = cast(Sequence[GraphConvolution], self.convolutions)
        operator = convolutions[0].operator(adjacency)
        for norm, convolution in zip(self.norms, convolutions, strict=True):
            normed = norm(nodes)
            if convolution is convolutions[0]:
                normed = torch.cat([normed, position.to(normed.dtype)], -1)
            nodes = nodes + self.dropout(F.gelu(convolution.spread(normed, operator)))
        return nodes
