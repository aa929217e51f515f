"""Any folder of runs as one table: what varied, how good it was, how it ended."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from brainbrr.errors import BrainbrrError
from brainbrr.reporting.scoreboard import Measure, measure

CONFIGURATION, OUTCOME, SCORES, METRICS = (
    "config.yaml",
    "outcome.json",
    "scores.json",
    "metrics.csv",
)
OVERRIDES = Path(".hydra", "overrides.yaml")
STATES = ("finished", "pruned", "failed")
NOT_OPTIONS = ("run_dir", "resume", "hydra.", "hydra/", "callbacks.pruning", "hparams_search")
"""Beginnings of overrides that say where and by whom a run is started, not what it computes."""

Value = str | float | int | bool | None


class NoRuns(BrainbrrError):
    """A folder that holds no runs."""


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Attributes:
        name: its folder, relative to the sweep's.
        state: finished, pruned, failed or unfinished.
        options: every option that was typed or searched for it, by name.
        settings: its whole configuration, by dotted name.
        validation: the best value of its monitored validation metric; choose by this one.
        monitor: that metric's name.
        test: a number of its scores.json, with its interval.
        seconds: it took, where known.
        error: what ended it, where something did.
    """

    name: str
    state: str
    options: Mapping[str, Value]
    settings: Mapping[str, Value]
    validation: float | None = None
    monitor: str | None = None
    test: Measure = field(default_factory=lambda: Measure(None))
    seconds: float | None = None
    error: str | None = None


def read_sweep(folder: Path, metric: str) -> list[SweepRun]:
    """Every run below a folder, the best first by validation, those without a value last.

    Args:
        folder: of a sweep, wherever its runs were computed.
        metric: dotted name in scores.json, e.g. `szcore.event.subject_mean.f1`.

    Raises:
        NoRuns: there is none.
    """
    folders = sorted(
        {file.parent for name in (CONFIGURATION, OUTCOME) for file in folder.rglob(name)}
    )
    runs = [
        _read_run(each, str(each.relative_to(folder)), metric)
        for each in folders
        if each.name != OVERRIDES.parent.name
    ]
    if not runs:
        raise NoRuns(
            f"folders of runs, with {CONFIGURATION}, below {folder}",
            "none" if folder.is_dir() else "no such folder",
            "Name the folder that `brainbrr train -m` wrote, e.g. multirun/2026-01-31/12-00-00.",
        )
    return sorted(runs, key=_rank)


def varied_options(runs: Sequence[SweepRun]) -> dict[str, list[Value]]:
    """What differs between the runs: name to one value a run, in their order.

    Where all runs say what was typed for them, of that; else of their whole configurations, where
    options that always change together count as one.
    """
    typed = all(run.options for run in runs)
    sources = [run.options if typed else run.settings for run in runs]
    names = sorted(
        {name for source in sources for name in source}, key=lambda name: (len(name), name)
    )
    columns = {name: [source.get(name) for source in sources] for name in names}
    varying = {name: values for name, values in columns.items() if len(set(values)) > 1}
    if typed:
        return dict(sorted(varying.items()))
    kept: dict[tuple[int, ...], str] = {}
    for name, values in varying.items():
        kept.setdefault(_pattern(values), name)
    return {name: varying[name] for name in sorted(kept.values())}


def _pattern(values: Sequence[Value]) -> tuple[int, ...]:
    """Which runs share a value, whatever the value is."""
    first: dict[Value, int] = {}
    return tuple(first.setdefault(value, len(first)) for value in values)


def _rank(run: SweepRun) -> tuple[bool, float, str]:
    value = run.validation
    return (value is None, -value if value is not None else 0.0, run.name)


def _read_run(folder: Path, name: str, metric: str) -> SweepRun:
    settings = _yaml(folder / CONFIGURATION) or {}
    outcome = _json(folder / OUTCOME)
    scores = _json(folder / SCORES)
    state = outcome.get("state") or ("finished" if scores else "unfinished")
    monitor = settings.get("monitor")
    return SweepRun(
        name,
        state if state in STATES else "unfinished",
        _options(folder, outcome),
        {key: value for key, value in _flat(settings).items() if _is_option(key)},
        _best(folder / METRICS, monitor),
        monitor,
        measure(scores, metric),
        outcome.get("seconds"),
        outcome.get("error") if state == "failed" else None,
    )


def _options(folder: Path, outcome: Mapping[str, Any]) -> dict[str, Value]:
    lines = outcome.get("overrides") or _yaml(folder / OVERRIDES) or []
    pairs = (str(line).lstrip("+~").split("=", 1) for line in lines if "=" in str(line))
    return {key.split("@")[0]: _value(text.strip("\"'")) for key, text in pairs if _is_option(key)}


def _is_option(key: str) -> bool:
    return not key.startswith(NOT_OPTIONS)


def _value(text: str) -> Value:
    """A typed value: a number where it is one, else its text (YAML would take `off` for false)."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _flat(node: Any, prefix: str = "") -> dict[str, Value]:
    if isinstance(node, dict):
        return {
            name: value
            for key, child in node.items()
            for name, value in _flat(child, f"{prefix}.{key}" if prefix else str(key)).items()
        }
    return {prefix: json.dumps(node) if isinstance(node, list) else node}


def _best(path: Path, monitor: str | None) -> float | None:
    """The highest value of a metric in `metrics.csv`."""
    if monitor is None or not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        # A run that was killed may have left half a last row.
        rows = [row for row in csv.reader(file) if len(row) == 3 and row[1] == monitor]
    values = [value for row in rows if (value := _number(row[2])) is not None]
    return max(values, default=None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
