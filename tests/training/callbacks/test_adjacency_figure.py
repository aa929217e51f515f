"""The learned graph of the longest seizure, drawn."""

import pytest
import torch

from brainbrr.data.windows.dataset import open_mapped
from brainbrr.models.detector import Explanation
from brainbrr.training.callbacks.adjacency_figure import (
    adjacency_figure,
    edge_of_the_longest_seizure,
)
from tests import tiny_corpus as tiny


class Graphed(tiny.TinyNetwork):
    """A network with a graph: the first two electrodes tied in the window's second half."""

    def explain(self, eeg, observed):
        adjacency = torch.zeros(len(eeg), 16, 19, 19)
        adjacency[:, 8:, 0, 1] = adjacency[:, 8:, 1, 0] = 0.7
        return Explanation(adjacency, torch.ones(len(eeg), 19, 16), self(eeg, observed))


class Watched:
    """What the figure needs to know of a validation."""

    windowing, open_signal = tiny.WINDOWING, staticmethod(open_mapped)

    def __init__(self, rows, cache):
        self.rows, self.cache_folder = [row for row in rows if row.split == "val"], cache


def test_ties_are_drawn_over_time_at_the_edge_of_the_longest_seizure(rows, cache):
    network = Graphed().train()
    figure = adjacency_figure(network, Watched(rows, cache))
    assert network.training
    matrices, (ties, course, *_) = (each.axes for each in figure.subfigs)
    shown = [axes.images[0].get_array() for axes in matrices[:4]]
    assert [matrix[0, 1] for matrix in shown] == pytest.approx([0, 0, 0.7, 0.7])
    strength = ties.images[0].get_array()
    assert strength.shape == (19, 16) and strength[0, 8:].tolist() == pytest.approx([0.7] * 8)
    assert not strength[2:].any() and len(course.lines) == 1
    batch, name = edge_of_the_longest_seizure(Watched(rows, cache))
    assert abs(batch.label.float().mean() - 0.5) < 0.2 and name == figure.get_suptitle()


def test_a_network_without_a_graph_has_no_such_figure(rows, cache):
    assert adjacency_figure(tiny.TinyNetwork(), Watched(rows, cache)) is None
