"""Prepare one recording for detectors: 19 electrodes, average reference, 256 Hz, filtered."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.atomic_io import atomic_write
from brainbrr.data.preparation.conditioning import conditioned_chunks
from brainbrr.data.preparation.plan import MontagePlan, plan_montage, usable_channels
from brainbrr.data.preparation.survey import Survey, survey
from brainbrr.data.recordings.read import open_recording
from brainbrr.data.recordings.recording import BlocksOfRecording, Recording, RecordingBlocks
from brainbrr.errors import BrainbrrError, InvalidOption
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.labels import derivations, kind_of
from brainbrr.signal.montage import useful_channels
from brainbrr.signal.quality import FLAT, GOOD, REASONS, SATURATED, QualityLimits
from brainbrr.signal.quantization import quantize
from brainbrr.signal.robust_scale import N_STEPS, count_steps, robust_scale
from brainbrr.signal.windows import recorded_spans

ALGORITHM = 1
"""Incremented when the same options give another signal, so that an old cache is not reused."""

Write = Callable[[int, NDArray[np.generic]], None]


class MissingElectrodes(BrainbrrError):
    """Too few of the 19 electrodes can be recovered from the channels."""


class AllFlat(BrainbrrError):
    """Every EEG channel is flat throughout."""


class AllSaturated(BrainbrrError):
    """Every EEG channel is saturated throughout."""


class AllBad(BrainbrrError):
    """No EEG channel is usable, for mixed reasons."""


class TooShort(BrainbrrError):
    """The recording is shorter than one epoch of the quality check."""


class ImplausibleAmplitude(BrainbrrError):
    """The signal is far larger or smaller than any EEG: a wrong unit or damaged samples."""


@dataclass(frozen=True)
class Preparation:
    """All options that shape the prepared signal.

    Attributes:
        rate_hz: sampling rate of the result.
        low_hz: lower edge of the band.
        high_hz: upper edge of the band.
        filter_order: order of each edge; the amplitude response is applied twice (forward and
            backward).
        mains: `auto` (detected from the spectrum), a frequency in Hz, or None for no notch.
        notch_q: center frequency over width of the notch.
        max_interpolated: at most this many missing electrodes are interpolated; if more are
            missing, none is.
        min_neighbours: recorded electrodes required around an interpolated one.
        min_electrodes: a recording with fewer of the 19 electrodes is refused.
        max_bad_fraction: a channel that is bad for a larger fraction of the time is treated as
            missing.
        min_spread_uv: typical standard deviation below which the signal is not EEG.
        max_spread_uv: and above which it is not.
        quality: when a channel is bad.
    """

    rate_hz: float = 256.0
    low_hz: float = 0.5
    high_hz: float = 120.0
    filter_order: int = 4
    mains: float | str | None = "auto"
    notch_q: float = 30.0
    max_interpolated: int = 4
    min_neighbours: int = 3
    min_electrodes: int = 4
    max_bad_fraction: float = 0.8
    min_spread_uv: float = 0.5
    max_spread_uv: float = 5000.0
    quality: QualityLimits = field(default_factory=QualityLimits)

    def __post_init__(self) -> None:
        if not 0 < self.low_hz < self.high_hz <= self.rate_hz / 2:
            raise InvalidOption(
                "0 < low_hz < high_hz <= rate_hz / 2",
                f"{self.low_hz}, {self.high_hz}, rate {self.rate_hz}",
                "Narrow the band or raise the rate.",
            )
        if isinstance(self.mains, str) and self.mains != "auto":
            raise InvalidOption(
                "mains 'auto', a frequency in Hz, or null", f"'{self.mains}'", "Use mains=auto."
            )

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of a hash of all options: the cache's address."""
        numbers = json.dumps([ALGORITHM, asdict(self)], sort_keys=True)
        return hashlib.sha256(numbers.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class PreparedSignal:
    """What preparing a recording found, in plain numbers and lists as JSON holds them.

    Nothing in it comes from a header's names, dates or free text.

    Attributes:
        duration_s: length including gaps: `prepared samples / rate`.
        source_rate_hz: sampling rate of the source.
        source_channels: labels of the channels that were used.
        observed: per electrode: recorded or interpolated (True), or absent (False; its row is 0 and
            must be masked).
        interpolated: electrodes that were interpolated from their neighbours.
        reference: what the source was recorded against (`average`, `linked_ears`, `common`,
            `bipolar`, ...).
        mains_hz: mains frequency that was notched, or None.
        gaps: `[[onset_s, offset_s], ...]` without signal.
        bad_spans: `[[electrode, onset_s, offset_s, reason], ...]`; reasons are flat, saturated,
            disconnected, mains.
        center_uv, scale_uv: median and normalized interquartile range of each electrode, applied
            when the signal is loaded.
    """

    duration_s: float
    source_rate_hz: float
    source_channels: list[str]
    observed: list[bool]
    interpolated: list[str]
    reference: str
    mains_hz: float | None
    gaps: list[list[float]]
    bad_spans: list[list[Any]]
    center_uv: list[float]
    scale_uv: list[float]


@dataclass(frozen=True)
class PlannedRecording:
    """A recording with every decision made that preparing its samples requires."""

    blocks: RecordingBlocks
    rows: NDArray[np.intp]
    plan: MontagePlan
    survey: Survey
    n_samples: int
    preparation: Preparation

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield `(first sample, (19, samples) microvolts)` in order; gaps lie between chunks."""
        preparation = self.preparation
        return conditioned_chunks(
            self.blocks,
            self.rows,
            self.plan.segments,
            rate_hz=preparation.rate_hz,
            band_hz=(preparation.low_hz, preparation.high_hz),
            order=preparation.filter_order,
            mains_hz=self.survey.mains_hz,
            notch_q=preparation.notch_q,
        )

    def signal(self, counts: NDArray[np.int64]) -> PreparedSignal:
        """Describe the prepared signal.

        Args:
            counts: how often each quantization step occurs in each electrode.
        """
        blocks, solution = self.blocks, self.plan.solution
        scales = np.array([robust_scale(row) for row in counts], dtype=np.float32)
        used = self.rows[np.any(solution.weights != 0, axis=0)]
        return PreparedSignal(
            duration_s=float(self.n_samples / self.preparation.rate_hz),
            source_rate_hz=float(blocks.rate_hz),
            source_channels=[blocks.labels[i] for i in used],
            observed=solution.observed.tolist(),
            interpolated=list(solution.interpolated),
            reference=solution.reference,
            mains_hz=self.survey.mains_hz,
            gaps=blocks.gaps.tolist(),
            bad_spans=[
                [name, first / blocks.rate_hz, last / blocks.rate_hz, reason]
                for name, first, last, reason in self.plan.bad
            ],
            center_uv=scales[:, 0].tolist(),
            scale_uv=scales[:, 1].tolist(),
        )


def _missing_electrodes(
    labels: tuple[str, ...], required: int, *, n_recovered: int = 0, n_bad: int = 0
) -> MissingElectrodes:
    laplacian = any(kind_of(label) == "laplacian" for label in labels)
    return MissingElectrodes(
        f"channels that determine {required} or more of the 19 electrodes",
        f"{n_recovered} from {len(labels)} channels"
        + f", {n_bad} of them bad most of the time" * (n_bad > 0)
        + ", and Laplacians, whose neighbors are unknown" * laplacian,
        "Name them after the 10-20 system, against one reference or as a chain (Fp1-REF, Fp1-F7)."
        if n_bad == 0
        else "Check the recording's amplifier.",
    )


def check_amplitude(surveyed: Survey, preparation: Preparation) -> None:
    """Raise AllFlat, AllSaturated, AllBad or ImplausibleAmplitude if it is not scalp EEG."""
    worst = np.bincount(surveyed.codes.ravel(), minlength=len(REASONS))
    if worst[GOOD] == 0:
        refusal = {FLAT: AllFlat, SATURATED: AllSaturated}.get(int(worst.argmax()), AllBad)
        raise refusal(
            "a channel that holds EEG",
            f"all {REASONS[worst.argmax()]}",
            "Check the recording's amplifier.",
        )
    if not preparation.min_spread_uv <= surveyed.spread_uv <= preparation.max_spread_uv:
        raise ImplausibleAmplitude(
            f"a spread of {preparation.min_spread_uv:g} to {preparation.max_spread_uv:g} uV",
            f"{surveyed.spread_uv:.3g} uV",
            "Correct the unit in the header, or discard the file if its samples are damaged.",
        )


def plan_recording(blocks: RecordingBlocks, preparation: Preparation) -> PlannedRecording:
    """Survey a recording and decide how to prepare it, without preparing it.

    Raises:
        MissingElectrodes, AllFlat, AllSaturated, AllBad, TooShort, ImplausibleAmplitude: see each.
    """
    named = derivations(blocks.labels)
    useful = np.flatnonzero(useful_channels(named))
    channels = [named[i] for i in useful]
    spans = recorded_spans(blocks.n_samples, blocks.rate_hz, blocks.gaps)
    n_samples = round(blocks.n_samples / blocks.rate_hz * preparation.rate_hz)
    if not len(useful):
        raise _missing_electrodes(blocks.labels, preparation.min_electrodes)
    recorded = sum(stop - start for start, stop in spans)
    if recorded < preparation.quality.epoch_s * blocks.rate_hz:
        raise TooShort(
            f"{preparation.quality.epoch_s:g} s or more",
            f"{recorded / blocks.rate_hz:.2f} s",
            "Use a longer recording.",
        )
    surveyed = survey(blocks, useful, spans, preparation.quality, preparation.mains)
    check_amplitude(surveyed, preparation)
    plan = plan_montage(
        channels,
        surveyed.codes,
        surveyed.epochs,
        max_bad_fraction=preparation.max_bad_fraction,
        min_electrodes=preparation.min_electrodes,
        max_interpolated=preparation.max_interpolated,
        min_neighbours=preparation.min_neighbours,
    )
    n_recovered = int(plan.solution.observed.sum())
    if n_recovered < preparation.min_electrodes:
        bad = ~usable_channels(surveyed.codes, preparation.max_bad_fraction)
        raise _missing_electrodes(
            blocks.labels, preparation.min_electrodes, n_recovered=n_recovered, n_bad=int(bad.sum())
        )
    return PlannedRecording(blocks, useful, plan, surveyed, n_samples, preparation)


def prepare(
    recording: Recording, preparation: Preparation
) -> tuple[PreparedSignal, NDArray[np.float32]]:
    """Bring a recording to 19 electrodes in average reference, filtered and quality-marked.

    Returns:
        the description, and float32 microvolts `(19, samples)`: zero inside gaps and for absent
        electrodes.

    Raises:
        MissingElectrodes, AllFlat, AllSaturated, AllBad, TooShort, ImplausibleAmplitude: see each.
    """
    planned = plan_recording(BlocksOfRecording(recording), preparation)
    eeg_uv = np.zeros((N_ELECTRODES, planned.n_samples), dtype=np.float32)
    counts = np.zeros((N_ELECTRODES, N_STEPS), dtype=np.int64)
    for first, chunk in planned.chunks():
        eeg_uv[:, first : first + chunk.shape[1]] = chunk
        _add_counts(counts, quantize(chunk), planned.plan.solution.observed)
    return planned.signal(counts), eeg_uv


def prepare_file(source: Path, preparation: Preparation, target: Path) -> PreparedSignal:
    """Prepare a file into a `.npy` of int16 steps of 0.1 uV, `(19, samples)`.

    Memory use is small and independent of the file's length. The steps are those of `prepare`'s
    microvolts. The target is written atomically.

    Raises:
        UnreadableRecording: the file cannot be read as EEG; one of its subclasses.
        MissingElectrodes, AllFlat, AllSaturated, AllBad, TooShort, ImplausibleAmplitude: see each.
    """
    return prepare_blocks(open_recording(source), preparation, target)


def prepare_blocks(
    blocks: RecordingBlocks, preparation: Preparation, target: Path
) -> PreparedSignal:
    """Prepare any recording that is read block by block; see `prepare_file`."""
    planned = plan_recording(blocks, preparation)
    counts = np.zeros((N_ELECTRODES, N_STEPS), dtype=np.int64)
    with open_npy(target, (N_ELECTRODES, planned.n_samples), np.dtype(np.int16)) as write:
        for first, chunk in planned.chunks():
            steps = quantize(chunk)
            write(first, steps)
            _add_counts(counts, steps, planned.plan.solution.observed)
    return planned.signal(counts)


def _add_counts(
    counts: NDArray[np.int64], steps: NDArray[np.int16], observed: NDArray[np.bool_]
) -> None:
    for electrode in np.flatnonzero(observed):
        counts[electrode] += count_steps(steps[electrode])


@contextmanager
def open_npy(
    target: str | Path, shape: tuple[int, int], dtype: np.dtype[np.generic]
) -> Iterator[Write]:
    """Open a `.npy` larger than memory, to be written block by block and atomically.

    Args:
        target: the file; it appears when the `with` block ends without an error.
        shape: `(rows, samples)`.
        dtype: of the blocks.

    Yields:
        a function `write(first, block)` that puts `(rows, samples)` at sample `first`; what is
        never written is 0.
    """
    with atomic_write(target, "wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(file, header)
        data_starts = file.tell()
        file.truncate(data_starts + shape[0] * shape[1] * dtype.itemsize)

        def write(first: int, block: NDArray[np.generic]) -> None:
            for row, values in enumerate(np.ascontiguousarray(block, dtype=dtype)):
                file.seek(data_starts + (row * shape[1] + first) * dtype.itemsize)
                file.write(values.tobytes())

        yield write
