"""The callbacks of a run, in the order in which they act."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightning import Callback

from brainbrr.training.callbacks.checkpoints import DurableCheckpoints
from brainbrr.training.validation import Validation


@dataclass(frozen=True)
class CallbackSet:
    """The callbacks of a run; all but the first two are optional.

    Attributes:
        validation: makes the `Validation` from what only the run knows.
        checkpoints: makes the `DurableCheckpoints` from the configuration.
        extra: any other Lightning callbacks.
    """

    validation: Callable[..., Validation]
    checkpoints: Callable[..., DurableCheckpoints]
    early_stopping: Callback | None = None
    finite_guard: Callback | None = None
    loss_spike_monitor: Callback | None = None
    ema: Callback | None = None
    figures: Callback | None = None
    hard_negatives: Callback | None = None
    preemption: Callback | None = None
    progress: Callback | None = None
    monitoring: Callback | None = None
    pruning: Callback | None = None
    extra: Sequence[Callback] = ()

    @property
    def others(self) -> list[Callback]:
        """The callbacks that are already built, in the order in which they act."""
        optional = (
            self.finite_guard, self.ema, self.figures, self.loss_spike_monitor, self.monitoring,
            self.hard_negatives, self.early_stopping, self.progress, self.preemption, self.pruning,
            *self.extra,
        )  # fmt: skip
        return [callback for callback in optional if callback is not None]
