"""Tables of scores on the terminal."""

from collections.abc import Mapping

from rich.table import Table

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


def score_table(scores: Scores, baselines: Mapping[str, Scores] | None = None) -> Table:
    """Build the table of scores by definition, with intervals, and baselines below each.

    Args:
        scores: the content of scores.json.
        baselines: scores.json of other detectors on the same recordings, by name.
    """
    table = Table(title="Scores", caption=f"(95 % interval over patients); {UNDEFINED} undefined")
    table.add_column("definition", overflow="fold")
    for column in COLUMNS:
        table.add_column(COLUMN_LABELS[column], justify="right")
    for definition in DEFINITIONS:
        if look_up(scores, definition.path) is None:
            continue
        detector = cells(scores, definition)
        table.add_row(definition.label, *(_text(detector[c], decimals_of(c)) for c in COLUMNS))
        for name, other in (baselines or {}).items():
            if look_up(other, definition.path) is None:
                continue
            baseline = cells(other, definition)
            texts = (_text(baseline[c], decimals_of(c)) for c in COLUMNS)
            table.add_row(f"  {name}", *texts, style="dim")
    _add_further(table, scores)
    return table


ANSWER = (
    ("SzCORE events, F1, mean of subjects", "szcore.event.subject_mean.f1", 3),
    ("  sensitivity", "szcore.event.subject_mean.sensitivity", 3),
    ("  false alarms per 24 h", "szcore.event.subject_mean.fp_per_day", 1),
    ("NEDC any overlap, sensitivity", "nedc.ovlp.sensitivity", 3),
    ("  false alarms per 24 h", "nedc.ovlp.fa_per_24h", 1),
    ("  sensitivity at 10 of them", "curve.sensitivity_at_fa.10", 3),
    ("AUROC of samples", "sample_level.auroc", 3),
)
"""The first numbers a reader looks for: label, path in scores.json and decimals."""


def answer_table(scores: Scores, baselines: Mapping[str, Scores] | None = None) -> Table:
    """Build the table of the first numbers a reader looks for, next to those of the baselines.

    Args:
        scores: the content of scores.json.
        baselines: scores.json of other detectors on the same recordings, by name.
    """
    table = Table(title="The answer", caption="(95 % interval over patients)")
    table.add_column("")
    for name in ("detector", *(baselines or {})):
        table.add_column(name.replace("_", " "), justify="right")
    for label, path, decimals in ANSWER:
        others = (
            rounded(measure(baseline, path).value, decimals)
            for baseline in (baselines or {}).values()
        )
        table.add_row(label, _text(measure(scores, path), decimals), *others)
    return table


def _add_further(table: Table, scores: Scores) -> None:
    further = {
        f"sensitivity at {target} false alarms per 24 h": f"curve.sensitivity_at_fa.{target}"
        for target in TARGETS_PER_24H
    } | {label: f"sample_level.{key}" for key, label in SAMPLE_LABELS.items()}
    known = {label: path for label, path in further.items() if look_up(scores, path) is not None}
    if known:
        table.add_section()
    for label, path in known.items():
        table.add_row(label, _text(measure(scores, path), 3))


def _text(score: Measure, decimals: int) -> str:
    interval = score.shown_interval(decimals)
    return f"{score.shown(decimals)} {interval}".rstrip()
