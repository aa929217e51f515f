"""Inspect a corpus before training: survey every recording, write nothing but the report."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.label_checks import label_fault, label_warnings
from brainbrr.data.corpora.layouts.source import Source
from brainbrr.data.corpora.split import SplitLeak, check_disjoint
from brainbrr.data.corpora.summary import summarize
from brainbrr.data.preparation.preparation import (
    PlannedRecording,
    Preparation,
    check_amplitude,
    plan_recording,
)
from brainbrr.data.recordings.read import open_recording
from brainbrr.data.recordings.recording import RecordingBlocks
from brainbrr.errors import BrainbrrError
from brainbrr.pool import each_in_pool
from brainbrr.progress import progress_bar
from brainbrr.signal.labels import kind_of
from brainbrr.signal.quality import GOOD, REASONS
from brainbrr.signal.quantization import quantize
from brainbrr.signal.windows import recorded_spans

_PLAUSIBLE_UV = (2.0, 300.0)
"""Typical standard deviations of scalp EEG; outside them another unit is more plausible."""

_UNITS = (("mV", 1e3), ("V", 1e6), ("nV", 1e-3))
_BLOCK_S = 300.0


class DigestedBlocks:
    """A recording that hashes what the survey reads of it anyway, so that no sample is read twice.

    Args:
        blocks: the recording.
        rows: indices of the channels to digest.
    """

    def __init__(self, blocks: RecordingBlocks, rows: list[int]) -> None:
        self.labels, self.rate_hz, self.n_samples = blocks.labels, blocks.rate_hz, blocks.n_samples
        self.start, self.gaps = blocks.start, blocks.gaps
        self.events, self.repairs = blocks.events, blocks.repairs
        self._blocks, self._rows = blocks, rows
        self._digests = [hashlib.sha256() for _ in rows]
        self._low, self._high = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
        spans = recorded_spans(blocks.n_samples, blocks.rate_hz, blocks.gaps)
        self._pending = [(int(start), int(stop)) for start, stop in spans]

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Read microvolts `(channels, last - first)` of samples `[first, last)`, zero in gaps."""
        eeg_uv = self._blocks.read(first, last)
        # Each span is hashed in order and once: a read that comes later, or again, adds nothing.
        while self._pending and first <= self._pending[0][0] < last:
            start, stop = self._pending.pop(0)
            if stop > last:
                self._pending.insert(0, (last, stop))
            self._add(eeg_uv[:, start - first : min(stop, last) - first][self._rows])
        return eeg_uv

    def digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of each channel's samples in steps of 0.1 uV; a flat channel has none.

        Reads what has not been read yet.
        """
        n_block = int(_BLOCK_S * self.rate_hz)
        while self._pending:
            start, stop = self._pending[0]
            self.read(start, min(start + n_block, stop))
        varies = self._high > self._low
        return tuple(d.hexdigest() for d, used in zip(self._digests, varies, strict=True) if used)

    def _add(self, eeg_uv: NDArray[np.float32]) -> None:
        steps = quantize(eeg_uv)
        self._low = np.minimum(self._low, steps.min(axis=1))
        self._high = np.maximum(self._high, steps.max(axis=1))
        for digest, channel in zip(self._digests, steps, strict=True):
            digest.update(channel.tobytes())


@dataclass(frozen=True)
class Examined:
    """The findings about one recording.

    Attributes:
        source: path relative to the corpus root.
        duration_s: gaps included.
        source_channels: labels of the EEG channels; others are counted in `n_channels` only.
        spread_uv: median standard deviation of good epochs, None if none is good.
        unit: `as stated`, or the unit that would make the spread plausible.
        bad: fraction of channel time for each reason.
        repairs: what had to be repaired to read it.
        label_warnings: what looks wrong about its labels.
        digests: of each EEG channel's samples.
        reason, detail: why it would be quarantined; empty if it would not.
    """

    recording_id: str
    source: str
    subject: str
    session: str
    split: str
    duration_s: float = 0.0
    source_rate_hz: float = 0.0
    n_channels: int = 0
    source_channels: tuple[str, ...] = ()
    reference: str = ""
    observed: tuple[bool, ...] = ()
    interpolated: tuple[str, ...] = ()
    mains_hz: float | None = None
    spread_uv: float | None = None
    unit: str = ""
    gaps: tuple[tuple[float, float], ...] = ()
    bad: tuple[tuple[str, float], ...] = ()
    repairs: tuple[str, ...] = ()
    events: tuple[tuple[float, float, str], ...] | None = None
    label_warnings: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Inspection:
    """The findings about a corpus.

    Attributes:
        recordings: one by one.
        copies: recordings that hold the same signals, with how many channels they share.
        leaks: what is wrong with the split; empty if nothing is.
        summary: `brainbrr.data.corpora.summary.summarize` of the usable recordings.
    """

    corpus: str
    root: str
    recordings: tuple[Examined, ...]
    copies: tuple[dict[str, Any], ...]
    leaks: tuple[str, ...]
    summary: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the digests, ready for JSON."""
        content = asdict(self)
        for recording in content["recordings"]:
            del recording["digests"]
        return content


def inspect_corpus(
    corpus: Corpus,
    preparation: Preparation,
    *,
    workers: int | None = None,
    show_progress: bool = True,
) -> Inspection:
    """Inspect every recording of a corpus as preparing it would, and the corpus as a whole.

    Missing labels and leaking splits are findings here, not errors.

    Raises:
        BrainbrrError: see `Corpus.listed`, except for missing labels.
    """
    corpus = replace(corpus, unlabelled="allow")
    everything = corpus.listed()
    sources = corpus.select(everything)
    inspect_one = partial(examine, root=corpus.root, preparation=preparation)
    recordings: list[Examined] = []
    with progress_bar(show_progress) as bar:
        task = bar.add_task("inspecting", total=len(sources))
        for _, examined in each_in_pool(inspect_one, sources, workers):
            recordings.append(examined)
            bar.advance(task)
    recordings.sort(key=lambda examined: examined.recording_id)
    usable = [examined for examined in recordings if not examined.reason]
    return Inspection(
        corpus.name,
        str(corpus.root),
        tuple(recordings),
        tuple(copies(recordings)),
        tuple(_leaks(everything)),
        summarize(usable, [examined.reason for examined in recordings if examined.reason]),
    )


def examine(source: Source, *, root: Path, preparation: Preparation) -> Examined:
    """Inspect one recording as preparing it would, without writing anything."""
    examined = Examined(
        source.recording_id,
        source.path.relative_to(root).as_posix(),
        source.subject,
        source.session,
        source.split,
        events=None
        if source.events is None
        else tuple((e.onset_s, e.duration_s, e.event_type) for e in source.events),
    )
    try:
        blocks = open_recording(source.path)
        examined = _with_header(examined, source, blocks)
        digested = DigestedBlocks(blocks, _eeg_rows(blocks))
        try:
            planned = plan_recording(digested, _of_any_amplitude(preparation))
            examined = _with_plan(examined, planned)
        finally:
            # A copy is a finding even if the recording is refused.
            examined = replace(examined, digests=digested.digests())
        check_amplitude(planned.survey, preparation)
        if source.refusal is not None:
            raise source.refusal
    except BrainbrrError as error:
        return replace(examined, reason=type(error).__name__, detail=error.detail)
    except OSError as error:
        return replace(examined, reason="UnreadableSource", detail=type(error).__name__)
    fault = label_fault(source, examined.duration_s)
    if fault is None:
        return examined
    return replace(examined, reason=type(fault).__name__, detail=fault.detail)


def copies(recordings: Sequence[Examined]) -> list[dict[str, Any]]:
    """Find pairs of recordings that share the samples of a channel, whatever they are called.

    Returns:
        for each pair `recordings`, `subjects`, `splits` (two of each) and `channels`, the number
        shared; the pairs in different splits come first.
    """
    holders: dict[str, list[Examined]] = defaultdict(list)
    for recording in recordings:
        for digest in set(recording.digests):
            holders[digest].append(recording)
    shared: dict[tuple[str, str], int] = defaultdict(int)
    for group in holders.values():
        for first, second in combinations(sorted(r.recording_id for r in group), 2):
            shared[first, second] += 1
    by_id = {recording.recording_id: recording for recording in recordings}
    pairs = [
        {
            "recordings": list(names),
            "subjects": [by_id[name].subject for name in names],
            "splits": [by_id[name].split for name in names],
            "channels": n_channels,
        }
        for names, n_channels in sorted(shared.items())
    ]
    return sorted(pairs, key=lambda pair: len(set(pair["splits"])) == 1)


def _eeg_rows(blocks: RecordingBlocks) -> list[int]:
    return [i for i, label in enumerate(blocks.labels) if kind_of(label) != "other"]


def _of_any_amplitude(preparation: Preparation) -> Preparation:
    """Lift the amplitude limits: the plan is needed to find a plausible unit."""
    return replace(preparation, min_spread_uv=0.0, max_spread_uv=float("inf"))


def _with_header(examined: Examined, source: Source, blocks: RecordingBlocks) -> Examined:
    duration_s = blocks.n_samples / blocks.rate_hz
    return replace(
        examined,
        duration_s=duration_s,
        source_rate_hz=float(blocks.rate_hz),
        n_channels=len(blocks.labels),
        source_channels=tuple(blocks.labels[index] for index in _eeg_rows(blocks)),
        gaps=tuple((float(start), float(stop)) for start, stop in blocks.gaps),
        repairs=tuple(blocks.repairs),
        label_warnings=tuple(label_warnings(source, duration_s, blocks.gaps)),
    )


def _with_plan(examined: Examined, planned: PlannedRecording) -> Examined:
    survey, solution = planned.survey, planned.plan.solution
    fractions = np.bincount(survey.codes.ravel(), minlength=len(REASONS)) / survey.codes.size
    return replace(
        examined,
        reference=solution.reference,
        observed=tuple(bool(seen) for seen in solution.observed),
        interpolated=tuple(solution.interpolated),
        mains_hz=survey.mains_hz,
        spread_uv=survey.spread_uv,
        unit=likely_unit(survey.spread_uv),
        bad=tuple(
            (reason, float(fraction))
            for code, (reason, fraction) in enumerate(zip(REASONS, fractions, strict=True))
            if code != GOOD and fraction > 0
        ),
    )


def likely_unit(spread_uv: float) -> str:
    """Name the unit that makes a typical standard deviation plausible for scalp EEG."""
    low_uv, high_uv = _PLAUSIBLE_UV
    for name, factor in (("as stated", 1.0), *_UNITS):
        if low_uv <= spread_uv * factor <= high_uv:
            return name
    return "unclear"


def _leaks(sources: Iterable[Source]) -> list[str]:
    try:
        check_disjoint(sources)
    except SplitLeak as leak:
        return [f"expected {leak.expected}; got {leak.got}"]
    return []
