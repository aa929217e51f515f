"""Check a recording's labels against its length: what refuses them, and what only looks wrong."""

from brainbrr.data.corpora.layouts.source import Source
from brainbrr.errors import BrainbrrError
from brainbrr.events.intervals import Intervals, as_intervals, intersect, total_s

END_TOLERANCE_S = 10.0
"""Labels round the recording's end; a seizure that ends later belongs to another recording."""

SHORTEST_S, LONGEST_S = 5.0, 1800.0
"""Seizures outside these are rare enough to look at: a slip of a digit, or status epilepticus."""

MOST_ICTAL = 0.5
"""A larger fraction of the recording in seizure is more likely a wrong unit or a wrong file."""

LENGTH_TOLERANCE_S, LENGTH_TOLERANCE = 5.0, 0.01
"""Lengths stated by labels and signal may differ by the larger of these, seconds and fraction."""


class LabelsBeyondRecording(BrainbrrError):
    """A labelled seizure that lies outside its recording."""


def label_fault(source: Source, duration_s: float) -> LabelsBeyondRecording | None:
    """Return why labels cannot belong to a recording of this length; None if they can."""
    for event in source.events or ():
        inside = 0.0 <= event.onset_s < duration_s
        if not inside or event.offset_s > duration_s + END_TOLERANCE_S:
            return LabelsBeyondRecording(
                f"seizures inside {duration_s:g} s of recording",
                f"one from {event.onset_s:g} to {event.offset_s:g} s",
                "Check that the labels belong to this recording.",
            )
    return None


def label_warnings(source: Source, duration_s: float, gaps: Intervals) -> list[str]:
    """List what looks wrong about a recording's labels, in plain words.

    Args:
        duration_s: length of the recording, gaps included.
        gaps: `(n, 2)` seconds without signal.
    """
    if source.events is None:
        return ["no labels"]
    warnings = []
    fault = label_fault(source, duration_s)
    if fault is not None:
        warnings.append(f"expected {fault.expected}; got {fault.got}")
    spans = as_intervals([(event.onset_s, event.offset_s) for event in source.events])
    if (spans[1:, 0] < spans[:-1, 1]).any():
        warnings.append("seizures overlap")
    lengths_s = spans[:, 1] - spans[:, 0]
    warnings += [f"a seizure of {long:g} s" for long in lengths_s[lengths_s < SHORTEST_S]]
    warnings += [f"a seizure of {long:g} s" for long in lengths_s[lengths_s > LONGEST_S]]
    fraction = total_s(spans) / duration_s
    if fraction > MOST_ICTAL:
        warnings.append(f"{fraction:.0%} of the recording is seizure")
    lost_s = total_s(intersect(spans, gaps))
    if lost_s > 0:
        warnings.append(f"{lost_s:g} s of seizure in gaps")
    stated_s = source.stated_duration_s
    tolerance_s = max(LENGTH_TOLERANCE_S, LENGTH_TOLERANCE * duration_s)
    if stated_s is not None and abs(stated_s - duration_s) > tolerance_s:
        warnings.append(f"labels state {stated_s:g} s, the signal has {duration_s:g} s")
    return warnings
