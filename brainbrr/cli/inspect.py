"""`brainbrr inspect`: check recordings before training."""

import json

from omegaconf import DictConfig
from rich.table import Table

from brainbrr.atomic_io import atomic_write
from brainbrr.cli.build import build
from brainbrr.cli.terminal import corpus_tables, results_console
from brainbrr.data.corpora.inspection import Examined, Inspection, inspect_corpus


def run(cfg: DictConfig) -> None:
    """Inspect every recording and the corpus; write the findings."""
    corpus, preparation = build(cfg.data), build(cfg.signal.preparation)
    inspection = inspect_corpus(corpus, preparation, workers=cfg.workers)
    with atomic_write(cfg.output) as file:
        json.dump(inspection.as_dict(), file, indent=1, allow_nan=False)
        file.write("\n")
    console = results_console()
    for table in (
        _recordings(inspection, cfg.rows_shown),
        *corpus_tables(inspection.corpus, inspection.summary),
    ):
        console.print(table)
    for line in _findings(inspection):
        console.print(line, soft_wrap=True)
    console.print(f"details: {cfg.output}", soft_wrap=True)


def _recordings(inspection: Inspection, n_shown: int) -> Table:
    table = Table("recording", "split", "min", "Hz", "reference", "missing", "mains", "uV", "bad",
                  "seizures", "notes")  # fmt: skip
    # Recordings with a note come first.
    ordered = sorted(
        inspection.recordings, key=lambda r: (not r.reason, not r.label_warnings, r.recording_id)
    )
    for recording in ordered[:n_shown]:
        table.add_row(*_cells(recording))
    if len(ordered) > n_shown:
        table.caption = f"{n_shown} of {len(ordered)}"
    return table


def _cells(recording: Examined) -> list[str]:
    unit = "" if recording.unit in {"", "as stated"} else f" ({recording.unit}?)"
    notes = [f"{recording.reason}: {recording.detail}"] if recording.reason else []
    notes += [*recording.label_warnings, *recording.repairs]
    return [
        recording.recording_id,
        recording.split,
        f"{recording.duration_s / 60:.1f}",
        f"{recording.source_rate_hz:g}",
        recording.reference,
        f"{sum(not observed for observed in recording.observed)}" if recording.observed else "",
        "" if recording.mains_hz is None else f"{recording.mains_hz:g}",
        "" if recording.spread_uv is None else f"{recording.spread_uv:.3g}{unit}",
        f"{sum(fraction for _, fraction in recording.bad):.0%}" if recording.observed else "",
        "?" if recording.events is None else str(len(recording.events)),
        "; ".join(notes),
    ]


def _findings(inspection: Inspection) -> list[str]:
    lines = [f"split leak: {leak}" for leak in inspection.leaks]
    for pair in inspection.copies:
        first, second = pair["recordings"]
        splits = " and ".join(dict.fromkeys(split or "no split" for split in pair["splits"]))
        lines.append(
            f"the same signal: {first} and {second}, {pair['channels']} channels ({splits})"
        )
    return lines
