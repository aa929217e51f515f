import pytest

from brainbrr.sweeps.modal.estimate import UnknownStepTime, expected_hours

TABLE = {"h100": {"v3": 2.0, "v3_tiny": None}}


def hours(limit, windows=1000, model="v3", **changes):
    configuration = {
        "trainer": {"max_epochs": 10, "limit_train_batches": limit},
        "dataloader": {"batch_size": 64},
    }
    options = {"hardware": "h100", "step_s": TABLE, "overhead": 1.5} | changes
    return expected_hours(configuration, model=model, windows_per_epoch=windows, **options)


def test_time_is_epochs_times_batches_times_seconds():
    assert hours(1.0) == pytest.approx(10 * 16 * 2.0 * 1.5 / 3600)
    assert hours(0.5) == pytest.approx(10 * 8 * 2.0 * 1.5 / 3600)
    assert hours(7, windows=None) == pytest.approx(10 * 7 * 2.0 * 1.5 / 3600)


def test_what_was_not_measured_is_not_made_up():
    for model in ("unet_bimamba", "v3_tiny"):
        with pytest.raises(UnknownStepTime, match=f"model={model} on hardware=h100"):
            hours(1.0, model=model)
    with pytest.raises(UnknownStepTime, match="windows_per_epoch; got null"):
        hours(1.0, windows=None)
