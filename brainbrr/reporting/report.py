"""One self-contained HTML file with everything a reader needs to judge a result."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import brainbrr
from brainbrr.atomic_io import atomic_write
from brainbrr.reporting.cases import Case
from brainbrr.reporting.figures import OperatingPoint, curve_figure, reliability_figure
from brainbrr.reporting.markup import Html, fill, join, template
from brainbrr.reporting.review import review_section
from brainbrr.reporting.score_tables import Systems, key_value_table, score_section
from brainbrr.reporting.scoreboard import (
    UNDEFINED,
    PublishedScore,
    Scores,
    look_up,
    measure,
    rounded,
)
from brainbrr.scoring.alarm_budget import budget_kept

MAX_BYTES = 3_000_000
"""Size limit of a report; beyond it the EEG of the last events is left out, with a note."""


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


def write_report(
    path: str | Path,
    *,
    title: str,
    scores: Scores,
    cases: Sequence[Case] = (),
    provenance: Mapping[str, object],
    notes: Sequence[str] = (),
    published: Sequence[PublishedScore] = (),
    baselines: Mapping[str, Scores] | None = None,
    alarm_budget: Mapping[str, object] | None = None,
    max_bytes: int = MAX_BYTES,
) -> None:
    """Write the report: the answer first, then scores, curves, subjects, events to review, what was
    skipped and how to get the same again.

    The file needs no network and no server; it holds what it is given and nothing else of the
    recordings.

    Args:
        scores: the content of scores.json.
        cases: events to show, most telling first (`select_cases`).
        provenance: how to reproduce: `command`, `config_digest`, `version`, seed, ... by name.
        notes: what was skipped or substituted, one sentence each.
        published: scores of other systems on the same corpus (`published_scores`).
        baselines: scores.json of other detectors on the same recordings, by name.
        alarm_budget: `AlarmBudget.to_json()` of the threshold in use, or None where it was chosen
            otherwise.
        max_bytes: size limit of the file.
    """
    scored = [
        _section("scores", "Scores", score_section(Systems(scores, baselines or {}, published))),
        _section("curves", "Curves and calibration", curve_section(scores, published)),
        _section("subjects", "Subjects", subject_section(scores)),
    ]
    spare = 60_000 + sum(len(part.encode()) for part in scored)
    reviewed, n_left_out = review_section(cases, max_bytes - spare)
    if not cases:
        reviewed = _section("review", "Events and review", reviewed)
    if n_left_out:
        notes = [*notes, f"The EEG of {n_left_out} events was left out to keep this file small."]
    sections = [
        *scored,
        reviewed,
        _section("skipped", "Skipped and substituted", _skipped(scores, notes)),
        _section("reproduce", "How to reproduce", _reproduce(scores, provenance)),
    ]
    page = fill(
        template("report.html"),
        title=title,
        answer=answer(scores),
        budget=budget_sentence(scores, alarm_budget) if alarm_budget else "",
        navigation=_navigation(),
        sections=join(sections, "\n"),
        version=provenance.get("version", brainbrr.__version__),
        css=Html(template("report.css")),
        sort_js=Html(template("sort.js")),
        review_js=Html(template("review.js")),
    )
    with atomic_write(path) as file:
        file.write(page)


def _section(name: str, heading: str, body: Html) -> Html:
    return fill(
        '<section id="$name" aria-labelledby="$name-title"><h2 id="$name-title">$heading</h2>'
        "$body</section>",
        name=name,
        heading=heading,
        body=body,
    )


def _navigation() -> Html:
    links = {
        "scores": "Scores",
        "curves": "Curves",
        "subjects": "Subjects",
        "review": "Events and review",
        "skipped": "Skipped and substituted",
        "reproduce": "How to reproduce",
    }
    return join(
        fill('<a href="#$name">$label</a>', name=name, label=label) for name, label in links.items()
    )


def _skipped(scores: Scores, notes: Sequence[str]) -> Html:
    expected, scored = look_up(scores, "files.expected"), look_up(scores, "files.scored")
    missing = look_up(scores, "files.missing")
    lines = list(notes)
    if isinstance(missing, list) and missing:
        lines.insert(0, f"No prediction, scored as no seizure: {', '.join(map(str, missing))}.")
    counted = f"{rounded(scored)} of {rounded(expected)} recordings have a prediction."
    if not lines:
        return fill("<p>$counted Nothing was skipped or substituted.</p>", counted=counted)
    return fill(
        '<div class="warning"><p>$counted</p><ul>$lines</ul></div>',
        counted=counted,
        lines=join(fill("<li>$line</li>", line=line) for line in lines),
    )


def _reproduce(scores: Scores, provenance: Mapping[str, object]) -> Html:
    rest = {name: value for name, value in provenance.items() if name != "command"}
    items = join(
        fill("<dt>$name</dt><dd>$value</dd>", name=name.replace("_", " "), value=rounded(value))
        for name, value in rest.items()
    )
    definitions = look_up(scores, "definitions")
    table = (
        key_value_table("Definitions and parameters of the scores", definitions)
        if isinstance(definitions, Mapping)
        else Html("")
    )
    return fill(
        "<pre><code>$command</code></pre><dl>$items</dl>$table",
        command=provenance.get("command", "command not recorded"),
        items=items,
        table=table,
    )


def answer(scores: Scores) -> str:
    """Summarize the result in two sentences: seizures found, false alarms, and F1."""
    event, overlap = "szcore.event.subject_mean", "nedc.ovlp"
    f1 = measure(scores, f"{event}.f1")
    tp, fn = look_up(scores, f"{overlap}.tp"), look_up(scores, f"{overlap}.fn")
    rate = measure(scores, f"{overlap}.fa_per_24h")
    hits = (
        f"{tp:.0f} of {tp + fn:.0f} seizures found"
        if isinstance(tp, int | float) and isinstance(fn, int | float)
        else "Seizures found: unknown"
    )
    interval = f1.shown_interval(2).strip("()")
    certainty = f" (95 % interval {interval})" if interval else ""
    return (
        f"{hits} at {rate.shown(1)} false alarms per 24 h (NEDC any overlap). "
        f"SzCORE event F1, mean of subjects: {f1.shown(3)}{certainty}."
    )


def budget_sentence(scores: Scores, alarm_budget: Mapping[str, Any]) -> str:
    """State the promise for a new patient's false alarms, and in how many subjects it was kept.

    Args:
        alarm_budget: `budget_per_24h`, `promised` (a probability, or None if nothing could be
            promised) and `reason` (why not).
    """
    budget, promised = alarm_budget["budget_per_24h"], alarm_budget["promised"]
    promise = (
        f"nothing could be promised ({alarm_budget['reason']})"
        if promised is None
        else f"promised to hold for a new patient with probability {rounded(promised, 2)}"
    )
    kept, n_subjects = budget_kept(scores, budget)
    return (
        f"Alarm budget of {budget:g} per 24 h (NEDC any overlap): {promise}; kept in {kept} of "
        f"{n_subjects} subjects here."
    )


def curve_section(scores: Scores, published: Sequence[PublishedScore]) -> Html:
    """Draw sensitivity against false alarms, and reliability, if traces were scored."""
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
        _captioned(
            curve_figure(curves, here, others),
            "Sensitivity against false alarms over all thresholds; dashed lines at 1, 2.5, 5 and "
            "10 a day. Filled: the threshold in use. Hollow: published (NEDC OVLP).",
        )
    ]
    if sets := reliability_sets(scores):
        drawn.append(
            _captioned(
                reliability_figure(sets),
                "Calibration: on the diagonal the probability means what it says. ECE: the mean "
                "distance from it. The temperature was fitted on validation; events carry the "
                "confidence after it.",
            )
        )
    return fill('<div class="figures">$drawn</div>', drawn=join(drawn))


def reliability_sets(scores: Scores) -> dict[str, list[dict[str, float]]]:
    """Return reliability bins before and after the temperature, if one was fitted, by a name that
    states the expected calibration error."""
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
    """Build the table with one row per subject, sortable by any column."""
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


def _captioned(drawing: Html, caption: str) -> Html:
    return fill(
        "<figure>$drawing<figcaption>$caption</figcaption></figure>",
        drawing=drawing,
        caption=caption,
    )
