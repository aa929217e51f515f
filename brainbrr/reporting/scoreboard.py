"""The numbers of scores.json that a reader sees, with names and order, and published scores."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

UNDEFINED = "\u2013"
"""An en dash, shown for an undefined number."""
Scores = Mapping[str, object]


@dataclass(frozen=True)
class Definition:
    """One way of counting hits and false alarms.

    Attributes:
        path: its place in scores.json, keys joined by dots.
        label: its name for readers.
        rate: key of its false alarms per 24 h; empty if it does not count alarms.
        f1: key of its F1.
    """

    path: str
    label: str
    rate: str
    f1: str = "f1"


DEFINITIONS = (
    Definition("szcore.event.subject_mean", "SzCORE events, mean of subjects", "fp_per_day"),
    Definition("szcore.event.pooled", "SzCORE events, pooled", "fp_per_day"),
    Definition("szcore.event.legacy_f1", "SzCORE events, F1 as before 2026", "", "subject_mean"),
    Definition("szcore.sample.subject_mean", "SzCORE samples, mean of subjects", ""),
    Definition("szcore.sample.pooled", "SzCORE samples, pooled", ""),
    Definition("nedc.ovlp", "NEDC any overlap (OVLP)", "fa_per_24h"),
    Definition("nedc.taes", "NEDC time-aligned (TAES, as published)", "fa_per_24h"),
    Definition("nedc.taes_v6", "NEDC time-aligned (TAES, as the tool v6)", "fa_per_24h"),
    Definition("nedc.epoch", "NEDC epochs of 0.25 s (EPOCH)", "fa_per_24h"),
    Definition("nedc.dpalign", "NEDC alignment (DPALIGN)", "fa_per_24h"),
)
COLUMNS = ("f1", "sensitivity", "precision", "fa_per_24h")
COLUMN_LABELS = {
    "f1": "F1",
    "sensitivity": "sensitivity",
    "precision": "precision",
    "fa_per_24h": "false alarms per 24 h",
}
TARGETS_PER_24H = ("10", "5", "2.5", "1")
SAMPLE_LABELS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "ece": "calibration error (ECE)",
}


@dataclass(frozen=True)
class Measure:
    """A number of scores.json with its 95 % interval; None if undefined or unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def shown(self, decimals: int = 3) -> str:
        """Format the number, as a dash if it is undefined."""
        return rounded(self.value, decimals)

    def shown_interval(self, decimals: int = 3) -> str:
        """Format `(low–high)`, or nothing if there is no interval."""
        if self.low is None or self.high is None:
            return ""
        return f"({self.low:.{decimals}f}\u2013{self.high:.{decimals}f})"


def look_up(scores: object, path: str) -> object | None:
    """Return the value at a dotted path, or None if there is none."""
    value = scores
    for key in _keys(path):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def measure(scores: Scores, path: str) -> Measure:
    """Return the number at a dotted path, with the interval at that path under `intervals_95`."""
    value = _number(look_up(scores, path))
    interval = look_up(scores.get("intervals_95"), path)
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return Measure(value)
    return Measure(value, _number(interval[0]), _number(interval[1]))


def cells(scores: Scores, definition: Definition) -> dict[str, Measure]:
    """Return the four numbers of a definition, by column."""
    keys = {column: column for column in COLUMNS}
    keys |= {"f1": definition.f1, "fa_per_24h": definition.rate}
    return {
        column: measure(scores, f"{definition.path}.{key}") if key else Measure(None)
        for column, key in keys.items()
    }


def decimals_of(column: str) -> int:
    """Return the decimals of a column: one for alarms, three for fractions."""
    return 1 if column == "fa_per_24h" else 3


def rounded(value: object, decimals: int = 3) -> str:
    """Format a number with fixed decimals, None as a dash, other values as text."""
    if value is None:
        return UNDEFINED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:d}" if isinstance(value, int) else f"{value:.{decimals}f}"


def _keys(path: str) -> list[str]:
    # "2.5" is a key of its own: `curve.sensitivity_at_fa.2.5`.
    keys = path.split(".")
    return [*keys[:-2], "2.5"] if keys[-2:] == ["2", "5"] else keys


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class PublishedScore:
    """The reported score of one system.

    Attributes:
        system: its name.
        corpus, split: what it was scored on; the split is `all` for a whole corpus.
        definition: where the same number stands in scores.json, e.g. `nedc.ovlp`.
        values: by name, e.g. `sensitivity`, `fa_per_24h`; only those that were reported.
        trained_on_corpus: whether it was trained on recordings of this corpus.
        source: publication or repository.
        note: what else a careful reader must know.
    """

    system: str
    corpus: str
    split: str
    definition: str
    values: Mapping[str, float]
    trained_on_corpus: bool
    source: str
    note: str = ""

    @property
    def remark(self) -> str:
        """Return note and source in one line."""
        trained = "trained on this corpus" if self.trained_on_corpus else "never trained on it"
        return "; ".join(part for part in (self.note, trained, self.source) if part)


def published_scores(corpus: str, split: str) -> tuple[PublishedScore, ...]:
    """Read the published scores of a corpus: those of the same split and of all of it."""
    text = (files("brainbrr.reporting") / "published.json").read_text(encoding="utf-8")
    scores = (PublishedScore(**entry) for entry in json.loads(text))
    return tuple(
        score for score in scores if score.corpus == corpus and score.split in {split, "all"}
    )
