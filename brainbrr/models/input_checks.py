"""What a network refuses at its door, so that nothing inside needs to look again."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from brainbrr.errors import BrainbrrError
from brainbrr.kernels.tracing import is_tracing

_reads_values = ContextVar("reads_values", default=True)


@contextmanager
def values_unread() -> Iterator[None]:
    """Let the door check shapes only, for a caller that judges by what comes out.

    Reading a GPU's numbers makes the host wait until all before them is computed.
    """
    before = _reads_values.set(False)
    try:
        yield
    finally:
        _reads_values.reset(before)


class WrongInputShape(BrainbrrError):
    """EEG that is not (batch, electrodes, samples) of the size the network was built for."""


class WrongInputType(BrainbrrError):
    """EEG that is not floating point, or a mask that is not boolean."""


class NonFiniteInput(BrainbrrError):
    """EEG with NaN or infinity in it."""


class NothingObserved(BrainbrrError):
    """A window in which every electrode is absent."""


def check_input(eeg: Tensor, observed: Tensor | None, n_electrodes: int, stride: int) -> Tensor:
    """Refuse what the network cannot read, and return the mask of observed electrodes.

    Args:
        eeg: standardised EEG, `(batch, electrodes, samples)`.
        observed: `(batch, electrodes)` boolean, or None where all were recorded.
        n_electrodes: electrodes of the montage.
        stride: samples in one frame.

    Raises:
        WrongInputShape: other axes, electrodes, or a length that is no multiple of the stride.
        WrongInputType: integer EEG, or a mask that is not boolean.
        NonFiniteInput: NaN or infinity.
        NothingObserved: a window without any electrode.
    """
    check_shapes(eeg, observed, n_electrodes, stride)
    if observed is None:
        observed = torch.ones(eeg.shape[:2], dtype=torch.bool, device=eeg.device)
    # While a graph is being traced its values do not exist yet.
    if not is_tracing() and _reads_values.get():
        check_values(eeg, observed)
    return observed


def check_shapes(eeg: Tensor, observed: Tensor | None, n_electrodes: int, stride: int) -> None:
    """The part of the check that needs no values."""
    if eeg.dim() != 3 or eeg.shape[1] != n_electrodes or eeg.shape[0] == 0:
        raise WrongInputShape(
            f"EEG of shape (batch, {n_electrodes}, samples)",
            str(tuple(eeg.shape)),
            "Bring the recording to the montage first (brainbrr.data.preparation.preparation).",
        )
    if eeg.shape[2] == 0 or eeg.shape[2] % stride:
        raise WrongInputShape(
            f"a multiple of {stride} samples", str(eeg.shape[2]), "Pad or cut the window to one."
        )
    if not eeg.is_floating_point():
        raise WrongInputType(
            "floating-point EEG",
            str(eeg.dtype),
            "Turn stored steps into numbers with brainbrr.models.scaling.standardise.",
        )
    if observed is None:
        return
    if observed.dtype != torch.bool:
        raise WrongInputType("a boolean mask of electrodes", str(observed.dtype), "Use .bool().")
    if observed.shape != eeg.shape[:2]:
        raise WrongInputShape(
            f"a mask of shape {tuple(eeg.shape[:2])}",
            str(tuple(observed.shape)),
            "Give one truth value for each electrode of each window.",
        )


def check_values(eeg: Tensor, observed: Tensor) -> None:
    """The part of the check that looks at the numbers, once for the whole batch."""
    if not bool(torch.isfinite(eeg).all()):
        windows = (~torch.isfinite(eeg)).flatten(1).any(1).nonzero().flatten().tolist()
        raise NonFiniteInput(
            "finite EEG",
            f"NaN or infinity in windows {windows[:8]} of the batch",
            "Mark missing electrodes in `observed` and bad spans as invalid instead.",
        )
    if not bool(observed.any(-1).all()):
        windows = (~observed.any(-1)).nonzero().flatten().tolist()
        raise NothingObserved(
            "at least one observed electrode in each window",
            f"none in windows {windows[:8]} of the batch",
            "Leave such windows out.",
        )
