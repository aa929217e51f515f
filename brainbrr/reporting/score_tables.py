"""Tables of scores: this detector, baselines on the same recordings, published systems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from brainbrr.reporting.further_tables import further_tables
from brainbrr.reporting.markup import Html, fill, join
from brainbrr.reporting.published import PublishedScore
from brainbrr.reporting.scoreboard import (
    COLUMN_LABELS,
    COLUMNS,
    DEFINITIONS,
    SAMPLE_LABELS,
    TARGETS_PER_24H,
    UNDEFINED,
    Measure,
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


@dataclass(frozen=True)
class Systems:
    """Whose scores stand side by side.

    Attributes:
        own: scores.json of this detector.
        baselines: scores.json of others on the same recordings, by name.
        published: what others report on the same corpus.
    """

    own: Scores
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    published: Sequence[PublishedScore] = ()

    def scored_under(self, path: str) -> dict[str, Scores]:
        """This detector and the baselines that have scores at a dotted path."""
        everyone = {OWN: self.own, **self.baselines}
        return {name: one for name, one in everyone.items() if look_up(one, path) is not None}

    def published_under(self, path: str) -> list[PublishedScore]:
        """Published scores of that definition."""
        return [score for score in self.published if score.definition == path]


def score_section(systems: Systems) -> Html:
    """Each definition's scores, this detector first; then what needs no threshold, and the rest."""
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
    """Two columns of names and values; nested ones by joined names, undefined ones as dashes."""
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
