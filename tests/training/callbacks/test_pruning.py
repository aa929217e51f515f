"""A run that falls behind its search's other runs is pruned after a validation."""

import pytest

from brainbrr.sweeps.study import journal_storage, pruning_callback
from brainbrr.training.callbacks.pruning import RunPruned
from tests import tiny_corpus as tiny

optuna = pytest.importorskip("optuna")
MONITOR = "val/average_precision"


@pytest.fixture
def study(tmp_path):
    return optuna.create_study(
        study_name="s", storage=journal_storage(tmp_path / "journal"), direction="maximize"
    )


def pruned_run(tmp_path, rows, cache, trial):
    spec = {"name": "median", "n_startup_trials": 1, "n_warmup_steps": 0}
    pruning = pruning_callback(tmp_path / "journal", "s", trial, MONITOR, spec)
    callbacks = tiny.callback_set(tmp_path / "run", MONITOR, pruning=pruning)
    return tiny.run(tmp_path / "run", rows, cache, callbacks=callbacks)


def test_behind_the_others_it_ends(tmp_path, rows, cache, study):
    better = study.ask()
    better.report(2.0, 1)
    study.tell(better, 2.0)
    number = study.ask().number
    with pytest.raises(RunPruned, match="after epoch 1"):
        pruned_run(tmp_path, rows, cache, number)
    (reported,) = study.get_trials()[number].intermediate_values.items()
    assert reported[0] == 1 and 0 <= reported[1] <= 1


def test_ahead_of_the_others_it_ends_as_usual(tmp_path, rows, cache, study):
    worse = study.ask()
    worse.report(-1.0, 1)
    study.tell(worse, -1.0)
    trial = study.ask()
    # What was reported before the run was resumed is not reported again.
    trial.report(0.5, 1)
    result = pruned_run(tmp_path, rows, cache, trial.number)
    reported = study.get_trials()[trial.number].intermediate_values
    assert reported[1] == 0.5
    assert sorted(reported) == [int(each["epoch"]) for each in result.history]
