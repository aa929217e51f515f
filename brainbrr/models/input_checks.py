"""What a network refuses before it computes, so that nothing inside needs to check again.

Axes: eeg (batch, electrodes, samples), observed (batch, electrodes).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from brainbrr.errors import BrainbrrError, InvalidInput
from brainbrr.kernels.tracing import is_tracing

_reads_values = ContextVar("reads_values", default=True)


@contextmanager
def values_unread() -> Iterator[None]:
    """Check shapes only, for a caller that judges by what comes out.

    Reading a GPU's numbers makes the host wait until all before them is computed.
    """
    before = _reads_values.set(False)
    try:
        yield
    finally:
        _reads_values.reset(before)


class NonFiniteInput(BrainbrrError):
    """EEG with NaN or infinity in it."""


def check_input(eeg: Tensor, observed: Tensor | None, n_electrodes: int, stride: int) -> Tensor:
    """Refuse what the network cannot read, and return the mask of observed electrodes.

    Args:
        eeg: standardized EEG, `(batch, electrodes, samples)`.
        observed: `(batch, electrodes)` boolean, or None if all were recorded.
        n_electrodes: electrodes of the montage.
        stride: samples in one frame.

    Raises:
        InvalidInput: other axes or electrodes, a length that is no multiple of the stride, integer
            EEG, a mask that is not boolean, or a window without any electrode.
        NonFiniteInput: NaN or infinity.
    """
    check_shapes(eeg, observed, n_electrodes, stride)
    if observed is None:
        observed = torch.ones(eeg.shape[:2], dtype=torch.bool, device=eeg.device)
    # While a graph is being traced its values do not exist yet.
    if not is_tracing() and _reads_values.get():
        check_values(eeg, observed)
    return observed


def check_shapes(eeg: Tensor, observed: Tensor | None, n_electrodes: int, stride: int) -> None:
    """Refuse what shapes and types show."""
    if eeg.dim() != 3 or eeg.shape[1] != n_electrodes or eeg.shape[0] == 0:
        raise InvalidInput(
            f"EEG of shape (batch, {n_electrodes}, samples)",
            str(tuple(eeg.shape)),
            "Bring the recording to the montage first (brainbrr.data.preparation.preparation).",
        )
    if eeg.shape[2] == 0 or eeg.shape[2] % stride:
        raise InvalidInput(
            f"a multiple of {stride} samples", str(eeg.shape[2]), "Pad or cut the window to one."
        )
    if not eeg.is_floating_point():
        raise InvalidInput(
            "floating-point EEG",
            str(eeg.dtype),
            "Turn stored steps into numbers with brainbrr.models.scaling.standardize.",
        )
    if observed is None:
        return
    if observed.dtype != torch.bool:
        raise InvalidInput("a boolean mask of electrodes", str(observed.dtype), "Use .bool().")
    if observed.shape != eeg.shape[:2]:
        raise InvalidInput(
            f"a mask of shape {tuple(eeg.shape[:2])}",
            str(tuple(observed.shape)),
            "Give one truth value for each electrode of each window.",
        )


def check_values(eeg: Tensor, observed: Tensor) -> None:
    """Refuse what only the numbers show, once for the whole batch."""
    if not bool(torch.isfinite(eeg).all()):
        windows = (~torch.isfinite(eeg)).flatten(1).any(1).nonzero().flatten().tolist()
        raise NonFiniteInput(
            "finite EEG",
            f"NaN or infinity in windows {windows[:8]} of the batch",
            "Mark missing electrodes in `observed` and bad spans as invalid instead.",
        )
    if not bool(observed.any(-1).all()):
        windows = (~observed.any(-1)).nonzero().flatten().tolist()
        raise InvalidInput(
            "at least one observed electrode in each window",
            f"none in windows {windows[:8]} of the batch",
            "Leave such windows out.",
        )
