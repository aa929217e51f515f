"""Fixtures of the model tests."""

import warnings

import pytest


@pytest.fixture(scope="session")
def geometric():
    """torch_geometric, whose import warns of what newer versions of torch deprecate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch_geometric.nn")
