import json

import pytest

from brainbrr.sweeps.modal.platform import Outcome
from brainbrr.sweeps.modal.results import bring_home, objective


def test_files_words_and_end_come_home(tmp_path):
    outcome = Outcome("finished", 3.5, 0, "words", files={"a/b.tsv": b"x"}, left_out=("c.html",))
    bring_home(outcome, tmp_path / "0", usd=0.25)
    assert (tmp_path / "0" / "a" / "b.tsv").read_bytes() == b"x"
    assert (tmp_path / "0" / "log.txt").read_text() == "words"
    told = json.loads((tmp_path / "0" / "outcome.json").read_text())
    assert told == {
        "state": "finished", "exit_code": 0, "seconds": 3.5, "left_out": ["c.html"], "usd": 0.25,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/brainbrr-out.txt"])
def test_no_file_leaves_the_job_s_folder(tmp_path, name):
    bring_home(Outcome("finished", files={name: b"x"}), tmp_path / "0")
    assert sorted(path.name for path in tmp_path.rglob("*.txt")) == ["log.txt"]


def test_the_objective_is_the_best_metric():
    def of(text):
        return objective(Outcome("finished", files={"detector/detector.json": text}))

    assert of(b'{"provenance": {"best_metric": {"val/event_f1": 0.75}}}') == 0.75
    assert of(b'{"provenance": {"best_metric": {"val/event_f1": NaN}}}') is None
    assert of(b'{"provenance": {}}') is None
    assert objective(Outcome("failed")) is None
