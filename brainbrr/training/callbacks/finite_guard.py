"""Stop a run before a non-finite number reaches the weights, and keep the evidence."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, NoReturn

import torch
from lightning import Callback
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from brainbrr.atomic_io import atomic_write
from brainbrr.data.windows.dataset import WindowBatch
from brainbrr.errors import Failed, InvalidOption
from brainbrr.models.scaling import standardize

log = logging.getLogger(__name__)

MAX_OVERFLOWS = 25
"""Steps in a row that a gradient scaler may skip: from its first scale of 65,536 as many halvings
end far below 1, where float16 is no longer the cause of an overflow."""


class FiniteGuard(Callback):
    """Checks losses and gradients before each optimizer step, so that a non-finite one never
    changes a weight.

    Clipping does not help here: one NaN in a gradient makes its norm NaN, and clipping spreads it
    to all of them. Under float16 an overflowing gradient is left to the scaler, until the scaler
    has skipped `MAX_OVERFLOWS` steps in a row and training has stalled.

    The evidence of a bad step goes to `folder`: its batches, its recordings and the first module
    with a non-finite output.

    Args:
        folder: where evidence is written.
        policy: `raise` ends the run; `skip` skips the step.
        max_in_a_row: with `skip`, this many bad steps in a row end the run.
    """

    def __init__(
        self,
        folder: str | Path,
        policy: Literal["raise", "skip"] = "raise",
        max_in_a_row: int = 5,
    ) -> None:
        if policy not in {"raise", "skip"} or max_in_a_row < 1:
            raise InvalidOption(
                "policy raise or skip, and max_in_a_row of 1 or more",
                f"{policy}, {max_in_a_row}",
                "Correct callbacks.finite_guard.",
            )
        self.folder, self.policy, self.max_in_a_row = Path(folder), policy, max_in_a_row
        self.n_skipped, self.in_a_row, self.overflows = 0, 0, 0
        self._step = 0
        self._batches: list[WindowBatch] = []
        self._losses: list[Tensor] = []
        self._buffers: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return how many steps were skipped."""
        names = ("n_skipped", "in_a_row", "overflows")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the counts."""
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Note the step from which the run starts."""
        self._step = trainer.global_step

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: WindowBatch, batch_idx: int
    ) -> None:
        """Keep the buffers that the forward passes of the next step will change."""
        if not self._batches:
            self._buffers = {
                name: value.clone() for name, value in pl_module.network.named_buffers()
            }

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        """Keep the loss and its batch; reading the loss here would wait for the device."""
        self._losses.append(loss.detach())
        self._batches.append(pl_module.seen)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Optimizer) -> None:
        """Let a finite step pass; skip or refuse any other."""
        network = pl_module.network
        losses, batches = torch.stack(self._losses), self._batches
        self._losses, self._batches = [], []
        norm = gradient_norm(network)
        # A gradient scaler expects overflow and handles it; a loss must be finite under it as well.
        finite = torch.isfinite(losses).all()
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is None:
            finite = finite & torch.isfinite(norm)
        if trainer.strategy.reduce_boolean_decision(bool(finite), all=True):
            self.in_a_row = 0
            return
        if scaler is not None:
            losses = losses / scaler.get_scale()
        report = self._keep_evidence(trainer, network, losses, norm, batches)
        for name, buffer in network.named_buffers():
            buffer.copy_(self._buffers[name])
        optimizer.zero_grad(set_to_none=True)
        self.n_skipped, self.in_a_row = self.n_skipped + 1, self.in_a_row + 1
        if self.policy == "raise" or self.in_a_row >= self.max_in_a_row:
            self._refuse(report, "callbacks.finite_guard.policy=skip skips such steps.")
        log.warning("Step %d skipped: %s", report["step"], report)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: WindowBatch, batch_idx: int
    ) -> None:
        """Count the steps that a gradient scaler skipped in a row."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        self.overflows = 0 if pl_module.stepped else self.overflows + 1
        if self.overflows >= MAX_OVERFLOWS:
            network, loss = pl_module.network, outputs["loss"].detach()[None]
            norm = gradient_norm(network)
            report = self._keep_evidence(trainer, network, loss, norm, [pl_module.seen])
            self._refuse(report, "The last steps were all skipped: try trainer.precision=32-true.")

    def _refuse(self, report: dict[str, Any], remedy: str) -> NoReturn:
        raise Failed(
            "a finite loss and gradient",
            f"loss {report['losses']}, gradient norm {report['gradient_norm']} at step "
            f"{report['step']}, first in {report['first_non_finite']}",
            f"See {self.folder}; {remedy}",
        )

    def _keep_evidence(
        self,
        trainer: Any,
        network: nn.Module,
        losses: Tensor,
        norm: Tensor,
        batches: list[WindowBatch],
    ) -> dict[str, Any]:
        rows = trainer.datamodule.dataset.rows
        report = {
            "step": trainer.global_step,
            "epoch": trainer.current_epoch,
            # Text, because JSON has no NaN. Lightning divides the loss by the number of
            # accumulated batches.
            "losses": [str(loss) for loss in (losses * trainer.accumulate_grad_batches).tolist()],
            "gradient_norm": str(norm.item()),
            "first_non_finite": first_non_finite(
                network, batches, trainer.precision_plugin.forward_context
            ),
            "windows": [
                {"recording": rows[recording].recording_id, "start_sample": start}
                for batch in batches
                for recording, start in zip(
                    batch.recording.tolist(), batch.start.tolist(), strict=True
                )
            ],
        }
        stem = f"step-{trainer.global_step:08d}-rank-{trainer.global_rank}"
        with atomic_write(self.folder / f"{stem}.json") as file:
            json.dump(report, file, indent=1)
        with atomic_write(self.folder / f"{stem}.pt", "wb") as file:
            torch.save([[part.cpu() for part in batch] for batch in batches], file)
        return report


def gradient_norm(network: nn.Module) -> Tensor:
    """Compute the norm of the gradient over all parameters, on the device."""
    norms = [p.grad.detach().norm() for p in network.parameters() if p.grad is not None]
    return torch.stack(norms).norm() if norms else torch.zeros(())


def first_non_finite(
    network: nn.Module,
    batches: list[WindowBatch],
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> str:
    """Find the first module, in the order of computation, whose output is not finite for one of
    the batches.

    Args:
        autocast: makes the context of reduced precision of the step.

    Returns:
        the module's name; `input` if the EEG itself is not finite; the first parameter with a
        non-finite gradient if the forward pass is finite.
    """
    for batch in batches:
        eeg = standardize(batch.eeg, batch.observed, batch.center_uv, batch.scale_uv)
        if not torch.isfinite(eeg).all():
            return "input"
        with torch.no_grad(), autocast(), _non_finite_modules(network) as names:
            network(eeg, batch.observed)
        if names:
            return names[0]
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            return f"gradient of {name}"
    return "not reproduced by a second pass"


@contextmanager
def _non_finite_modules(network: nn.Module) -> Iterator[list[str]]:
    names: list[str] = []
    handles = _on_non_finite(network, names.append)
    try:
        yield names
    finally:
        for handle in handles:
            handle.remove()


def stop_at_non_finite(network: nn.Module) -> None:
    """Check the output of every module from now on, and raise `Failed` at the first that is
    not finite.

    Each check waits for the device: for debugging, not for training.
    """

    def refuse(name: str) -> None:
        raise Failed(
            f"non-finite output of module {name}",
            "Check its input and weights; callbacks.finite_guard keeps the batches.",
        )

    _on_non_finite(network, refuse)


def _on_non_finite(network: nn.Module, act: Callable[[str], None]) -> list[RemovableHandle]:
    """Call `act` with the name of each module whose output is not finite."""
    handles = []
    for name, module in network.named_modules():

        def check(_: nn.Module, __: Any, output: Any, name: str = name or "network") -> None:
            parts = output if isinstance(output, tuple | list) else [output]
            if any(isinstance(part, Tensor) and not torch.isfinite(part).all() for part in parts):
                act(name)

        handles.append(module.register_forward_hook(check))
    return handles
