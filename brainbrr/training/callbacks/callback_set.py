"""What happens besides the training itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightning import Callback

from brainbrr.training.callbacks.checkpoints import DurableCheckpoints
from brainbrr.training.validation import Validation


@dataclass(frozen=True)
class CallbackSet:
    """What happens besides the training itself; each may be absent but the first two.

    Attributes:
        validation: makes the `Validation`, given what only the run knows.
        checkpoints: makes the `DurableCheckpoints`, given the configuration.
        extra: any other Lightning callbacks.
    """

    validation: Callable[..., Validation]
    checkpoints: Callable[..., DurableCheckpoints]
    early_stopping: Callback | None = None
    finite_guard: Callback | None = None
    spike_watch: Callback | None = None
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
        """All that need nothing more, in the order in which they act."""
        every = (
            self.finite_guard, self.ema, self.figures, self.spike_watch, self.monitoring,
            self.hard_negatives, self.early_stopping, self.progress, self.preemption, self.pruning,
            *self.extra,
        )  # fmt: skip
        return [callback for callback in every if callback is not None]
