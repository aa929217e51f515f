"""Graph convolutions that would starve the edge stream."""

import pytest

from brainbrr.errors import InvalidOption
from brainbrr.models.graph import graph_convolution


@pytest.mark.parametrize(
    ("name", "message"),
    [("NoConv", "got 'NoConv'"), ("SAGEConv", "uses edge weights; got SAGEConv")],
)
@pytest.mark.usefixtures("geometric")
def test_a_graph_convolution_that_would_starve_the_edges_is_refused(name, message):
    with pytest.raises(InvalidOption, match=message):
        graph_convolution(name, 4, 4, alpha=0.05, hops=2)
