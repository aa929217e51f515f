"""One recording to what detectors see: 19 electrodes in average reference at 256 Hz, filtered."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.preparation.conditioning import conditioned_chunks
from brainbrr.data.preparation.npy_writer import open_npy
from brainbrr.data.preparation.plan import MontagePlan, plan_montage, usable_channels
from brainbrr.data.preparation.prepared import PreparedHeader
from brainbrr.data.preparation.survey import Survey, survey
from brainbrr.data.recordings.blocks import BlocksOfRecording, RecordingBlocks
from brainbrr.data.recordings.read import open_recording
from brainbrr.data.recordings.recording import Recording
from brainbrr.errors import BrainbrrError
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.labels import derivations, kind_of
from brainbrr.signal.montage import useful_channels
from brainbrr.signal.quality import FLAT, GOOD, REASONS, SATURATED, QualityLimits
from brainbrr.signal.quantization import quantize
from brainbrr.signal.robust_scale import N_STEPS, count_steps, robust_scale
from brainbrr.signal.windows import recorded_spans

__all__ = ["Preparation", "PreparedHeader", "prepare", "prepare_blocks", "prepare_file"]

ALGORITHM = 1
"""Raised when the same numbers would give another signal, so that no old cache passes for new."""


class MissingElectrodes(BrainbrrError):
    """Too few of the 19 electrodes can be recovered from the channels."""


class AllFlat(BrainbrrError):
    """Every EEG channel is flat throughout."""


class AllSaturated(BrainbrrError):
    """Every EEG channel rests on its limits throughout."""


class AllBad(BrainbrrError):
    """No EEG channel is usable, for one reason or another."""


class TooShort(BrainbrrError):
    """The recording is shorter than one epoch of the quality check."""


class ImplausibleAmplitude(BrainbrrError):
    """The signal is far larger or smaller than any EEG: a wrong unit or damaged samples."""


@dataclass(frozen=True)
class Preparation:
    """All numbers that shape the prepared signal.

    Attributes:
        rate_hz: samples a second of the result.
        low_hz: lower edge of the band.
        high_hz: upper edge of the band.
        filter_order: order of each edge; the amplitude response is applied twice (forwards and
            backwards).
        mains: `auto` (found from the spectrum), a frequency in Hz, or None for no notch.
        notch_q: centre frequency over width of the notch.
        max_interpolated: at most this many missing electrodes are interpolated; with more, none is.
        min_neighbours: recorded electrodes an interpolated one needs around it.
        min_electrodes: with fewer of the 19 recovered the recording is refused.
        max_bad_fraction: a channel that is bad for longer than this share of the time is treated as
            missing.
        min_spread_uv: typical standard deviation below which the signal is no EEG.
        max_spread_uv: and above which.
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
            raise InvalidPreparation(
                "0 < low_hz < high_hz <= rate_hz / 2",
                f"{self.low_hz}, {self.high_hz}, rate {self.rate_hz}",
                "Narrow the band or raise the rate.",
            )
        if isinstance(self.mains, str) and self.mains != "auto":
            raise InvalidPreparation(
                "mains 'auto', a frequency in Hz, or null", f"'{self.mains}'", "Use mains=auto."
            )

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for all numbers: the cache's address."""
        numbers = json.dumps([ALGORITHM, asdict(self)], sort_keys=True)
        return hashlib.sha256(numbers.encode()).hexdigest()[:16]


class InvalidPreparation(BrainbrrError):
    """Numbers of a preparation that contradict one another."""


@dataclass(frozen=True)
class PlannedRecording:
    """A recording with everything decided that its samples need."""

    blocks: RecordingBlocks
    rows: NDArray[np.intp]
    plan: MontagePlan
    survey: Survey
    n_samples: int
    preparation: Preparation

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """`(first sample, (19, samples) microvolts)`, in order; what lies between chunks is gap."""
        preparation = self.preparation
        return conditioned_chunks(
            self.blocks,
            self.rows,
            self.plan.stretches,
            self.n_samples,
            rate_hz=preparation.rate_hz,
            band_hz=(preparation.low_hz, preparation.high_hz),
            order=preparation.filter_order,
            mains_hz=self.survey.mains_hz,
            notch_q=preparation.notch_q,
        )

    def header(self, counts: NDArray[np.int64]) -> PreparedHeader:
        """The result's header, given how often each step occurs in each electrode."""
        blocks, solution = self.blocks, self.plan.solution
        scales = np.array([robust_scale(row) for row in counts], dtype=np.float32)
        used = self.rows[np.any(solution.weights != 0, axis=0)]
        return PreparedHeader(
            rate_hz=self.preparation.rate_hz,
            n_samples=self.n_samples,
            observed=solution.observed,
            interpolated=solution.interpolated,
            reference=solution.reference,
            parts=solution.parts,
            mains_hz=self.survey.mains_hz,
            gaps=tuple((float(a), float(b)) for a, b in blocks.gaps),
            bad_spans=tuple(
                (name, first / blocks.rate_hz, last / blocks.rate_hz, reason)
                for name, first, last, reason in self.plan.bad
            ),
            center_uv=scales[:, 0],
            scale_uv=scales[:, 1],
            source_rate_hz=blocks.rate_hz,
            source_labels=tuple(blocks.labels[i] for i in used),
            start=blocks.start,
            events=blocks.events,
            repairs=blocks.repairs,
        )


def _refuse_missing(
    labels: tuple[str, ...], wanted: int, *, n_found: int = 0, n_bad: int = 0
) -> MissingElectrodes:
    laplacian = any(kind_of(label) == "laplacian" for label in labels)
    return MissingElectrodes(
        f"channels that tell {wanted} or more of the 19 electrodes apart",
        f"{n_found} from {len(labels)} channels"
        + f", {n_bad} of them bad for most of the time" * (n_bad > 0)
        + ", and Laplacians, whose neighbours are not known" * laplacian,
        "Name them after the 10-20 system, against one reference or as a chain (Fp1-REF, Fp1-F7)."
        if n_bad == 0
        else "Check the recording's amplifier.",
    )


def check_amplitude(found: Survey, preparation: Preparation) -> None:
    """Raise AllFlat, AllSaturated, AllBad or ImplausibleAmplitude where it is no scalp EEG."""
    worst = np.bincount(found.codes.ravel(), minlength=len(REASONS))
    if worst[GOOD] == 0:
        refusal = {FLAT: AllFlat, SATURATED: AllSaturated}.get(int(worst.argmax()), AllBad)
        raise refusal(
            "a channel with EEG on it",
            f"all {REASONS[worst.argmax()]}",
            "Check the recording's amplifier.",
        )
    if not preparation.min_spread_uv <= found.spread_uv <= preparation.max_spread_uv:
        raise ImplausibleAmplitude(
            f"a spread of {preparation.min_spread_uv:g} to {preparation.max_spread_uv:g} uV",
            f"{found.spread_uv:.3g} uV",
            "Correct the unit in the header, or discard the file if its samples are damaged.",
        )


def plan_recording(blocks: RecordingBlocks, preparation: Preparation) -> PlannedRecording:
    """Survey a recording and decide how it would be prepared, without preparing it.

    Raises:
        MissingElectrodes, AllFlat, AllSaturated, AllBad, TooShort, ImplausibleAmplitude: see each.
    """
    named = derivations(blocks.labels)
    useful = np.flatnonzero(useful_channels(named))
    channels = [named[i] for i in useful]
    spans = recorded_spans(blocks.n_samples, blocks.rate_hz, blocks.gaps)
    n_samples = round(blocks.n_samples / blocks.rate_hz * preparation.rate_hz)
    if not len(useful):
        raise _refuse_missing(blocks.labels, preparation.min_electrodes)
    recorded = sum(stop - start for start, stop in spans)
    if recorded < preparation.quality.epoch_s * blocks.rate_hz:
        raise TooShort(
            f"{preparation.quality.epoch_s:g} s or more",
            f"{recorded / blocks.rate_hz:.2f} s",
            "Use a longer recording.",
        )
    found = survey(blocks, useful, spans, preparation.quality, preparation.mains)
    check_amplitude(found, preparation)
    plan = plan_montage(
        channels,
        found.codes,
        found.epochs,
        max_bad_fraction=preparation.max_bad_fraction,
        min_electrodes=preparation.min_electrodes,
        max_interpolated=preparation.max_interpolated,
        min_neighbours=preparation.min_neighbours,
    )
    n_found = int(plan.solution.observed.sum())
    if n_found < preparation.min_electrodes:
        bad = ~usable_channels(found.codes, preparation.max_bad_fraction)
        raise _refuse_missing(
            blocks.labels, preparation.min_electrodes, n_found=n_found, n_bad=int(bad.sum())
        )
    return PlannedRecording(blocks, useful, plan, found, n_samples, preparation)


def prepare(
    recording: Recording, preparation: Preparation
) -> tuple[PreparedHeader, NDArray[np.float32]]:
    """Bring a recording to 19 electrodes in average reference, filtered and quality-marked.

    Returns:
        the header, and float32 microvolts `(19, samples)`: zero inside gaps and for absent
        electrodes.

    Raises:
        MissingElectrodes, AllFlat, AllSaturated, AllBad, TooShort, ImplausibleAmplitude: see each.
    """
    job = plan_recording(BlocksOfRecording(recording), preparation)
    eeg_uv = np.zeros((N_ELECTRODES, job.n_samples), dtype=np.float32)
    counts = np.zeros((N_ELECTRODES, N_STEPS), dtype=np.int64)
    for first, chunk in job.chunks():
        eeg_uv[:, first : first + chunk.shape[1]] = chunk
        _add_counts(counts, quantize(chunk), job.plan.solution.observed)
    return job.header(counts), eeg_uv


def prepare_file(source: Path, preparation: Preparation, target: Path) -> PreparedHeader:
    """Prepare a file into a `.npy` of int16 steps of 0.1 uV, `(19, samples)`.

    Needs little memory however long the file is.

    The steps are those of `prepare`'s microvolts. The target appears whole or not at all.

    Raises:
        UnreadableRecording: the file cannot be read as EEG; one of its named forms.
        MissingElectrodes, AllFlat, AllSaturated, AllBad, TooShort, ImplausibleAmplitude: see each.
    """
    return prepare_blocks(open_recording(source), preparation, target)


def prepare_blocks(
    blocks: RecordingBlocks, preparation: Preparation, target: Path
) -> PreparedHeader:
    """Prepare any recording that is read a stretch at a time; see `prepare_file`."""
    job = plan_recording(blocks, preparation)
    counts = np.zeros((N_ELECTRODES, N_STEPS), dtype=np.int64)
    with open_npy(target, (N_ELECTRODES, job.n_samples), np.dtype(np.int16)) as write:
        for first, chunk in job.chunks():
            steps = quantize(chunk)
            write(first, steps)
            _add_counts(counts, steps, job.plan.solution.observed)
    return job.header(counts)


def _add_counts(
    counts: NDArray[np.int64], steps: NDArray[np.int16], observed: NDArray[np.bool_]
) -> None:
    for electrode in np.flatnonzero(observed):
        counts[electrode] += count_steps(steps[electrode])
