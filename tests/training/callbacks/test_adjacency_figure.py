"""The learned graph of the longest seizure, drawn."""

import re

import torch

from brainbrr.data.windows.dataset import open_mapped
from brainbrr.models.detector import Explanation
from brainbrr.reporting.graph_figure import CELL, LEFT, RIGHT, SIDE, TOP
from brainbrr.reporting.markup import Html
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


def boxes(figure, kind):
    """Left, top, width, height and opacity of each rectangle of a kind."""
    found = re.findall(
        rf'<rect class="{kind}" x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)" '
        r'fill=".*?" fill-opacity="(.*?)"',
        figure,
    )
    return [tuple(map(float, each)) for each in found]


def test_ties_are_drawn_over_time_at_the_edge_of_the_longest_seizure(rows, cache):
    network = Graphed().train()
    figure = adjacency_figure(network, Watched(rows, cache))
    assert isinstance(figure, Html)
    assert network.training
    cells = {kind: boxes(figure, kind) for kind in ("tie", "strength")}
    # Of four matrices the last two have the pair, at the highest weight: the darkest there is.
    assert [opacity for *_, opacity in cells["tie"]] == [1.0] * 4
    third, fourth = LEFT + (RIGHT - LEFT) / 2, LEFT + (RIGHT - LEFT) * 3 / 4
    expected = [
        (x + CELL * i, TOP + CELL * j) for x in (third, fourth) for j, i in ((0, 1), (1, 0))
    ]
    assert [(x, y) for x, y, *_ in cells["tie"]] == expected
    assert "darkest: weight 0.70 above, sum of ties 0.70 below" in figure
    # Both electrodes have a tie in the second half of sixteen frames, the others never.
    tops = sorted({y for _, y, *_ in cells["strength"]})
    assert len(cells["strength"]) == 16
    assert tops == [TOP + SIDE + 30, TOP + SIDE + 30 + CELL]
    assert min(x for x, *_ in cells["strength"]) == LEFT + (RIGHT - LEFT) / 2
    assert figure.count('class="probability"') == 1
    batch, name = edge_of_the_longest_seizure(Watched(rows, cache))
    assert abs(batch.label.float().mean() - 0.5) < 0.2 and f">{name}</text>" in figure


def test_a_network_without_a_graph_has_no_such_figure(rows, cache):
    assert adjacency_figure(tiny.TinyNetwork(), Watched(rows, cache)) is None
