from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from brainbrr.cli.build import build
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.preparation.preparation import Preparation

DATA = sorted(path.stem for path in (Path(CONF_FOLDER) / "data").glob("*.yaml"))
DIVISIONS = sorted(path.stem for path in (Path(CONF_FOLDER) / "data" / "division").glob("*.yaml"))


def composed(name, *overrides):
    with initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
        return compose(name, list(overrides))


@pytest.mark.parametrize("data", DATA)
def test_every_corpus_builds(data, tmp_path):
    cfg = composed("prepare", f"data={data}", f"data.root={tmp_path}")
    corpus = build(cfg.data)
    assert isinstance(corpus, Corpus)
    assert corpus.name == data
    assert corpus.root == tmp_path
    assert list(corpus.find(tmp_path)) == []
    assert corpus.division is not None
    split = corpus.division({"a": True, "b": True, "c": False, "d": False})
    assert set(split.values()) == {"train", "val", "test"}


@pytest.mark.parametrize("division", DIVISIONS)
def test_every_division_builds(division, tmp_path):
    overrides = [f"data/division={division}", f"data.root={tmp_path}", "seed=7"]
    if division == "leave_one_out":
        overrides.append("data.division.subject=s3")
    corpus = build(composed("prepare", "data=bids", *overrides).data)
    split = corpus.division({f"s{number}": number % 2 == 0 for number in range(10)})
    assert set(split.values()) == {"train", "val", "test"}


def test_the_preparation_and_the_way_into_the_cache_build(tmp_path):
    cfg = composed("prepare", f"paths.cache={tmp_path}", "prepare.workers=3")
    assert build(cfg.signal.preparation) == Preparation()
    prepare = build(cfg.prepare)
    assert prepare.keywords == {
        "cache_root": str(tmp_path),
        "workers": 3,
        "rebuild": False,
        "share": None,
    }


@pytest.mark.parametrize(
    ("paths", "root"), [("paths=local", "data/tusz"), ("paths=modal", "/data/edf")]
)
def test_where_tusz_lies(paths, root):
    assert build(composed("prepare", "data=tusz", paths).data).root == Path(root)
