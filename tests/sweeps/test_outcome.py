"""How a run ended, recorded on any exit."""

import pytest
from omegaconf import OmegaConf

from brainbrr.errors import InUse, InvalidFile
from brainbrr.sweeps.outcome import (
    CHECKPOINT,
    OUTCOME,
    Outcome,
    State,
    can_resume,
    read_outcome,
    recorded_outcome,
    write_outcome,
)
from brainbrr.training.callbacks.pruning import RunPruned


def ended_by(folder, error):
    with pytest.raises(type(error)), recorded_outcome(folder):
        raise error
    return read_outcome(folder)


def test_a_finished_run_has_its_objective(tmp_path):
    with recorded_outcome(tmp_path) as found:
        found["objective"] = 0.75
    outcome = read_outcome(tmp_path)
    assert (outcome.state, outcome.objective, outcome.error) == ("finished", 0.75, None)


def test_no_number_is_no_objective(tmp_path):
    with recorded_outcome(tmp_path) as found:
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
        with recorded_outcome(tmp_path):
            pass
        message = (tmp_path / "outcome.json").read_text()
        (tmp_path / "outcome.json").write_text(
            message.replace('"seconds": 0.0', '"seconds": 100.0')
        )
    with recorded_outcome(tmp_path):
        pass
    assert read_outcome(tmp_path).seconds >= 100.0


def test_the_same_run_resumes_and_another_is_refused(tmp_path):
    cfg = OmegaConf.create({"lr": 0.1, "run_dir": "x", "resume": None, "logs": "${run_dir}/logs"})
    assert not can_resume(cfg, tmp_path)
    stored = OmegaConf.create({**cfg, "run_dir": str(tmp_path), "logs": f"{tmp_path}/logs"})
    OmegaConf.save(stored, tmp_path / "config.yaml")
    assert not can_resume(cfg, tmp_path)
    (tmp_path / CHECKPOINT).parent.mkdir()
    (tmp_path / CHECKPOINT).touch()
    assert can_resume(cfg, tmp_path)
    cfg.lr = 0.2
    with pytest.raises(InUse, match="with another lr"):
        can_resume(cfg, tmp_path)


def test_what_is_written_is_read(tmp_path):
    outcome = Outcome(
        State.OUT_OF_BUDGET, 3.5, 0.25, "x", ("lr=1",), 75, 0.5, "fc-1", "/runs/a", ("big.npy",)
    )
    write_outcome(tmp_path, outcome)
    assert read_outcome(tmp_path) == outcome


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"state": "finished", "sec', "Unterminated string"),
        ("[1]", "not a JSON object"),
        ('{"state": "done"}', "'done' is not a valid State"),
        ('{"state": 3}', "state is 3"),
        ('{"seconds": "12"}', "seconds is '12'"),
        ('{"seconds": true}', "seconds is True"),
        ('{"overrides": [1]}', r"overrides is \[1\]"),
    ],
)
def test_damaged_content_is_refused_by_name(tmp_path, content, reason):
    (tmp_path / OUTCOME).write_text(content)
    with pytest.raises(InvalidFile, match=f"outcome.json: {reason}.*counts as unfinished"):
        read_outcome(tmp_path)


def test_files_of_both_writers_of_earlier_versions_are_read(tmp_path):
    (tmp_path / OUTCOME).write_text(
        '{"state": "finished", "exit_code": 0, "seconds": 3, "left_out": ["a"], "usd": 0.25, '
        '"call_id": "fc-1", "run_dir": "/r", "overrides": ["lr=1"]}'
    )
    assert read_outcome(tmp_path) == Outcome(
        State.FINISHED, 3, None, None, ("lr=1",), 0, 0.25, "fc-1", "/r", ("a",)
    )
    (tmp_path / OUTCOME).write_text(
        '{"state": "pruned", "seconds": 2.5, "objective": null, "error": "RunPruned: x"}'
    )
    assert read_outcome(tmp_path) == Outcome(State.PRUNED, 2.5, None, "RunPruned: x")


def test_a_run_that_was_begun_under_earlier_names_resumes(tmp_path):
    stored = {"a": {"_target_": "old.A", "b": [1]}, "run_dir": "x", "resume": None}
    OmegaConf.save(OmegaConf.create(stored), tmp_path / "config.yaml")
    (tmp_path / CHECKPOINT).parent.mkdir()
    (tmp_path / CHECKPOINT).touch()
    cfg = OmegaConf.create({**stored, "a": {"_target_": "new.A", "b": [1]}})
    assert can_resume(cfg, tmp_path, current=lambda values: {**values, "a": cfg.a})
    with pytest.raises(InUse, match="with another a._target_"):
        can_resume(cfg, tmp_path)
