"""Labels that look wrong beside the recording they belong to."""

from brainbrr.data.corpora.labelled import label_fault
from brainbrr.data.corpora.layouts.source import Source
from brainbrr.events.intervals import Intervals, as_intervals, intersect, total_s

SHORTEST_S, LONGEST_S = 5.0, 1800.0
"""Seizures outside these are rare enough to look at: a slip of a digit, or status epilepticus."""

MOST_ICTAL = 0.5
"""A larger share of the recording in seizure is more likely a unit or a wrong file."""

CLOCK_TOLERANCE_S, CLOCK_TOLERANCE = 5.0, 0.01
"""Lengths that labels and signal tell may differ by the larger of these, seconds and share."""


def doubts(source: Source, duration_s: float, gaps: Intervals) -> list[str]:
    """What is odd about a recording's labels, in plain words; empty where nothing is.

    Args:
        duration_s: length of the recording on its clock.
        gaps: `(n, 2)` seconds without signal.
    """
    if source.events is None:
        return ["no labels"]
    found = []
    fault = label_fault(source, duration_s)
    if fault is not None:
        found.append(fault.detail.split(". ")[0])
    spans = as_intervals([(event.onset_s, event.offset_s) for event in source.events])
    if (spans[1:, 0] < spans[:-1, 1]).any():
        found.append("seizures overlap")
    lengths_s = spans[:, 1] - spans[:, 0]
    found += [f"a seizure of {long:g} s" for long in lengths_s[lengths_s < SHORTEST_S]]
    found += [f"a seizure of {long:g} s" for long in lengths_s[lengths_s > LONGEST_S]]
    share = total_s(spans) / duration_s
    if share > MOST_ICTAL:
        found.append(f"{share:.0%} of the recording is seizure")
    lost_s = total_s(intersect(spans, gaps))
    if lost_s > 0:
        found.append(f"{lost_s:g} s of seizure in gaps")
    stated_s = source.stated_duration_s
    tolerance_s = max(CLOCK_TOLERANCE_S, CLOCK_TOLERANCE * duration_s)
    if stated_s is not None and abs(stated_s - duration_s) > tolerance_s:
        found.append(f"labels tell {stated_s:g} s, the signal {duration_s:g} s")
    return found
