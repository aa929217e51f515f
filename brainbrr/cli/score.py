"""`brainbrr score`: score a folder of events with SzCORE and NEDC metrics."""

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from brainbrr.cli.build import build
from brainbrr.cli.terminal import results_console
from brainbrr.reporting.table import score_table
from brainbrr.scoring.folders import score
from brainbrr.scoring.summary import Scores, write_scores


def run(cfg: DictConfig) -> None:
    """Score `hypothesis` against `reference`, show the table, write the JSON."""
    scores = score(
        cfg.reference,
        cfg.hypothesis,
        cfg.missing,
        against=cfg.against,
        scorer=build(cfg.scoring),
        track=lambda names: track(names, "reading", console=Console(stderr=True)),
    )
    console = results_console()
    console.print(score_table(scores))
    if "against" in scores:
        console.print(difference_table(scores["against"]))
    files = scores["files"]
    console.print(f"{files['scored']} of {files['expected']} recordings scored")
    for kind in ("missing", "unreferenced"):
        if files[kind]:
            console.print(f"{kind}: {len(files[kind])}, e.g. {files[kind][0]}", style="yellow")
    if cfg.output:
        write_scores(scores, cfg.output)


def difference_table(differences: Scores) -> Table:
    """Tabulate the difference to another system on the same patients, with paired intervals."""
    table = Table("difference to the other system", "difference", "95 % interval", "p")
    rows = {
        "SzCORE event F1, subject mean": differences["szcore"]["event"]["subject_mean"]["f1"],
        "SzCORE event F1, pooled": differences["szcore"]["event"]["pooled"]["f1"],
        "NEDC OVLP sensitivity": differences["nedc"]["ovlp"]["sensitivity"],
        "NEDC OVLP false alarms / 24 h": differences["nedc"]["ovlp"]["fa_per_24h"],
        "NEDC TAES F1": differences["nedc"]["taes"]["f1"],
    }
    for name, row in rows.items():
        low, high = row["interval_95"] or (None, None)
        interval = f"{_rounded(low)} to {_rounded(high)}"
        table.add_row(name, _rounded(row["difference"]), interval, _rounded(row["p"]))
    return table


def _rounded(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"
