"""One self-contained HTML file with everything a reader needs to judge a result."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import brainbrr
from brainbrr.atomic_io import open_durable
from brainbrr.reporting.cases import Case
from brainbrr.reporting.markup import Html, fill, join, template
from brainbrr.reporting.published import PublishedScore
from brainbrr.reporting.review import review_section
from brainbrr.reporting.score_tables import Systems, key_value_table, score_section
from brainbrr.reporting.scoreboard import Scores, look_up, rounded
from brainbrr.reporting.sections import (
    answer,
    budget_sentence,
    curve_section,
    subject_section,
)

MAX_BYTES = 3_000_000
"""How large a report may become; EEG of the last events is left out, and said so, beyond it."""


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
    with open_durable(path) as file:
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
