"""Save a run that is asked to end before it ends."""

import logging
import signal
import threading
from types import FrameType
from typing import Any

from lightning import Callback

from brainbrr.training.callbacks.checkpoints import DurableCheckpoints
from brainbrr.training.validation import Validation

log = logging.getLogger(__name__)

EXIT_PREEMPTED = 75
"""Exit code after SIGTERM or SIGUSR1: `EX_TEMPFAIL` of sysexits.h, try again later with
`resume=`."""
EXIT_INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""


class Preempted(SystemExit):
    """The run was asked to end and can be resumed; the exit code reports it to the launcher."""


class Preemption(Callback):
    """On SIGTERM, SIGUSR1 or Ctrl-C: finish the step, save, and exit with 75 (130 after Ctrl-C).

    A second Ctrl-C ends the run at once; the last checkpoint stays. During a validation, or right
    before it, the run ends without saving and resumes from its last checkpoint: the end of an epoch
    is saved once its score is known.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}
        self._validations: list[Validation] = []
        self._step = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Install the signal handlers; only a process's main thread can."""
        self._step = trainer.global_step
        self._validations = [each for each in trainer.callbacks if isinstance(each, Validation)]
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
                self._before[number] = signal.signal(number, self._on_signal)

    def on_train_batch_end(self, trainer: Any, *_: object) -> None:
        """Save and exit after a complete step, if any process was asked to."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        asked = trainer.strategy.reduce_boolean_decision(self.received is not None, all=False)
        if not asked:
            return
        if not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, DurableCheckpoints):
                    callback.save_last(trainer)
        self._exit()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Restore the previous signal handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        is_second = number == signal.SIGINT and self.received == signal.SIGINT
        self.received = number
        if is_second or any(validation.running for validation in self._validations):
            self._exit()
        log.warning("Asked to end by %s: saving at the next step", signal.Signals(number).name)

    def _exit(self) -> None:
        interrupted = self.received == signal.SIGINT
        raise Preempted(EXIT_INTERRUPTED if interrupted else EXIT_PREEMPTED)
