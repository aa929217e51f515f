"""The report's answer in a sentence, its curves and its table of subjects."""

from collections.abc import Mapping, Sequence
from typing import Any

from brainbrr.reporting.figures import OperatingPoint, curve_figure, reliability_figure
from brainbrr.reporting.markup import Html, fill, join
from brainbrr.reporting.published import PublishedScore
from brainbrr.reporting.scoreboard import UNDEFINED, Scores, look_up, measure, rounded
from brainbrr.scoring.alarm_budget import budget_kept

SUBJECT_COLUMNS = (
    ("recordings", "recordings", 0),
    ("duration_s", "hours", 1),
    ("szcore.event.ref_true", "seizures", 0),
    ("szcore.event.tp", "found", 0),
    ("szcore.event.fp", "false alarms", 0),
    ("szcore.event.fp_per_day", "false alarms per 24 h", 1),
    ("szcore.event.sensitivity", "sensitivity", 3),
    ("szcore.event.precision", "precision", 3),
    ("szcore.event.f1", "F1", 3),
    ("nedc.ovlp.sensitivity", "sensitivity (OVLP)", 3),
    ("nedc.ovlp.fa_per_24h", "false alarms per 24 h (OVLP)", 1),
)


def answer(scores: Scores) -> str:
    """The result in one sentence or two: how many seizures were found, at how many alarms, and
    F1."""
    event, overlap = "szcore.event.subject_mean", "nedc.ovlp"
    f1 = measure(scores, f"{event}.f1")
    tp, fn = look_up(scores, f"{overlap}.tp"), look_up(scores, f"{overlap}.fn")
    rate = measure(scores, f"{overlap}.fa_per_24h")
    found = (
        f"{tp:.0f} of {tp + fn:.0f} seizures found"
        if isinstance(tp, int | float) and isinstance(fn, int | float)
        else "Seizures found: unknown"
    )
    interval = f1.shown_interval(2).strip("()")
    sure = f" (95 % interval {interval})" if interval else ""
    return (
        f"{found} at {rate.shown(1)} false alarms per 24 h (NEDC any overlap). "
        f"SzCORE event F1, mean of subjects: {f1.shown(3)}{sure}."
    )


def budget_sentence(scores: Scores, alarm_budget: Mapping[str, Any]) -> str:
    """What was promised of a new patient's false alarms, and in how many subjects it was kept.

    Args:
        alarm_budget: `budget_per_24h`, `promised` (a probability, None where nothing could be
            promised) and `reason` (why not).
    """
    budget, promised = alarm_budget["budget_per_24h"], alarm_budget["promised"]
    said = (
        f"nothing could be promised ({alarm_budget['reason']})"
        if promised is None
        else f"promised to hold for a new patient with probability {rounded(promised, 2)}"
    )
    kept, n_subjects = budget_kept(scores, budget)
    return (
        f"Alarm budget of {budget:g} per 24 h (NEDC any overlap): {said}; kept in {kept} of "
        f"{n_subjects} subjects here."
    )


def curve_section(scores: Scores, published: Sequence[PublishedScore]) -> Html:
    """Sensitivity against false alarms, and reliability, where traces were scored."""
    curves = {
        label: points
        for key, label in (("ovlp", "NEDC OVLP"), ("szcore", "SzCORE events"))
        if isinstance(points := look_up(scores, f"curve.{key}"), list) and points
    }
    if not curves:
        return fill('<p class="quiet">No probability traces were scored: no curves.</p>')
    here = [
        OperatingPoint(f"this detector, {label}", share, rate)
        for label, path, key in (
            ("OVLP", "nedc.ovlp", "fa_per_24h"),
            ("SzCORE", "szcore.event.pooled", "fp_per_day"),
        )
        if (share := measure(scores, f"{path}.sensitivity").value) is not None
        and (rate := measure(scores, f"{path}.{key}").value) is not None
    ]
    others = [
        OperatingPoint(score.system, score.values["sensitivity"], score.values["fa_per_24h"])
        for score in published
        if score.definition == "nedc.ovlp" and {"sensitivity", "fa_per_24h"} <= score.values.keys()
    ]
    drawn = [
        _figure(
            curve_figure(curves, here, others),
            "Sensitivity against false alarms over all thresholds; dashed lines at 1, 2.5, 5 and "
            "10 a day. Filled: the threshold in use. Hollow: published (NEDC OVLP).",
        )
    ]
    if sets := reliability_sets(scores):
        drawn.append(
            _figure(
                reliability_figure(sets),
                "Calibration: on the diagonal the probability means what it says. ECE: the mean "
                "distance from it. The temperature was fitted on validation; events carry the "
                "confidence after it.",
            )
        )
    return fill('<div class="figures">$drawn</div>', drawn=join(drawn))


def reliability_sets(scores: Scores) -> dict[str, list[dict[str, float]]]:
    """Reliability bins before and, where one was fitted, after the temperature, by a name that
    tells the expected calibration error."""
    temperature = measure(scores, "sample_level.calibration.temperature").value
    after = None if temperature is None else f"after temperature {temperature:.2f}"
    sets = {}
    for name, suffix in (("as computed", ""), (after, "_calibrated")):
        bins = look_up(scores, f"sample_level.reliability{suffix}")
        if name is not None and isinstance(bins, list) and bins:
            ece = measure(scores, f"sample_level.ece{suffix}").value
            sets[name if ece is None else f"{name}: ECE {ece:.3f}"] = bins
    return sets


def subject_section(scores: Scores) -> Html:
    """One row a subject, to be sorted by any column."""
    subjects = look_up(scores, "subjects")
    if not isinstance(subjects, Mapping) or not subjects:
        return fill('<p class="quiet">No scores by subject.</p>')
    head = join(
        fill('<th scope="col"><button type="button">$label</button></th>', label=label)
        for label in ("subject", *(label for _, label, _ in SUBJECT_COLUMNS))
    )
    rows = join(
        fill(
            '<tr><th scope="row" data-value="$name">$name</th>$row</tr>',
            name=name,
            row=join(_subject_cell(of_one, *column) for column in SUBJECT_COLUMNS),
        )
        for name, of_one in subjects.items()
    )
    return fill(
        '<div class="scroll"><table class="sortable"><caption><span>SzCORE events unless OVLP is '
        "named; a column's name sorts by it.</span></caption><thead><tr>$head</tr></thead>"
        "<tbody>$rows</tbody></table></div>",
        head=head,
        rows=rows,
    )


def _subject_cell(of_one: Mapping[str, object], path: str, label: str, decimals: int) -> Html:
    value = look_up(of_one, path)
    if not isinstance(value, int | float):
        return fill("<td>$dash</td>", dash=UNDEFINED)
    shown = value / 3600 if path == "duration_s" else float(value)
    return fill('<td data-value="$value">$text</td>', value=value, text=f"{shown:.{decimals}f}")


def _figure(drawing: Html, caption: str) -> Html:
    return fill(
        "<figure>$drawing<figcaption>$caption</figcaption></figure>",
        drawing=drawing,
        caption=caption,
    )
