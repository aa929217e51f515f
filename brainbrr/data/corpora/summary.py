"""Summary of a corpus: hours, subjects, seizures by type and length, montages, what is missing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Union

from brainbrr.data.corpora.split import SPLITS
from brainbrr.events.event import Event
from brainbrr.events.intervals import as_intervals, total_s
from brainbrr.signal.electrodes import ELECTRODES

if TYPE_CHECKING:
    from brainbrr.data.corpora.inspection import Examined
    from brainbrr.data.corpora.manifest import ManifestRow

DURATIONS_S = (30.0, 90.0)
"""Seizures are counted below, between and from these lengths."""


Described = Union["ManifestRow", "Examined"]


def summarize(recordings: Sequence[Described], reasons: Iterable[str]) -> dict[str, Any]:
    """Summarize a corpus.

    Args:
        recordings: the usable ones.
        reasons: why each other one is in quarantine.

    Returns:
        `splits` (each split present and `all`: recordings, subjects, hours recorded, subjects with
        seizures, seizures, seizure minutes, recordings without labels), and counts: `seizure_types`
        and `seizure_lengths` of seizures, `references`, `rates_hz`, `mains_hz`,
        `missing_electrodes`, `interpolated_electrodes` and `quarantined` of recordings.
    """
    names = [name for name in (*SPLITS, "") if any(r.split == name for r in recordings)]
    splits = {
        name or "unassigned": _counts([r for r in recordings if r.split == name]) for name in names
    }
    seizures = [event for recording in recordings for event in _seizures(recording)]
    missing = (
        name
        for recording in recordings
        for name, seen in zip(ELECTRODES, recording.observed, strict=True)
        if not seen
    )
    return {
        "splits": {**splits, "all": _counts(recordings)},
        "seizure_types": _ranked(event.event_type for event in seizures),
        "seizure_lengths": {
            name: count for name, count in _by_length(seizures).items() if seizures
        },
        "references": _ranked(recording.reference for recording in recordings),
        "rates_hz": _ranked(f"{recording.source_rate_hz:g}" for recording in recordings),
        "mains_hz": _ranked(
            "none" if r.mains_hz is None else f"{r.mains_hz:g}" for r in recordings
        ),
        "missing_electrodes": _ranked(missing),
        "interpolated_electrodes": _ranked(name for r in recordings for name in r.interpolated),
        "quarantined": _ranked(reasons),
    }


def _counts(recordings: Sequence[Described]) -> dict[str, float]:
    seizures = [event for recording in recordings for event in _seizures(recording)]
    recorded_s = sum(r.duration_s - total_s(as_intervals(r.gaps)) for r in recordings)
    return {
        "recordings": len(recordings),
        "subjects": len({recording.subject for recording in recordings}),
        "hours": recorded_s / 3600,
        "subjects_with_seizures": len({r.subject for r in recordings if _seizures(r)}),
        "seizures": len(seizures),
        "seizure_minutes": sum(event.duration_s for event in seizures) / 60,
        "unlabelled": sum(recording.events is None for recording in recordings),
    }


def _seizures(recording: Described) -> list[Event]:
    events = (
        Event(float(onset_s), float(duration_s), str(kind))
        for onset_s, duration_s, kind in recording.events or ()
    )
    return [event for event in events if event.is_seizure]


def _by_length(seizures: list[Event]) -> dict[str, int]:
    short, long = DURATIONS_S
    return {
        f"<{short:g} s": sum(event.duration_s < short for event in seizures),
        f"{short:g}-{long:g} s": sum(short <= event.duration_s < long for event in seizures),
        f">={long:g} s": sum(event.duration_s >= long for event in seizures),
    }


def _ranked(names: Iterable[str]) -> dict[str, int]:
    """Count, the most common first, equal ones by name."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
