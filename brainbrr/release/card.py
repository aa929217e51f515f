"""The model card: what a detector is for, what it was trained on, its scores and its limits."""

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from brainbrr.atomic_io import atomic_write
from brainbrr.release.released_files import CARD, DESCRIPTION, SCORES
from brainbrr.scoring.alarm_budget import budget_kept

TEMPLATE = Template(
    """# Seizure detector: $family

For research. Not a medical device: no clinical decision may rest on it.

| | |
|---|---|
| input | scalp EEG, any montage that determines the 19 electrodes of the 10-20 system |
| output | seizure probability and events (HED-SCORE TSV) |
| trained on | $trained_on |
| thresholds tuned on | $tuned_on |
| scored on | $n_files recordings of $n_subjects other subjects |
| written by | brainbrr $version |

## Scores

| SzCORE event score, mean over subjects | value | 95 % interval |
|---|---|---|
$rows

$budget

## Limits

Trained and scored only on the recordings above: expect less on other machines, montages, ages and
states. The network sees $window_s s at a time. Sensitivity to short seizures and the false alarms
of each patient are in `scores.json` and in the report.

## Use

```python
import brainbrr
annotation = brainbrr.load_detector("$folder").annotate("recording.edf")
```
"""
)
MEASURES = {
    "f1": "F1",
    "sensitivity": "sensitivity",
    "precision": "precision",
    "fp_per_day": "false alarms per 24 h",
}


def add_card(folder: str | Path, scores: Mapping[str, Any]) -> None:
    """Write `card.md` and `scores.json` into a detector's folder."""
    folder = Path(folder)
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    provenance = description["provenance"]
    with atomic_write(folder / SCORES) as file:
        json.dump(scores, file, indent=1, allow_nan=False)
    with atomic_write(folder / CARD) as file:
        file.write(
            TEMPLATE.substitute(
                family=description["model"]["family"],
                trained_on=provenance.get("trained_on", "not recorded"),
                tuned_on=provenance.get("tuned_on", "not recorded"),
                n_files=scores["files"]["scored"],
                n_subjects=len(scores["subjects"]),
                version=description["brainbrr"],
                window_s=f"{description['windowing']['window_s']:g}",
                rows="\n".join(_row(scores, name, label) for name, label in MEASURES.items()),
                budget=_budget(provenance, scores),
                folder=folder.name,
            )
        )


def _row(scores: Mapping[str, Any], name: str, label: str) -> str:
    interval: Any = scores.get("intervals_95", {})
    value: Any = scores
    for key in ("szcore", "event", "subject_mean", name):
        value = value[key]
        interval = interval.get(key, {}) if isinstance(interval, Mapping) else {}
    known = interval and None not in interval
    spread = f"{interval[0]:.2f} to {interval[1]:.2f}" if known else "-"
    return f"| {label} | {'undefined' if value is None else f'{value:.2f}'} | {spread} |"


def _budget(provenance: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    budget = provenance.get("alarm_budget")
    if not budget:
        return "No alarm budget was promised: thresholds were tuned for the event score."
    n_kept, n_subjects = budget_kept(scores, budget["budget_per_24h"])
    lines = "\n".join(f"- {key}: {value}" for key, value in budget.items())
    return (
        f"Alarm budget, as promised when the threshold was chosen:\n\n{lines}\n"
        f"- achieved: kept in {n_kept} of {n_subjects} subjects scored above"
    )
