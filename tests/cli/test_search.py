"""The search asks, launches, tells; killed, it goes on under the same numbers."""

import json
import subprocess
import sys

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from brainbrr.cli.outcome import OUTCOME
from brainbrr.cli.search import (
    JOURNAL,
    LOCK,
    OtherStudy,
    Search,
    SearchFailed,
    SearchOptions,
    SearchRunning,
    UnreachableStudy,
)
from brainbrr.file_lock import lock
from brainbrr.training.callbacks.pruning import RunPruned
from brainbrr.training.study import OptunaMissing, UnknownSearchPart, make_pruner, make_sampler

optuna = pytest.importorskip("optuna")


class Killed(BaseException):
    """Nothing after it runs."""


class Launcher:
    """Jobs whose score is their `x`, a failure, a pruning, or the end of the process."""

    def __init__(self, ends=None):
        self.ends, self.launched = ends or {}, []

    def launch(self, batch, initial_job_idx):
        self.launched.append((initial_job_idx, [list(overrides) for overrides in batch]))
        return [self._job(number, each) for number, each in enumerate(batch, initial_job_idx)]

    def _job(self, number, overrides):
        end = self.ends.get(number)
        if end is Killed:
            raise Killed
        job = JobReturn()
        job.status = JobStatus.FAILED if end else JobStatus.COMPLETED
        x = next(float(each[2:]) for each in overrides if each.startswith("x="))
        job.return_value = end or x
        return job


def search(folder, launcher, *, target="basic", **changes):
    options = {
        "study": "s", "n_trials": 5, "n_jobs": 1, "max_failures": 2, "seed": 1,
        "sampler": {"name": "tpe"}, "pruner": None, "params": {"x": "interval(0,1)"},
    } | changes  # fmt: skip
    config = OmegaConf.create(
        {
            "monitor": "val/m",
            "hydra": {"sweep": {"dir": str(folder)}, "launcher": {"_target_": target}},
        }
    )
    return Search(SearchOptions(**options), config, launcher, ["fixed=1"])


def states(study):
    return [trial.state.name for trial in study.get_trials()]


def test_trials_have_the_numbers_of_their_runs(tmp_path):
    launcher = Launcher({1: RunPruned("a", "b", "c"), 3: ValueError("no")})
    study = search(tmp_path, launcher).run()
    assert [first for first, _ in launcher.launched] == [0, 1, 2, 3, 4]
    assert states(study) == ["COMPLETE", "PRUNED", "COMPLETE", "FAIL", "COMPLETE"]
    assert study.best_value == max(t.value for t in study.get_trials() if t.value is not None)
    assert launcher.launched[0][1][0][0] == "fixed=1"


def test_killed_under_way_the_same_trial_goes_on(tmp_path):
    first = Launcher({2: Killed})
    with pytest.raises(Killed):
        search(tmp_path, first).run()
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"op_code":6,"worker')
    again = Launcher()
    study = search(tmp_path, again).run()
    assert again.launched[0] == first.launched[2]
    assert [number for number, _ in again.launched] == [2, 3, 4]
    assert states(study) == ["COMPLETE"] * 5
    assert len({trial.params["x"] for trial in study.get_trials()}) == 5


def test_a_run_that_ended_before_the_study_was_told_is_not_repeated(tmp_path):
    with pytest.raises(Killed):
        search(tmp_path, Launcher({1: Killed})).run()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / OUTCOME).write_text(json.dumps({"state": "pruned"}))
    again = Launcher()
    assert states(search(tmp_path, again).run())[1] == "PRUNED"
    assert [number for number, _ in again.launched] == [2, 3, 4]


def test_a_finished_search_launches_nothing(tmp_path):
    search(tmp_path, Launcher()).run()
    again = Launcher()
    search(tmp_path, again).run()
    assert again.launched == []


def test_several_at_a_time(tmp_path):
    launcher = Launcher()
    search(tmp_path, launcher, n_jobs=3).run()
    assert [(first, len(batch)) for first, batch in launcher.launched] == [(0, 3), (3, 2)]


def test_each_run_learns_where_its_study_is(tmp_path):
    launcher = Launcher()
    search(tmp_path, launcher, pruner={"name": "median", "n_warmup_steps": 2}).run()
    text = launcher.launched[1][1][0][-1]
    assert f"journal:'{tmp_path / JOURNAL}'" in text and "trial:1" in text
    assert "pruner:{name:median,n_warmup_steps:2}" in text


def test_failures_in_a_row_end_the_search(tmp_path):
    launcher = Launcher(dict.fromkeys(range(5), ValueError("no")))
    with pytest.raises(SearchFailed, match="2 that failed one after the other"):
        search(tmp_path, launcher).run()
    assert len(launcher.launched) == 2


def test_another_space_in_the_same_study_is_refused(tmp_path):
    search(tmp_path, Launcher()).run()
    with pytest.raises(OtherStudy, match="another space"):
        search(tmp_path, Launcher(), params={"x": "interval(0,2)"}).run()


def test_two_processes_at_one_study_are_refused(tmp_path):
    path = tmp_path / LOCK
    # A lock counts between processes only.

    code = (
        "import sys; from pathlib import Path; from brainbrr.file_lock import lock\n"
        f"with lock(Path({str(path)!r}), 's', wait=False) as claimed:\n"
        "    print(claimed, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline().strip() == "held"
        with pytest.raises(SearchRunning, match="another one still at it"):
            search(tmp_path, Launcher()).run()
        other.stdin.close()
    with lock(path, "s", wait=False) as claimed:
        assert claimed == "held"


def test_pruning_where_the_study_cannot_be_seen_is_refused(tmp_path):
    with pytest.raises(UnreachableStudy, match="pruner=null"):
        search(tmp_path, Launcher(), target="x.modal_launcher.M", pruner={"name": "median"})


def test_without_optuna_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(OptunaMissing, match=r"pip install .brainbrr\[optuna\]"):
        search(tmp_path, Launcher())


def test_unknown_parts_are_refused():
    with pytest.raises(UnknownSearchPart, match="a pruner of median"):
        make_pruner({"name": "medium"})
    with pytest.raises(UnknownSearchPart, match="values that the sampler tpe takes"):
        make_sampler({"name": "tpe", "n_startup": 1}, seed=0)
