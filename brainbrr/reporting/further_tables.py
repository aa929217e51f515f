"""Small tables beside the scores: onset, edges, length and type of seizures, worst subjects."""

from collections.abc import Mapping, Sequence

from brainbrr.reporting.markup import Html, fill, join
from brainbrr.reporting.scoreboard import UNDEFINED, Scores, look_up, rounded

# Path in scores.json, what a reader calls it, unit, decimals.
Line = tuple[str, str, str, int]

LINES: dict[str, tuple[Line, ...]] = {
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
GROUPS = (
    ("by_duration", "Seizures by duration", " s"),
    ("by_type", "Seizures by type", ""),
)


def further_tables(scores: Scores) -> Html:
    """Whatever of these the scores hold, side by side where there is room."""
    grouped = [
        _grouped(caption, values, unit)
        for key, caption, unit in GROUPS
        if isinstance(values := look_up(scores, key), Mapping) and values
    ]
    listed = [
        _listed(caption, lines, scores)
        for caption, lines in LINES.items()
        if any(look_up(scores, path) is not None for path, *_ in lines)
    ]
    return fill('<div class="figures">$tables</div>', tables=join([*grouped, *listed]))


def _grouped(caption: str, values: Mapping[str, object], unit: str) -> Html:
    rows = join(
        _row(
            f"{name}{unit}".replace("-", "\u2013"),
            [rounded(look_up(one, key), 3) for key in ("n", "detected", "sensitivity")],
        )
        for name, one in values.items()
    )
    head = join(fill('<th scope="col">$label</th>', label=label) for label in
                ("annotated", "found", "sensitivity"))  # fmt: skip
    return _table(caption, fill("<thead><tr><td></td>$head</tr></thead>", head=head), rows)


def _listed(caption: str, lines: Sequence[Line], scores: Scores) -> Html:
    rows = join(
        _row(label, [_with_unit(look_up(scores, path), unit, decimals)])
        for path, label, unit, decimals in lines
    )
    return _table(caption, Html(""), rows)


def _with_unit(value: object, unit: str, decimals: int) -> str:
    shown = rounded(value, decimals).replace("-", "\u2212") if unit else rounded(value, decimals)
    return f"{shown}\u00a0{unit}" if unit and shown != UNDEFINED else shown


def _row(name: str, values: Sequence[str]) -> Html:
    tds = join(fill("<td>$value</td>", value=value) for value in values)
    return fill('<tr><th scope="row">$name</th>$tds</tr>', name=name, tds=tds)


def _table(caption: str, head: Html, rows: Html) -> Html:
    return fill(
        '<div class="scroll"><table><caption>$caption</caption>$head<tbody>$rows</tbody></table>'
        "</div>",
        caption=caption,
        head=head,
        rows=rows,
    )
