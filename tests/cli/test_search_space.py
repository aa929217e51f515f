"""Hydra's sweep syntax as a search space."""

import pytest

from brainbrr.cli.search_space import search_space
from brainbrr.errors import InvalidOption

optuna = pytest.importorskip("optuna")
kinds = optuna.distributions


@pytest.mark.parametrize(
    ("typed", "distribution"),
    [
        ("x=interval(0.1,0.5)", kinds.FloatDistribution(0.1, 0.5)),
        ("x=tag(log,interval(1e-4,1e-2))", kinds.FloatDistribution(1e-4, 1e-2, log=True)),
        ("x=int(interval(1,5))", kinds.IntDistribution(1, 5)),
        ("x=range(2,8,2)", kinds.IntDistribution(2, 6, step=2)),
        ("x=a,b", kinds.CategoricalDistribution(["a", "b"])),
        ('x=choice("off",light)', kinds.CategoricalDistribution(["off", "light"])),
    ],
)
def test_each_kind_of_sweep(typed, distribution):
    assert search_space({}, [typed]).distributions == {"x": distribution}


def test_what_is_typed_replaces_what_is_configured():
    space = search_space({"a": "interval(0,1)", "b": "1,2"}, ["a=0.5", "c=text"])
    assert list(space.distributions) == ["b"]
    assert space.fixed == ("a=0.5", "c=text")
    assert space.overrides({"b": "2"}) == ["a=0.5", "c=text", "b=2"]


def test_nothing_to_vary_is_refused():
    with pytest.raises(InvalidOption, match="fixed values only"):
        search_space({}, ["a=1"])


def test_an_interval_upside_down_is_refused():
    with pytest.raises(InvalidOption, match="an interval from low to high; got x=interval"):
        search_space({"x": "interval(2,1)"}, [])


def test_unreadable_syntax_is_refused():
    with pytest.raises(InvalidOption, match="range\\(\\), interval"):
        search_space({"x": "interval(1"}, [])
