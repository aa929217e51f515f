"""The search asks, launches, reports; killed, it resumes under the same numbers."""

import json
import subprocess
import sys

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from brainbrr.cli.search_space import search_space
from brainbrr.errors import Failed, InUse, InvalidOption
from brainbrr.file_lock import lock
from brainbrr.sweeps.outcome import OUTCOME
from brainbrr.sweeps.search import JOURNAL, LOCK, Search, SearchOptions
from brainbrr.training.callbacks.pruning import RunPruned

optuna = pytest.importorskip("optuna")


class Killed(BaseException):
    """Nothing after it runs."""


class Launcher:
    """Jobs whose score is their `x`, a failure, a pruning, or the end of the process."""

    def __init__(self, ends=None):
        self.ends, self.launched = ends or {}, []

    def __call__(self, batch, first):
        self.launched.append((first, [list(overrides) for overrides in batch]))
        return [self._result(number, each) for number, each in enumerate(batch, first)]

    def _result(self, number, overrides):
        end = self.ends.get(number)
        if end is Killed:
            raise Killed
        return end or next(float(each[2:]) for each in overrides if each.startswith("x="))


def search(folder, launcher, *, target="basic", dry_run=False, **changes):
    options = {
        "study": "s", "n_trials": 5, "n_jobs": 1, "max_failures": 2, "seed": 1,
        "sampler": {"name": "tpe"}, "pruner": None, "params": {"x": "interval(0,1)"},
    } | changes  # fmt: skip
    config = OmegaConf.create(
        {
            "monitor": "val/m",
            "dry_run": dry_run,
            "hydra": {"sweep": {"dir": str(folder)}, "launcher": {"_target_": target}},
        }
    )
    space = search_space(options["params"], ["fixed=1"])
    return Search(SearchOptions(**options), space, config, launcher)


def states(study):
    return [trial.state.name for trial in study.get_trials()]


def test_trials_have_the_numbers_of_their_runs(tmp_path):
    launcher = Launcher({1: RunPruned("a", "b", "c"), 3: ValueError("no")})
    study = search(tmp_path, launcher).run()
    assert [first for first, _ in launcher.launched] == [0, 1, 2, 3, 4]
    assert states(study) == ["COMPLETE", "PRUNED", "COMPLETE", "FAIL", "COMPLETE"]
    assert study.best_value == max(t.value for t in study.get_trials() if t.value is not None)
    assert launcher.launched[0][1][0][0] == "fixed=1"


def test_killed_in_progress_the_same_trial_resumes(tmp_path):
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


def test_a_run_that_ended_before_it_was_reported_is_not_repeated(tmp_path):
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


def test_a_dry_run_shows_the_next_runs_and_uses_up_no_trials(tmp_path):
    folder, dry = tmp_path / "study", Launcher()
    assert search(folder, dry, n_jobs=2, dry_run=True).run() is None
    assert [first for first, _ in dry.launched] == [0] and not folder.exists()
    search(folder, Launcher(), n_trials=2).run()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    search(folder, dry, n_jobs=2, dry_run=True).run()
    assert [(first, len(runs)) for first, runs in dry.launched] == [(0, 2), (2, 2)]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    with pytest.raises(InUse, match="another space"):
        search(folder, dry, params={"x": "interval(0,2)"}, dry_run=True).run()
    assert len(search(folder, Launcher()).run().trials) == 5


def test_several_at_a_time(tmp_path):
    launcher = Launcher()
    search(tmp_path, launcher, n_jobs=3).run()
    assert [(first, len(batch)) for first, batch in launcher.launched] == [(0, 3), (3, 2)]


def test_each_run_gets_the_file_of_its_study(tmp_path):
    launcher = Launcher()
    search(tmp_path, launcher, pruner={"name": "median", "n_warmup_steps": 2}).run()
    text = launcher.launched[1][1][0][-1]
    assert f"journal:'{tmp_path / JOURNAL}'" in text and "trial:1" in text
    assert "pruner:{name:median,n_warmup_steps:2}" in text


def test_failures_in_a_row_end_the_search(tmp_path):
    launcher = Launcher(dict.fromkeys(range(5), ValueError("no")))
    with pytest.raises(Failed, match="2 runs failed in a row"):
        search(tmp_path, launcher).run()
    assert len(launcher.launched) == 2


def test_another_space_in_the_same_study_is_refused(tmp_path):
    search(tmp_path, Launcher()).run()
    with pytest.raises(InUse, match="another space"):
        search(tmp_path, Launcher(), params={"x": "interval(0,2)"}).run()


def test_a_second_process_at_one_study_is_refused(tmp_path):
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
        with pytest.raises(InUse, match="another process runs the search"):
            search(tmp_path, Launcher()).run()
        other.stdin.close()
    with lock(path, "s", wait=False) as claimed:
        assert claimed == "held"


def test_pruning_is_refused_if_runs_cannot_see_the_study(tmp_path):
    with pytest.raises(InvalidOption, match="pruner=null"):
        search(tmp_path, Launcher(), target="x.modal_launcher.M", pruner={"name": "median"})


def test_the_summary_names_the_best_trial_and_how_all_ended(tmp_path):
    launcher = Launcher({1: RunPruned("a", "b", "c"), 3: ValueError("no")})
    finished = search(tmp_path, launcher)
    study = finished.run()
    console = Console(width=80, record=True)
    console.print(finished.summary(study), soft_wrap=True)
    text = console.export_text()
    assert "5 trials: 3 finished, 1 pruned, 1 failed" in text
    assert f"trial {study.best_trial.number}: val/m {study.best_value:.4g}" in text
    assert f"sweep-table {tmp_path}" in text
