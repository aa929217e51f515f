import json

import pytest
from omegaconf import OmegaConf

from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.sweeps.modal.ledger import Record
from brainbrr.sweeps.modal.results import download_results, objective
from brainbrr.sweeps.modal.sweep_job import CallResult, JobSpec, SweepJob
from brainbrr.sweeps.outcome import read_outcome


def ended(result):
    record = Record("key", "finished", call_id="fc-1", spent_usd=0.25)
    spec = JobSpec(0, "train", ("lr=1",), "c")
    return SweepJob(spec, {"run_dir": "/runs/key"}, 1.0, record, result)


def test_files_output_and_outcome_are_written(tmp_path):
    result = CallResult("finished", 3.5, 0, "words", files={"a/b.tsv": b"x"}, left_out=("c.html",))
    download_results(ended(result), tmp_path / "0")
    assert (tmp_path / "0" / "a" / "b.tsv").read_bytes() == b"x"
    assert (tmp_path / "0" / "log.txt").read_text() == "words"
    outcome = json.loads((tmp_path / "0" / "outcome.json").read_text())
    assert outcome == {
        "state": "finished", "exit_code": 0, "seconds": 3.5, "left_out": ["c.html"], "usd": 0.25,
        "call_id": "fc-1", "run_dir": "/runs/key", "overrides": ["lr=1"], "objective": None,
        "error": None,
    }  # fmt: skip


def test_the_error_of_a_job_is_its_last_line(tmp_path):
    download_results(ended(CallResult("failed", detail="a\nValueError: x\n")), tmp_path / "0")
    assert read_outcome(tmp_path / "0").error == "ValueError: x"


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/brainbrr-out.txt"])
def test_no_file_leaves_the_job_s_folder(tmp_path, name):
    download_results(ended(CallResult("finished", files={name: b"x"})), tmp_path / "0")
    assert sorted(path.name for path in tmp_path.rglob("*.txt")) == ["log.txt"]


def test_the_objective_is_the_best_metric():
    def of(text):
        return objective(CallResult("finished", files={"detector/detector.json": text}))

    assert of(b'{"provenance": {"best_metric": {"val/event_f1": 0.75}}}') == 0.75
    assert of(b'{"provenance": {"best_metric": {"val/event_f1": NaN}}}') is None
    assert of(b'{"provenance": {}}') is None
    assert objective(CallResult("failed")) is None


def test_a_job_s_objective_is_in_what_is_downloaded_of_it(tmp_path):
    launcher = OmegaConf.load(CONF_FOLDER / "hydra" / "launcher" / "modal.yaml").hydra.launcher
    (tmp_path / "detector").mkdir()
    for name in ("detector.json", "model.safetensors"):
        (tmp_path / "detector" / name).touch()
    found = {path.name for glob in launcher.download for path in tmp_path.glob(glob)}
    assert found == {"detector.json"}
