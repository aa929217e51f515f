"""Prepared EEG of one recording, in memory, in a file or in a corpus's cache."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.preparation.preparation import (
    Preparation,
    PreparedSignal,
    prepare,
    prepare_blocks,
)
from brainbrr.data.recordings.read import open_recording
from brainbrr.data.recordings.recording import Recording
from brainbrr.data.windows.index import require_length
from brainbrr.events.intervals import Intervals, as_intervals
from brainbrr.signal.quantization import quantize

if TYPE_CHECKING:
    import mne


class Samples(Protocol):
    """int16 `(19, samples)` at 0.1 uV per step, an array or something that is sliced like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(19, samples)`."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """int16."""

    def __getitem__(self, key: Any) -> NDArray[np.int16]: ...


class SamplesOnDisk:
    """A `.npy` that is mapped for each slice and then closed: with one mapping of a whole night,
    all that was read would stay in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        mapped = np.load(path, mmap_mode="r")
        self.shape: tuple[int, ...] = mapped.shape
        self.dtype: np.dtype[Any] = mapped.dtype

    def __getitem__(self, key: Any) -> NDArray[np.int16]:
        return np.array(np.load(self._path, mmap_mode="r")[key])


@dataclass(frozen=True)
class PreparedEeg:
    """One recording as a detector sees it.

    Attributes:
        eeg: int16 `(19, samples)`, 0.1 uV per step.
        observed: `(19,)`, which electrodes hold signal.
        center_uv, scale_uv: `(19,)` microvolts.
        gaps: `(n, 2)` seconds without signal.
        bad_spans: `(electrode, onset_s, offset_s, reason)` rows.
        start: date and time of the first sample, or None.
        name: what messages call it.
    """

    eeg: Samples
    observed: NDArray[np.bool_]
    center_uv: NDArray[np.float32]
    scale_uv: NDArray[np.float32]
    gaps: Intervals
    bad_spans: Sequence[Sequence[Any]]
    start: datetime | None = None
    name: str = "the recording"

    @classmethod
    def of(
        cls,
        signal: PreparedSignal,
        eeg: Samples,
        start: datetime | None,
        name: str = "the recording",
    ) -> PreparedEeg:
        """Return what preparation gave."""
        return cls(
            eeg,
            np.asarray(signal.observed),
            np.asarray(signal.center_uv, dtype=np.float32),
            np.asarray(signal.scale_uv, dtype=np.float32),
            as_intervals(signal.gaps),
            signal.bad_spans,
            start,
            name,
        )

    @classmethod
    def of_row(cls, row: ManifestRow, eeg: NDArray[np.int16], rate_hz: float) -> PreparedEeg:
        """Return a recording of a corpus.

        Args:
            eeg: its cached signal.
            rate_hz: samples per second of it.

        Raises:
            StaleCache: the signal is not as long as the manifest row states.
        """
        require_length(row, eeg, rate_hz)
        return cls(
            eeg,
            row.observed_mask,
            np.asarray(row.center_uv, dtype=np.float32),
            np.asarray(row.scale_uv, dtype=np.float32),
            row.gap_intervals,
            row.bad_spans,
            name=row.recording_id,
        )


def prepare_to_disk(
    source: Path | mne.io.BaseRaw, preparation: Preparation, target: Path
) -> PreparedEeg:
    """Prepare a file or an `mne.io.Raw` into a `.npy`, in little memory however long it is.

    Raises:
        UnreadableRecording: the file cannot be read as EEG.
        MissingElectrodes, AllFlat, AllSaturated, AllBad, TooShort, ImplausibleAmplitude: see
            `brainbrr.data.preparation.preparation`.
    """
    if isinstance(source, Path):
        blocks = open_recording(source)
    else:
        from brainbrr.data.recordings.mne_reader import MneBlocks

        blocks = MneBlocks(source)
    signal = prepare_blocks(blocks, preparation, target)
    name = source.name if isinstance(source, Path) else "the recording"
    return PreparedEeg.of(signal, SamplesOnDisk(target), blocks.start, name)


@contextmanager
def prepared(
    source: str | Path | Recording | mne.io.BaseRaw, preparation: Preparation
) -> Iterator[PreparedEeg]:
    """Prepare a recording for the time of a `with` block."""
    if isinstance(source, Recording):
        signal, eeg_uv = prepare(source, preparation)
        yield PreparedEeg.of(signal, quantize(eeg_uv), source.start)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(source) if isinstance(source, (str, Path)) else source
        yield prepare_to_disk(source, preparation, Path(folder) / "prepared.npy")
