"""Runs are built before anything is prepared or sent: each part once; what is refused is named."""

import pytest
from hydra import compose, initialize_config_dir

from brainbrr.cli import trial_build
from brainbrr.cli.trial_build import TrialBuild
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import InvalidOption


def composed(*overrides, command="train"):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        return compose(command, ["model=v3_tiny", "data.root=x", "run_dir=x", *overrides])


@pytest.fixture
def built(monkeypatch):
    """The targets that were built."""
    targets, build = [], trial_build.build

    def noted(node):
        targets.append(node._target_)
        return build(node)

    monkeypatch.setattr(trial_build, "build", noted)
    return targets


def test_a_part_that_jobs_share_is_built_once(built):
    trial = TrialBuild()
    trial.check(composed())
    first = list(built)
    assert len(first) == len(set(first)) and "torch.optim.AdamW" in first
    # The seed decides the corpus's split and nothing else that is built.
    trial.check(composed("seed=2"))
    assert built == [*first, composed().data._target_]
    trial.check(composed("optimizer.lr=1e-5"))
    assert built == [*first, composed().data._target_, composed().optimizer._target_]


def test_another_schedule_tries_the_optimizer_again(built, monkeypatch):
    tried, run = [], trial_build.check_optimizer
    monkeypatch.setattr(
        trial_build, "check_optimizer", lambda *both: tried.append(both) or run(*both)
    )
    trial = TrialBuild()
    trial.check(composed())
    n_built = len(built)
    trial.check(composed("scheduler.warmup_fraction=0.5"))
    assert built[n_built:] == [composed().scheduler._target_]
    assert [optimizer for optimizer, _ in tried] == [tried[0][0]] * 2
    assert tried[0][1] is not tried[1][1]


@pytest.mark.parametrize(
    ("override", "match"),
    [
        ("optimizer.lr=-1", "the optimizer and its schedule take; got Invalid learning rate: -1"),
        ("loss.gamma=-1", "gamma"),
        ("model.scan=fast", "one of auto, reference, chunked.*got 'fast'"),
        ("model._target_=torch.nn.Identity", "a target among brainbrr.models.v3.v3"),
        ("signal.windowing.rate_hz=128", "windows at the 256 Hz .*; got 128 Hz"),
        ("callbacks.early_stopping.patience=0", "patience of 1 or more; got 0"),
        ("callbacks.finite_guard.policy=sikp", "policy raise or skip.*got sikp"),
        ("callbacks.validation.every_n_epochs=0", "every_n_epochs of 1 or more; got 0"),
        ("callbacks.checkpoints.every_minutes=-1", "every_minutes of 0 or more; got -1"),
        ("trainer.accelerator=banana", "accelerator auto or cpu or gpu.*got banana"),
        ("trainer.matmul_precision=low", "matmul_precision highest or high.*got low"),
        ("trainer.max_epochs=many", "max_epochs of 1 or more; got many"),
        ("trainer.accumulate_grad_batches=0", "accumulate_grad_batches of 1 or more; got 0"),
        ("trainer.gradient_clip_norm=abc", "gradient_clip_norm of 0 or more; got abc"),
        ("trainer.limit_train_batches=abc", "limit_train_batches of 0 or more; got abc"),
        ("dataloader.batch_size=0", "batch_size of 1 or more; got 0"),
        ("dataloader.num_workers=two", "num_workers of 0 or more; got two"),
        ("scoring.n_resamples=abc", "values that fit scoring; got 'str' object"),
        ("detect.objective=f1", "objective in event_f1, sensitivity; got 'f1'"),
        ("detect.on_thresholds=[low]", "values that fit .*detect"),
        ("monitor=val/nonsense", "monitor= .*val/auroc.*val/event_f1.*; got val/nonsense"),
        ("monitor=val/loss", "of which more is better.*; got val/loss"),
        ("callbacks.early_stopping.monitor=val/f1", "val/event_f1.*; got val/f1"),
        ("baselines=[line_len]", "one of line_length, band_power; got line_len"),
        ("data.unlabelled=skip", "refuse, leave_out or allow; got skip"),
    ],
)
def test_a_value_that_the_code_refuses_is_named(override, match):
    with pytest.raises(InvalidOption, match=match):
        TrialBuild().check(composed(override))


@pytest.mark.parametrize("model", ["v3", "v3_interval5", "v3_electrode", "unet_bimamba"])
def test_what_can_run_is_built_without_a_file_or_a_warning(model, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    options = ("detect.alarm_budget=1", "baselines=[line_length]", "callbacks=ema")
    TrialBuild().check(composed(f"model={model}", *options))
    assert not caplog.records and not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["evaluate", "prepare", "predict"])
def test_another_command_builds_what_it_has(command):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        cfg = compose(command, ["input=x"] if command == "predict" else ["data.root=x"])
    TrialBuild().check(cfg)
