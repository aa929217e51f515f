"""`brainbrr inspect`: the look before training."""

import json

from omegaconf import DictConfig
from rich.table import Table

from brainbrr.atomic_io import open_durable
from brainbrr.cli.build import build
from brainbrr.cli.terminal import corpus_tables, results_console
from brainbrr.data.corpora.inspection import Examined, Inspection, inspect_corpus


def run(cfg: DictConfig) -> None:
    """Look at every recording and at the corpus as a whole; write what was found."""
    corpus, preparation = build(cfg.data), build(cfg.signal.preparation)
    found = inspect_corpus(corpus, preparation, workers=cfg.workers)
    with open_durable(cfg.output) as file:
        json.dump(found.as_dict(), file, indent=1, allow_nan=False)
        file.write("\n")
    console = results_console()
    for table in (_recordings(found, cfg.rows_shown), *corpus_tables(found.corpus, found.summary)):
        console.print(table)
    for line in _findings(found):
        console.print(line, soft_wrap=True)
    console.print(f"in full: {cfg.output}", soft_wrap=True)


def _recordings(found: Inspection, n_shown: int) -> Table:
    table = Table("recording", "split", "min", "Hz", "reference", "missing", "mains", "uV", "bad",
                  "seizures", "what to look at")  # fmt: skip
    # Those with something to look at come first.
    ordered = sorted(found.recordings, key=lambda r: (not r.reason, not r.doubts, r.recording_id))
    for recording in ordered[:n_shown]:
        table.add_row(*_cells(recording))
    if len(ordered) > n_shown:
        table.caption = f"{n_shown} of {len(ordered)}"
    return table


def _cells(recording: Examined) -> list[str]:
    unit = "" if recording.unit in {"", "as stated"} else f" ({recording.unit}?)"
    notes = [f"{recording.reason}: {recording.detail}"] if recording.reason else []
    notes += [*recording.doubts, *recording.repairs]
    return [
        recording.recording_id,
        recording.split,
        f"{recording.duration_s / 60:.1f}",
        f"{recording.source_rate_hz:g}",
        recording.reference,
        f"{sum(not seen for seen in recording.observed)}" if recording.observed else "",
        "" if recording.mains_hz is None else f"{recording.mains_hz:g}",
        "" if recording.spread_uv is None else f"{recording.spread_uv:.3g}{unit}",
        f"{sum(share for _, share in recording.bad):.0%}" if recording.observed else "",
        "?" if recording.events is None else str(len(recording.events)),
        "; ".join(notes),
    ]


def _findings(found: Inspection) -> list[str]:
    lines = [f"split leak: {leak}" for leak in found.leaks]
    for pair in found.copies:
        first, second = pair["recordings"]
        where = " and ".join(dict.fromkeys(split or "no split" for split in pair["splits"]))
        lines.append(
            f"the same signal: {first} and {second}, {pair['channels']} channels ({where})"
        )
    return lines
