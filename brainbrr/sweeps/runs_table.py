"""Any folder of runs as one table: what varied, how good each run was, how it ended."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from brainbrr.errors import NotFound
from brainbrr.reporting.scoreboard import Measure, measure
from brainbrr.sweeps.outcome import CONFIGURATION, OUTCOME, Outcome, State, read_outcome

SCORES, METRICS = "scores.json", "metrics.csv"
OVERRIDES = Path(".hydra", "overrides.yaml")
ENDED = {State.FINISHED, State.PRUNED, State.FAILED}
NOT_OPTIONS = ("run_dir", "resume", "hydra.", "hydra/", "callbacks.pruning", "hparams_search")
"""Beginnings of overrides that name where and how a run is started, not what it computes."""

Value = str | float | int | bool | None


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Attributes:
        name: its folder, relative to the sweep's.
        state: finished, pruned, failed or unfinished.
        options: every option from its command line or search, by name.
        settings: its full configuration, by dotted name.
        validation: the best value of its monitored validation metric; choose by this one.
        monitor: name of that metric.
        test: a metric of its scores.json, with its interval.
        seconds: it took, if known.
        error: that ended it, if one did.
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
    """Read every run below a folder, the best first by validation, those without a value last.

    Args:
        folder: of a sweep, on whatever machine its runs were computed.
        metric: dotted name in scores.json, e.g. `szcore.event.subject_mean.f1`.

    Raises:
        NotFound: there is none.
        InvalidFile: a damaged outcome.json.
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
        raise NotFound(
            f"folders of runs, with {CONFIGURATION}, below {folder}",
            "none" if folder.is_dir() else "no such folder",
            "Name the folder that `brainbrr train -m` wrote, e.g. multirun/2026-01-31/12-00-00.",
        )
    return sorted(runs, key=_rank)


def varied_options(runs: Sequence[SweepRun]) -> dict[str, list[Value]]:
    """Return what differs between the runs: name to one value per run, in their order.

    If the overrides of all runs are known, these are compared; otherwise their full configurations
    are, and of options that always change together one is kept.
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
    name_of: dict[tuple[int, ...], str] = {}
    for name, values in varying.items():
        name_of.setdefault(_pattern(values), name)
    return {name: varying[name] for name in sorted(name_of.values())}


def _pattern(values: Sequence[Value]) -> tuple[int, ...]:
    """Return which runs share a value, whatever the value is."""
    first: dict[Value, int] = {}
    return tuple(first.setdefault(value, len(first)) for value in values)


def _rank(run: SweepRun) -> tuple[bool, float, str]:
    value = run.validation
    return (value is None, -value if value is not None else 0.0, run.name)


def _read_run(folder: Path, name: str, metric: str) -> SweepRun:
    settings = _yaml(folder / CONFIGURATION) or {}
    outcome = read_outcome(folder)
    scores = _json(folder / SCORES)
    state = outcome.state if outcome.state in ENDED else State.UNFINISHED
    if scores and not (folder / OUTCOME).exists():
        state = State.FINISHED
    monitor = settings.get("monitor")
    return SweepRun(
        name,
        state,
        _options(folder, outcome),
        {key: value for key, value in _flat(settings).items() if _is_option(key)},
        _best(folder / METRICS, monitor),
        monitor,
        measure(scores, metric),
        outcome.seconds or None,
        outcome.error if state is State.FAILED else None,
    )


def _options(folder: Path, outcome: Outcome) -> dict[str, Value]:
    lines = outcome.overrides or _yaml(folder / OVERRIDES) or []
    pairs = (str(line).lstrip("+~").split("=", 1) for line in lines if "=" in str(line))
    return {key.split("@")[0]: _value(text.strip("\"'")) for key, text in pairs if _is_option(key)}


def _is_option(key: str) -> bool:
    return not key.startswith(NOT_OPTIONS)


def _value(text: str) -> Value:
    """Parse a number, or keep the text (YAML would read `off` as false)."""
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
    """Return the highest value of a metric in `metrics.csv`."""
    if monitor is None or not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        # A run that was killed may have left an incomplete last row.
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
