"""A study on disk, and a run's callback that knows its own trial."""

import sys

import pytest
from omegaconf import OmegaConf

from brainbrr.cli.build import build
from brainbrr.cli.search_space import search_space
from brainbrr.errors import InvalidOption, Unavailable
from brainbrr.sweeps.study import (
    RunningTrial,
    drop_torn_line,
    journal_storage,
    make_pruner,
    make_sampler,
)
from brainbrr.training.callbacks.pruning import Pruning

optuna = pytest.importorskip("optuna")


def test_half_a_line_is_dropped_and_whole_ones_stay(tmp_path):
    path = tmp_path / "journal"
    assert not drop_torn_line(path)
    path.write_text('{"a":1}\n{"b":')
    assert drop_torn_line(path) and not drop_torn_line(path)
    assert path.read_text() == '{"a":1}\n'


def test_a_trial_reports_each_epoch_once_and_is_hopeless_below_the_median(tmp_path):
    storage = journal_storage(tmp_path / "journal")
    study = optuna.create_study(study_name="s", storage=storage, direction="maximize")
    better = study.ask()
    better.report(2.0, 1)
    study.tell(better, 2.0)
    spec = {"name": "median", "n_startup_trials": 1, "n_warmup_steps": 0}
    trial = RunningTrial(tmp_path / "journal", "s", study.ask().number, spec)
    assert trial.is_hopeless(1.0, 1)
    # A resumed run validates an epoch again; the first report stands.
    trial.is_hopeless(3.0, 1)
    assert study.get_trials()[trial.number].intermediate_values == {1: 1.0}
    assert not RunningTrial(trial.journal, "s", study.ask().number, spec).is_hopeless(2.5, 1)


@pytest.mark.parametrize(
    "target",
    [
        "brainbrr.training.pruning.Pruning",
        "brainbrr.training.callbacks.pruning.Pruning",
        "brainbrr.sweeps.study.pruning_callback",
    ],
)
def test_the_callback_of_a_stored_run_is_built(target, tmp_path):
    stored = {
        "_target_": target, "journal": str(tmp_path / "j"), "study": "s", "trial": 3,
        "monitor": "val/m", "pruner": {"name": "median"},
    }  # fmt: skip
    callback = build(OmegaConf.create(stored))
    assert isinstance(callback, Pruning) and callback.monitor == "val/m"
    assert callback.is_hopeless.__self__ == RunningTrial(tmp_path / "j", "s", 3, {"name": "median"})


def test_without_optuna_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(Unavailable, match=r"pip install .brainbrr\[optuna\]"):
        search_space({"x": "interval(0,1)"}, [])


def test_unknown_parts_are_refused():
    with pytest.raises(InvalidOption, match="a pruner of median"):
        make_pruner({"name": "medium"})
    with pytest.raises(InvalidOption, match="values that the sampler tpe takes"):
        make_sampler({"name": "tpe", "n_startup": 1}, seed=0)
