"""The report's sections on scores: tables and figures, each a piece of HTML or nothing."""

from collections.abc import Mapping, Sequence

from brainbrr.reporting.figures import OperatingPoint, curve_figure, reliability_figure
from brainbrr.reporting.markup import Html, fill, join
from brainbrr.reporting.published import PublishedScore
from brainbrr.reporting.scoreboard import (
    COLUMN_LABELS,
    COLUMNS,
    DEFINITIONS,
    SAMPLE_LABELS,
    TARGETS_PER_24H,
    UNDEFINED,
    Definition,
    Measure,
    Scores,
    cells,
    decimals_of,
    look_up,
    measure,
    rounded,
)

NOTHING = Html("")
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


def score_section(
    scores: Scores, published: Sequence[PublishedScore], baselines: Mapping[str, Scores]
) -> Html:
    """Each definition's scores, ours first, then baselines and published ones of that
    definition."""
    head = join(
        fill('<th scope="col">$label</th>', label=COLUMN_LABELS[column]) for column in COLUMNS
    )
    bodies = join(_definition(d, scores, published, baselines) for d in DEFINITIONS)
    n_subjects = look_up(scores, "szcore.event.subject_mean.n_subjects.f1")
    note = "" if n_subjects is None else f" F1 is defined in {n_subjects} subjects."
    return fill(
        '<div class="scroll"><table><caption>95 % intervals in brackets, by bootstrap over '
        "patients; $dash is undefined or not reported.$note</caption><thead><tr>"
        '<th scope="col" class="name">definition and system</th>$head'
        '<th scope="col" class="name">remarks</th></tr></thead>$bodies</table></div>$targets$more',
        dash=UNDEFINED,
        note=note,
        head=head,
        bodies=bodies,
        targets=_targets(scores, published, baselines),
        more=_further(scores, published, baselines),
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
        if score.definition == "nedc.ovlp"
    ]
    drawn = [
        _figure(
            curve_figure(curves, here, others),
            "Sensitivity against false alarms over all thresholds; dashed lines at 1, 2.5, 5 and "
            "10 a day. Filled: the threshold in use. Hollow: published, NEDC OVLP.",
        )
    ]
    bins = look_up(scores, "sample_level.reliability")
    if isinstance(bins, list) and bins:
        ece = measure(scores, "sample_level.ece").value
        drawn.append(
            _figure(
                reliability_figure(bins, ece),
                "Calibration: on the diagonal the probability means what it says.",
            )
        )
    return fill('<div class="figures">$drawn</div>', drawn=join(drawn))


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
        '<div class="scroll"><table class="sortable"><caption>SzCORE events unless OVLP is named; '
        "a column's name sorts by it.</caption><thead><tr>$head</tr></thead><tbody>$rows</tbody>"
        "</table></div>",
        head=head,
        rows=rows,
    )


def key_value_table(caption: str, values: Mapping[str, object]) -> Html:
    """Two columns of names and values; nested ones by dotted names, undefined ones as dashes."""
    flat = _flat(values)
    if not flat:
        return NOTHING
    rows = join(
        fill('<tr><th scope="row">$name</th><td>$value</td></tr>', name=name, value=rounded(value))
        for name, value in flat.items()
    )
    return fill(
        '<div class="scroll"><table><caption>$caption</caption><tbody>$rows</tbody></table></div>',
        caption=caption,
        rows=rows,
    )


def _definition(
    definition: Definition,
    scores: Scores,
    published: Sequence[PublishedScore],
    baselines: Mapping[str, Scores],
) -> Html:
    if look_up(scores, definition.path) is None:
        return NOTHING
    rows = [_score_row("this detector", cells(scores, definition), "", "own")]
    rows += [
        _score_row(name, cells(other, definition), "baseline, same recordings")
        for name, other in baselines.items()
    ]
    rows += [
        _score_row(
            score.system,
            {column: Measure(score.values.get(column)) for column in COLUMNS},
            score.remark,
        )
        for score in published
        if score.definition == definition.path
    ]
    return fill(
        '<tbody><tr><th scope="rowgroup" colspan="6">$label</th></tr>$rows</tbody>',
        label=definition.label,
        rows=join(rows),
    )


def _score_row(
    name: str, measures: Mapping[str, Measure], remark: str, css_class: str = "other"
) -> Html:
    return fill(
        '<tr class="$c"><th scope="row">$name</th>$cells<td class="source">$remark</td></tr>',
        c=css_class,
        name=name,
        cells=join(_cell(one, decimals_of(column)) for column, one in measures.items()),
        remark=remark,
    )


def _cell(one: Measure, decimals: int = 3) -> Html:
    interval = one.shown_interval(decimals)
    note = fill(' <span class="interval">$i</span>', i=interval) if interval else NOTHING
    return fill("<td>$value$note</td>", value=one.shown(decimals), note=note)


def _targets(
    scores: Scores, published: Sequence[PublishedScore], baselines: Mapping[str, Scores]
) -> Html:
    path = "curve.sensitivity_at_fa"
    labels = {key: f"at {key} per 24 h" for key in TARGETS_PER_24H}
    return _comparison(
        "Sensitivity at a given number of false alarms (NEDC OVLP)",
        path,
        labels,
        scores,
        published,
        baselines,
    )


def _further(
    scores: Scores, published: Sequence[PublishedScore], baselines: Mapping[str, Scores]
) -> Html:
    parts = [
        _comparison(
            "Samples, whatever the threshold",
            "sample_level",
            SAMPLE_LABELS,
            scores,
            published,
            baselines,
        )
    ]
    for key, caption in (
        ("nedc.ira", "Agreement with the annotation (Cohen's kappa over epochs)"),
        ("latency_s", "Seconds from onset to detection"),
        ("by_duration", "By duration of the seizure in seconds"),
        ("by_type", "By type of seizure"),
        ("boundary_error_s", "Error of the edges in seconds"),
        ("worst_decile", "The tenth of subjects that fare worst"),
        ("alarm_budget", "Alarm budget: promised and achieved"),
    ):
        values = look_up(scores, key)
        if isinstance(values, Mapping):
            parts.append(key_value_table(caption, values))
    return fill('<div class="figures">$parts</div>', parts=join(parts))


def _comparison(
    caption: str,
    path: str,
    labels: Mapping[str, str],
    scores: Scores,
    published: Sequence[PublishedScore],
    baselines: Mapping[str, Scores],
) -> Html:
    if look_up(scores, path) is None:
        return NOTHING
    head = join(fill('<th scope="col">$label</th>', label=label) for label in labels.values())
    rows = [
        _plain_row(name, [measure(one, f"{path}.{key}") for key in labels], "", css_class)
        for name, one, css_class in (
            ("this detector", scores, "own"),
            *((name, one, "other") for name, one in baselines.items()),
        )
    ]
    rows += [
        _plain_row(score.system, [Measure(score.values.get(key)) for key in labels], score.remark)
        for score in published
        if score.definition == path
    ]
    return fill(
        '<div class="scroll"><table><caption>$caption</caption><thead><tr>'
        '<th scope="col" class="name">system</th>$head<th scope="col" class="name">remarks</th>'
        "</tr></thead><tbody>$rows</tbody></table></div>",
        caption=caption,
        head=head,
        rows=join(rows),
    )


def _plain_row(
    name: str, measures: Sequence[Measure], remark: str, css_class: str = "other"
) -> Html:
    return fill(
        '<tr class="$c"><th scope="row">$name</th>$cells<td class="source">$remark</td></tr>',
        c=css_class,
        name=name,
        cells=join(_cell(one) for one in measures),
        remark=remark,
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


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name} ")
        elif isinstance(value, list | tuple):
            flat[prefix + name] = ", ".join(rounded(one) for one in value)
        else:
            flat[prefix + name] = value
    return flat
