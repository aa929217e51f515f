"""Tables of scores: this detector, baselines on the same recordings, published systems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from brainbrr.reporting.markup import Html, fill, join
from brainbrr.reporting.scoreboard import (
    COLUMN_LABELS,
    COLUMNS,
    DEFINITIONS,
    SAMPLE_LABELS,
    TARGETS_PER_24H,
    UNDEFINED,
    Measure,
    PublishedScore,
    Scores,
    cells,
    decimals_of,
    look_up,
    measure,
    rounded,
)

OWN = "this detector"
TARGETS = {
    "curve.sensitivity_at_fa": "NEDC any overlap",
    "curve.sensitivity_at_fa_szcore": "SzCORE events, pooled",
}
Row = tuple[str, Sequence[Measure], str]
# Path in scores.json, what a reader calls it, unit, decimals.
Line = tuple[str, str, str, int]

FURTHER_LINES: dict[str, tuple[Line, ...]] = {
    "Detection against the annotated onset and end (NEDC any overlap)": (
        ("latency_s.median", "latency, median", "s", 1),
        ("latency_s.p90", "latency, 90th percentile", "s", 1),
        ("latency_s.n", "seizures found", "", 0),
        ("boundary_error_s.onset.median_absolute", "error of the onset, median", "s", 1),
        ("boundary_error_s.offset.median", "end: late (+) or early (\u2212), median", "s", 1),
        ("boundary_error_s.offset.median_absolute", "error of the end, median", "s", 1),
    ),
    "The tenth of subjects that fare worst (NEDC any overlap)": (
        ("worst_decile.fa_per_24h", "false alarms per 24 h", "", 1),
        ("worst_decile.noisiest", "in", "", 0),
        ("worst_decile.sensitivity", "sensitivity", "", 3),
        ("worst_decile.least_found", "in", "", 0),
    ),
    "Agreement with the annotation": (
        ("nedc.ira.kappa", "Cohen's kappa over epochs of 0.25 s", "", 3),
    ),
}
FURTHER_GROUPS = (
    ("by_duration", "Seizures by duration", " s"),
    ("by_type", "Seizures by type", ""),
)


@dataclass(frozen=True)
class Systems:
    """The systems that are compared.

    Attributes:
        own: scores.json of this detector.
        baselines: scores.json of others on the same recordings, by name.
        published: reported scores of others on the same corpus.
    """

    own: Scores
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    published: Sequence[PublishedScore] = ()

    def scored_under(self, path: str) -> dict[str, Scores]:
        """Return this detector and the baselines that have scores at a dotted path."""
        everyone = {OWN: self.own, **self.baselines}
        return {name: one for name, one in everyone.items() if look_up(one, path) is not None}

    def published_under(self, path: str) -> list[PublishedScore]:
        """Return the published scores of a definition."""
        return [score for score in self.published if score.definition == path]


def score_section(systems: Systems) -> Html:
    """Build the tables of scores: by definition, then without a threshold, then the others."""
    n_subjects = look_up(systems.own, "szcore.event.subject_mean.n_subjects.f1")
    of_subjects = "" if n_subjects is None else f" F1 is defined in {n_subjects} subjects."
    bodies = [
        fill(
            '<tbody><tr><th scope="rowgroup" colspan="6">$label</th></tr>$rows</tbody>',
            label=definition.label,
            rows=_rows(_definition_rows(systems, index), [decimals_of(c) for c in COLUMNS]),
        )
        for index, definition in enumerate(DEFINITIONS)
        if look_up(systems.own, definition.path) is not None
    ]
    main = _table(
        f"95 % intervals in brackets, by bootstrap over patients; {UNDEFINED} is undefined or not "
        f"reported.{of_subjects}",
        list(COLUMN_LABELS.values()),
        join(bodies),
    )
    return fill(
        '<div class="$c">$main$targets$samples</div>$further',
        c="compared" if systems.baselines or systems.published else "alone",
        main=main,
        targets=join(
            _comparison(
                systems,
                path,
                f"Sensitivity at a given number of false alarms per 24 h ({name})",
                {key: f"at\u00a0{key}" for key in TARGETS_PER_24H},
            )
            for path, name in TARGETS.items()
        ),
        samples=_comparison(
            systems, "sample_level", "Samples, whatever the threshold", SAMPLE_LABELS
        ),
        further=further_tables(systems.own),
    )


def key_value_table(caption: str, values: Mapping[str, object]) -> Html:
    """Build a table of names and values; nested names are joined, undefined values are dashes."""
    rows = join(
        fill('<tr><th scope="row">$name</th><td>$value</td></tr>', name=name, value=rounded(value))
        for name, value in _flat(values).items()
    )
    return fill(
        '<div class="scroll"><table><caption>$caption</caption><tbody>$rows</tbody></table></div>',
        caption=caption,
        rows=rows,
    )


def _definition_rows(systems: Systems, index: int) -> list[Row]:
    definition = DEFINITIONS[index]
    rows: list[Row] = [
        (name, list(cells(one, definition).values()), _remark(name))
        for name, one in systems.scored_under(definition.path).items()
    ]
    return rows + [
        (score.system, [Measure(score.values.get(column)) for column in COLUMNS], score.remark)
        for score in systems.published_under(definition.path)
    ]


def _comparison(systems: Systems, path: str, caption: str, labels: Mapping[str, str]) -> Html:
    if look_up(systems.own, path) is None:
        return Html("")
    rows: list[Row] = [
        (name, [measure(one, f"{path}.{key}") for key in labels], _remark(name))
        for name, one in systems.scored_under(path).items()
    ]
    rows += [
        (score.system, [Measure(score.values.get(key)) for key in labels], score.remark)
        for score in systems.published_under(path)
    ]
    body = fill("<tbody>$rows</tbody>", rows=_rows(rows, [3] * len(labels)))
    return _table(caption, list(labels.values()), body)


def _table(caption: str, labels: Sequence[str], bodies: Html) -> Html:
    return fill(
        '<div class="scroll"><table class="scores"><caption><span>$caption</span></caption>'
        '<thead><tr><th scope="col" class="name">system</th>$head'
        '<th scope="col" class="name source">remarks</th></tr></thead>$bodies</table></div>',
        caption=caption,
        head=join(fill('<th scope="col">$label</th>', label=label) for label in labels),
        bodies=bodies,
    )


def _rows(rows: Sequence[Row], decimals: Sequence[int]) -> Html:
    return join(
        fill(
            '<tr class="$c"><th scope="row">$name</th>$cells<td class="source">$remark</td></tr>',
            c="own" if name == OWN else "other",
            name=name,
            cells=join(_cell(*pair) for pair in zip(measures, decimals, strict=True)),
            remark=remark,
        )
        for name, measures, remark in rows
    )


def _remark(name: str) -> str:
    return "" if name == OWN else "baseline, same recordings"


def _cell(one: Measure, decimals: int) -> Html:
    interval = one.shown_interval(decimals)
    note = fill(' <span class="interval">$i</span>', i=interval) if interval else Html("")
    return fill("<td>$value$note</td>", value=one.shown(decimals), note=note)


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


def further_tables(scores: Scores) -> Html:
    """Fill the small tables that the scores have numbers for: onset, edges, length and type."""
    grouped = [
        _grouped(caption, values, unit)
        for key, caption, unit in FURTHER_GROUPS
        if isinstance(values := look_up(scores, key), Mapping) and values
    ]
    listed = [
        _listed(caption, lines, scores)
        for caption, lines in FURTHER_LINES.items()
        if any(look_up(scores, path) is not None for path, *_ in lines)
    ]
    return fill('<div class="figures">$tables</div>', tables=join([*grouped, *listed]))


def _grouped(caption: str, values: Mapping[str, object], unit: str) -> Html:
    rows = join(
        _named_row(
            f"{name}{unit}".replace("-", "\u2013"),
            [rounded(look_up(group, key), 3) for key in ("n", "detected", "sensitivity")],
        )
        for name, group in values.items()
    )
    head = join(fill('<th scope="col">$label</th>', label=label) for label in
                ("annotated", "found", "sensitivity"))  # fmt: skip
    return _small_table(caption, fill("<thead><tr><td></td>$head</tr></thead>", head=head), rows)


def _listed(caption: str, lines: Sequence[Line], scores: Scores) -> Html:
    rows = join(
        _named_row(label, [_with_unit(look_up(scores, path), unit, decimals)])
        for path, label, unit, decimals in lines
    )
    return _small_table(caption, Html(""), rows)


def _with_unit(value: object, unit: str, decimals: int) -> str:
    shown = rounded(value, decimals).replace("-", "\u2212") if unit else rounded(value, decimals)
    return f"{shown}\u00a0{unit}" if unit and shown != UNDEFINED else shown


def _named_row(name: str, values: Sequence[str]) -> Html:
    tds = join(fill("<td>$value</td>", value=value) for value in values)
    return fill('<tr><th scope="row">$name</th>$tds</tr>', name=name, tds=tds)


def _small_table(caption: str, head: Html, rows: Html) -> Html:
    return fill(
        '<div class="scroll"><table><caption>$caption</caption>$head<tbody>$rows</tbody></table>'
        "</div>",
        caption=caption,
        head=head,
        rows=rows,
    )
