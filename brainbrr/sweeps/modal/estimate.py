"""How long a training job takes, from a measured step time and the job's own configuration."""

import math
from collections.abc import Mapping
from typing import Any

from brainbrr.errors import BrainbrrError
from brainbrr.sweeps.modal.prices import HOUR_S

REMEDY = "Say sweep.hours_per_job=..., or measure with `brainbrr benchmark` and add it."


class UnknownStepTime(BrainbrrError):
    """No measured step time, or no number of steps, to estimate a job's cost from."""


def expected_hours(
    configuration: Mapping[str, Any],
    *,
    model: str,
    hardware: str,
    step_s: Mapping[str, Mapping[str, float]],
    windows_per_epoch: int | None,
    overhead: float,
) -> float:
    """Hours of one training job.

    Args:
        configuration: the job's, composed, as plain values.
        step_s: seconds a batch, forward and backward, by hardware profile and model.
        windows_per_epoch: windows that an epoch draws from the corpus.
        overhead: factor for validation, checkpoints and start.

    Raises:
        UnknownStepTime: the table has no entry, or the number of steps cannot be known.
    """
    measured = step_s.get(hardware, {}).get(model)
    if measured is None:
        raise UnknownStepTime(
            f"a step time of model={model} on hardware={hardware} in sweep.step_s", "none", REMEDY
        )
    trainer, batch = configuration["trainer"], configuration["dataloader"]["batch_size"]
    limit = trainer["limit_train_batches"]
    if isinstance(limit, int):
        n_batches = limit
    elif windows_per_epoch is None:
        raise UnknownStepTime("sweep.windows_per_epoch", "null", REMEDY)
    else:
        n_batches = math.ceil(limit * windows_per_epoch / batch)
    return float(trainer["max_epochs"] * n_batches * measured * overhead / HOUR_S)
