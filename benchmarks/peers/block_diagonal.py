"""Graphs of single frames, put together in a Python loop: how the predecessor built them.

Axes: (batch, frames, electrodes, features).
"""

import torch


def block_diagonal(adjacency):
    """One graph of all frames' graphs: `(2, edges)` and their weights, frame by frame."""
    graphs = adjacency.flatten(0, 1)
    indices, weights = [], []
    for number, graph in enumerate(graphs):
        index = graph.detach().nonzero().t()
        indices.append(index + number * graph.shape[-1])
        weights.append(graph[index[0], index[1]])
    return torch.cat(indices, 1), torch.cat(weights)


def convolve(convolution, nodes, index, weights):
    """A convolution of torch_geometric over all frames' electrodes."""
    out = convolution(nodes.flatten(0, 2), index, weights)
    return out.reshape(*nodes.shape[:3], -1)
