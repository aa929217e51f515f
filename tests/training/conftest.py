"""A prepared corpus of minutes, written once for all tests of training."""

import pytest

from tests import tiny_corpus as tiny


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    tiny.corpus(folder)
    return folder


@pytest.fixture
def rows():
    return tiny.rows()
