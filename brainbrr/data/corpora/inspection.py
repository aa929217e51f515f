"""The look before training: every recording surveyed, nothing written but the report."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.digested_blocks import DigestedBlocks
from brainbrr.data.corpora.label_warnings import doubts
from brainbrr.data.corpora.labelled import label_fault
from brainbrr.data.corpora.layouts.source import Source
from brainbrr.data.corpora.pool import each_in_pool
from brainbrr.data.corpora.split import SplitLeak, check_disjoint
from brainbrr.data.corpora.summary import summarize
from brainbrr.data.preparation.preparation import (
    PlannedRecording,
    Preparation,
    check_amplitude,
    plan_recording,
)
from brainbrr.data.recordings.blocks import RecordingBlocks
from brainbrr.data.recordings.read import open_recording
from brainbrr.errors import BrainbrrError
from brainbrr.progress import progress_bar
from brainbrr.signal.labels import kind_of
from brainbrr.signal.quality import GOOD, REASONS

_PLAUSIBLE_UV = (2.0, 300.0)
"""Typical standard deviations of scalp EEG; outside them another unit may explain more."""

_UNITS = (("mV", 1e3), ("V", 1e6), ("nV", 1e-3))


@dataclass(frozen=True)
class Examined:
    """What a look at one recording found.

    Attributes:
        source: path below the corpus root.
        duration_s: on the clock, gaps included.
        source_channels: labels of the EEG channels; others are counted in `n_channels` only.
        spread_uv: median standard deviation of good stretches, None where none is good.
        unit: `as stated`, or the unit that would make the spread plausible.
        bad: share of channel time for each reason.
        repairs: what had to be mended to read it.
        doubts: what looks wrong about its labels.
        digests: of each EEG channel's samples.
        reason, detail: why it would be quarantined; empty where it would not.
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
    doubts: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Inspection:
    """What a look at a corpus found.

    Attributes:
        recordings: one by one.
        copies: recordings that hold the same signals, with how many channels they share.
        leaks: what is wrong with the split; empty where nothing is.
        summary: `brainbrr.data.corpora.summary.summarize` of the usable recordings.
    """

    corpus: str
    root: str
    recordings: tuple[Examined, ...]
    copies: tuple[dict[str, Any], ...]
    leaks: tuple[str, ...]
    summary: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; digests are left out."""
        found = asdict(self)
        for recording in found["recordings"]:
            del recording["digests"]
        return found


def inspect_corpus(
    corpus: Corpus,
    preparation: Preparation,
    *,
    workers: int | None = None,
    show_progress: bool = True,
) -> Inspection:
    """Look at every recording of a corpus as preparing it would, and at the corpus as a whole.

    Labels may be missing and splits may leak: here that is a finding, not a refusal.

    Raises:
        BrainbrrError: what `Corpus.listed` refuses but for missing labels; `WorkerDied`.
    """
    corpus = replace(corpus, unlabelled="allow")
    everything = corpus.listed()
    sources = corpus.select(everything)
    look = partial(examine, root=corpus.root, preparation=preparation)
    found: list[Examined] = []
    with progress_bar(show_progress) as bar:
        task = bar.add_task("inspecting", total=len(sources))
        for _, examined in each_in_pool(look, sources, workers):
            found.append(examined)
            bar.advance(task)
    found.sort(key=lambda examined: examined.recording_id)
    usable = [examined for examined in found if not examined.reason]
    return Inspection(
        corpus.name,
        str(corpus.root),
        tuple(found),
        tuple(copies(found)),
        tuple(_leaks(everything)),
        summarize(usable, [examined.reason for examined in found if examined.reason]),
    )


def examine(source: Source, *, root: Path, preparation: Preparation) -> Examined:
    """Look at one recording as preparing it would, without writing anything."""
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
            # The same signal twice is a finding of refused recordings too.
            examined = replace(examined, digests=digested.digests())
        check_amplitude(planned.survey, preparation)
        if source.refusal is not None:
            raise source.refusal
    except BrainbrrError as error:
        detail = error.detail
        return replace(examined, reason=type(error).__name__, detail=detail)
    except OSError as error:
        return replace(examined, reason="UnreadableSource", detail=type(error).__name__)
    fault = label_fault(source, examined.duration_s)
    return replace(examined, reason=fault.reason, detail=fault.detail) if fault else examined


def copies(recordings: Sequence[Examined]) -> list[dict[str, Any]]:
    """Pairs of recordings that share the samples of a channel, whatever they are called.

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
    known = {recording.recording_id: recording for recording in recordings}
    pairs = [
        {
            "recordings": list(names),
            "subjects": [known[name].subject for name in names],
            "splits": [known[name].split for name in names],
            "channels": n_channels,
        }
        for names, n_channels in sorted(shared.items())
    ]
    return sorted(pairs, key=lambda pair: len(set(pair["splits"])) == 1)


def _eeg_rows(blocks: RecordingBlocks) -> list[int]:
    return [i for i, label in enumerate(blocks.labels) if kind_of(label) != "other"]


def _of_any_amplitude(preparation: Preparation) -> Preparation:
    """The plan tells which unit would be plausible; it is needed where the stated one is not."""
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
        doubts=tuple(doubts(source, duration_s, blocks.gaps)),
    )


def _with_plan(examined: Examined, planned: PlannedRecording) -> Examined:
    survey, solution = planned.survey, planned.plan.solution
    shares = np.bincount(survey.codes.ravel(), minlength=len(REASONS)) / survey.codes.size
    return replace(
        examined,
        reference=solution.reference,
        observed=tuple(bool(seen) for seen in solution.observed),
        interpolated=tuple(solution.interpolated),
        mains_hz=survey.mains_hz,
        spread_uv=survey.spread_uv,
        unit=likely_unit(survey.spread_uv),
        bad=tuple(
            (reason, float(share))
            for code, (reason, share) in enumerate(zip(REASONS, shares, strict=True))
            if code != GOOD and share > 0
        ),
    )


def likely_unit(spread_uv: float) -> str:
    """Which unit makes a typical standard deviation plausible for scalp EEG."""
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
