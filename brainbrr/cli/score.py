"""`brainbrr score`: two folders of annotations, both scoring worlds."""

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from brainbrr.cli.build import build
from brainbrr.scoring.folders import score
from brainbrr.scoring.scores_file import write_scores
from brainbrr.scoring.summary import Scores


def run(cfg: DictConfig) -> None:
    """Score `hypothesis` against `reference`, show the table, write the JSON."""
    scores = score(
        cfg.reference,
        cfg.hypothesis,
        cfg.missing,
        scorer=build(cfg.scoring),
        track=lambda names: track(names, "reading", console=Console(stderr=True)),
    )
    console = Console()
    console.print(score_table(scores))
    files = scores["files"]
    console.print(f"{files['scored']} of {files['expected']} recordings scored")
    for kind in ("missing", "unreferenced"):
        if files[kind]:
            console.print(f"{kind}: {len(files[kind])}, e.g. {files[kind][0]}", style="yellow")
    if cfg.output:
        write_scores(scores, cfg.output)


def score_table(scores: Scores) -> Table:
    """One row a metric: what was found, what was false, and the rates."""
    table = Table("metric", "sensitivity", "precision", "F1", "false alarms / 24 h")
    event, sample = scores["szcore"]["event"], scores["szcore"]["sample"]
    rows = {
        "SzCORE event, subject mean": event["subject_mean"],
        "SzCORE event, pooled": event["pooled"],
        "SzCORE sample, subject mean": sample["subject_mean"],
        "SzCORE sample, pooled": sample["pooled"],
        **{f"NEDC {name.upper()}": row for name, row in scores["nedc"].items() if name != "ira"},
    }
    for name, row in rows.items():
        rate = row["fp_per_day"] if "fp_per_day" in row else row["fa_per_24h"]
        numbers = [row["sensitivity"], row["precision"], row["f1"]]
        table.add_row(name, *(_told(number, 3) for number in numbers), _told(rate, 2))
    return table


def _told(number: float | None, digits: int) -> str:
    return "undefined" if number is None else f"{number:.{digits}f}"
