"""How a run ended, noted whatever the way."""

import pytest
from omegaconf import OmegaConf

from brainbrr.cli.outcome import (
    CHECKPOINT,
    OtherRunHere,
    Outcome,
    can_go_on,
    noted_outcome,
    read_outcome,
)
from brainbrr.training.callbacks.pruning import RunPruned


def ended_by(folder, error):
    with pytest.raises(type(error)), noted_outcome(folder):
        raise error
    return read_outcome(folder)


def test_a_finished_run_has_its_objective(tmp_path):
    with noted_outcome(tmp_path) as found:
        found["objective"] = 0.75
    outcome = read_outcome(tmp_path)
    assert (outcome.state, outcome.objective, outcome.error) == ("finished", 0.75, None)


def test_no_number_is_no_objective(tmp_path):
    with noted_outcome(tmp_path) as found:
        found["objective"] = float("nan")
    assert read_outcome(tmp_path).objective is None


def test_every_way_to_end(tmp_path):
    assert ended_by(tmp_path, ValueError("lr\nmore")).error == "ValueError: lr"
    assert ended_by(tmp_path, ValueError("lr")).state == "failed"
    assert ended_by(tmp_path, RunPruned("a", "b", "c")).state == "pruned"
    assert ended_by(tmp_path, SystemExit(75)).state == "unfinished"
    assert read_outcome(tmp_path / "none") == Outcome()


def test_attempts_add_up(tmp_path):
    for _ in range(2):
        with noted_outcome(tmp_path):
            pass
        told = (tmp_path / "outcome.json").read_text()
        (tmp_path / "outcome.json").write_text(told.replace('"seconds": 0.0', '"seconds": 100.0'))
    with noted_outcome(tmp_path):
        pass
    assert read_outcome(tmp_path).seconds >= 100.0


def test_the_same_run_goes_on_and_another_is_refused(tmp_path):
    cfg = OmegaConf.create({"lr": 0.1, "run_dir": "x", "resume": None, "logs": "${run_dir}/logs"})
    assert not can_go_on(cfg, tmp_path)
    stored = OmegaConf.create({**cfg, "run_dir": str(tmp_path), "logs": f"{tmp_path}/logs"})
    OmegaConf.save(stored, tmp_path / "config.yaml")
    assert not can_go_on(cfg, tmp_path)
    (tmp_path / CHECKPOINT).parent.mkdir()
    (tmp_path / CHECKPOINT).touch()
    assert can_go_on(cfg, tmp_path)
    cfg.lr = 0.2
    with pytest.raises(OtherRunHere, match="with another lr"):
        can_go_on(cfg, tmp_path)
