"""Jobs are built before they are sent: each part once; what the code refuses is named."""

import pytest
from hydra import compose, initialize_config_dir

from brainbrr.cli import modal_jobs
from brainbrr.cli.modal_jobs import TrialBuild
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import InvalidOption


def composed(*overrides, command="train"):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        return compose(command, ["model=v3_tiny", "data.root=x", "run_dir=x", *overrides])


@pytest.fixture
def built(monkeypatch):
    """The targets that were built."""
    targets, build = [], modal_jobs.build

    def noted(node):
        targets.append(node._target_)
        return build(node)

    monkeypatch.setattr(modal_jobs, "build", noted)
    return targets


def test_a_part_that_jobs_share_is_built_once(built):
    trial = TrialBuild()
    trial.check(composed())
    first = list(built)
    assert len(first) == len(set(first)) and "torch.optim.AdamW" in first
    trial.check(composed("seed=2"))
    assert built == first
    trial.check(composed("optimizer.lr=1e-5"))
    assert sorted(built[len(first) :]) == sorted(
        [composed().optimizer._target_, composed().scheduler._target_]
    )


def test_another_schedule_tries_the_optimizer_again(built):
    trial = TrialBuild()
    trial.check(composed())
    n_built = len(built)
    trial.check(composed("scheduler.warmup_fraction=0.5"))
    assert len(built) == n_built + 2


@pytest.mark.parametrize(
    ("override", "match"),
    [
        ("optimizer.lr=-1", "the optimizer and its schedule take; got Invalid learning rate: -1"),
        ("loss.gamma=-1", "gamma"),
        ("model.scan=fast", "one of auto, reference, chunked.*got 'fast'"),
    ],
)
def test_a_value_that_the_code_refuses_is_named(override, match):
    with pytest.raises(InvalidOption, match=match):
        TrialBuild().check(composed(override))
