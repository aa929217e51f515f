"""Judge a detector on real recordings: CHB-MIT clips, clips of intensive care, seizure-free EEG.

    python experiments/base/judge.py --detector base --clips DIR --background CORPUS --output DIR

`--detector` is any that `predict` takes, `line_length` or `band_power`.

`--clips` holds `chbmit/`, `iiic/` and `vecams/`, each with its `clips.tsv`; `--background` is the
corpus that `synthesize backgrounds=` made, of which the unchanged recordings of people who are not
in the training split are read. Writes `judged.tsv`, one row per recording, and pictures of every
seizure and of the other recordings with the highest probability.
"""

import argparse
import csv
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import chi2, mannwhitneyu

import brainbrr
from brainbrr.data.preparation.preparation import Preparation, prepare
from brainbrr.data.recordings.read import read_recording
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.intervals import as_intervals, clip
from brainbrr.events.trace import Trace
from brainbrr.inference.detector import Detector
from brainbrr.reporting.cases import Case
from brainbrr.reporting.eeg_figure import eeg_figure
from brainbrr.reporting.raster import raster
from brainbrr.signal.baselines import band_power_probability, line_length_probability

TOP_S = 5.0
BASELINES = {"line_length": line_length_probability, "band_power": band_power_probability}


class Baseline:
    """A threshold-free baseline in the place of a detector; without thresholds, no events."""

    def __init__(self, name: str) -> None:
        self._compute, self.preparation = BASELINES[name], Preparation()

    def trace(self, path: Path) -> Trace:
        """Compute its values over a recording."""
        signal, eeg_uv = prepare(read_recording(path), self.preparation)
        values = self._compute(eeg_uv[np.array(signal.observed)], self.preparation.rate_hz)
        return Trace(values, self.preparation.rate_hz, as_intervals(signal.gaps))

    def events(self, trace: Trace) -> Annotation:
        """Find nothing."""
        return Annotation((), trace.probability.size / trace.rate_hz)


Detects = Detector | Baseline


class Judged(NamedTuple):
    """What a detector made of one recording.

    Attributes:
        top: largest mean of the probability over 5 s; NaN if the recording was refused.
        first_s: onset of the first detected event, or NaN.
    """

    group: str
    name: str
    seizure: bool
    top: float
    top_before: float
    first_s: float
    n_events: int
    duration_s: float
    path: Path
    onset_s: float


def largest_mean(probability: NDArray[np.float32], rate_hz: float) -> float:
    """Return the largest mean over 5 s, or over all of a shorter recording."""
    width = min(round(TOP_S * rate_hz), probability.size)
    if width == 0:
        return float("nan")
    total = np.concatenate([[0.0], np.cumsum(probability, dtype=np.float64)])
    return float(((total[width:] - total[:-width]) / width).max())


def judge(
    detector: Detects, path: Path, group: str, *, seizure: bool, onset_s: float = 0.0
) -> Judged:
    """Annotate one recording; `onset_s` is where its seizure begins."""
    try:
        trace = detector.trace(path)
    except BrainbrrError as error:
        logging.warning("%s: %s", path.name, error)
        return Judged(group, path.stem, seizure, *[float("nan")] * 3, 0, 0.0, path, onset_s)
    seizures = detector.events(trace).seizures
    before = trace.probability[: round(onset_s * trace.rate_hz)]
    first_s = seizures[0].onset_s if seizures else float("nan")
    return Judged(
        group, path.stem, seizure, largest_mean(trace.probability, trace.rate_hz),
        largest_mean(before, trace.rate_hz), first_s, len(seizures),
        trace.probability.size / trace.rate_hz, path, onset_s,
    )  # fmt: skip


def table(path: Path) -> list[dict[str, str]]:
    """Read a tab-separated table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def clips(detector: Detects, root: Path) -> Iterator[Judged]:
    """Judge every clip below `root`."""
    for row in table(root / "chbmit" / "clips.tsv"):
        path = root / "chbmit" / "clips" / row["file"]
        group = next((kind for kind in ("ictal", "pre") if f"_{kind}_" in path.name), "whole")
        onset_s = float(row["seizure_start_in_clip_s"]) if group == "whole" else 0.0
        yield judge(detector, path, f"chbmit {group}", seizure=group != "pre", onset_s=onset_s)
    for row in table(root / "iiic" / "clips.tsv"):
        votes = {name: int(n) for name, n in row.items() if name.startswith("votes_")}
        share = votes["votes_seizure"] / sum(votes.values())
        group = "contested" if 0 < share < 0.5 else "iiic"
        yield judge(detector, root / "iiic" / row["file"], group, seizure=share >= 0.5)
    for row in table(root / "vecams" / "clips.tsv"):
        path = root / "vecams" / row["file"]
        yield judge(detector, path, "vecams", seizure=row["seizure"] == "1")


def backgrounds(detector: Detects, corpus: Path) -> Iterator[Judged]:
    """Judge the unchanged recordings of people outside the training split."""
    recipe = json.loads((corpus / "synthesis.json").read_text(encoding="utf-8"))
    step = recipe["parameters"]["plantings"] + 1  # each recording as it is, then planted
    for row in table(corpus / "participants.tsv"):
        if row["population"] != "real" or row["split"] == "train":
            continue
        folder = corpus / row["participant_id"] / "ses-01" / "eeg"
        name = row["background"].split("/")[0]
        for path in sorted(folder.glob("*_eeg.edf"))[::step]:
            yield judge(detector, path, f"background {name}", seizure=False)


def auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Compute the area under the ROC curve, ties counted half."""
    return float(mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative)))


def bound(n_alarms: int, hours: float) -> str:
    """Describe a rate per 24 h with the upper end of its exact 95 % Poisson interval."""
    upper = chi2.ppf(0.95, 2 * (n_alarms + 1)) / 2
    return f"{n_alarms} alarms in {hours:.2f} h, at most {24 * upper / hours:.0f} per 24 h (95 %)"


def report(rows: list[Judged]) -> Iterator[str]:
    """Summarize by group."""
    groups: dict[str, list[Judged]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    for row in groups.get("chbmit whole", []):
        yield (f"{row.name}: top {row.top:.2f}, before onset {row.top_before:.2f}, "
               f"{row.n_events} events, first at {row.first_s:.1f} s")  # fmt: skip
    if "chbmit pre" in groups:
        ictal, pre = (
            np.sort([r.top for r in groups[f"chbmit {kind}"]]) for kind in ("ictal", "pre")
        )
        n_above = int(np.sum(ictal > pre[-3]))
        yield (f"CHB-MIT 10-s clips: {n_above} of {len(ictal)} ictal above the threshold that 2 of "
               f"{len(pre)} pre-ictal pass; AUROC {auroc(ictal, pre):.3f}")  # fmt: skip
    expert = [
        r for r in (*groups.get("iiic", []), *groups.get("vecams", [])) if not np.isnan(r.top)
    ]
    if expert:
        positive = np.array([r.top for r in expert if r.seizure])
        negative = np.array([r.top for r in expert if not r.seizure])
        n_above = int(np.sum(negative >= positive.min()))
        yield (f"expert clips: AUROC {auroc(positive, negative):.3f}, {n_above} of {len(negative)} "
               f"others at or above the lowest of {len(positive)} seizures")  # fmt: skip
        for row in sorted(expert, key=lambda r: -r.top)[:12]:
            yield f"  {row.top:.2f} {row.name}{' (seizure)' * row.seizure}"
    for name, some in groups.items():
        if name.startswith("background"):
            hours = sum(r.duration_s for r in some) / 3600
            worst = max(some, key=lambda r: r.top)
            rate = bound(sum(r.n_events for r in some), hours)
            yield (f"{name}, {len(some)} recordings: {rate}; "
                   f"largest 5-s mean {worst.top:.2f} ({worst.name})")  # fmt: skip


def draw(detector: Detects, row: Judged, target: Path) -> None:
    """Draw one recording with its probability, truth and detections, at most its first 100 s."""
    signal, eeg_uv = prepare(read_recording(row.path), detector.preparation)
    length_s = min(signal.duration_s, 100.0)
    eeg_uv[~np.array(signal.observed)] = np.nan
    trace = detector.trace(row.path)
    whole = row.seizure and row.duration_s - row.onset_s
    case = Case(
        row.name,
        "hit" if row.seizure else "false alarm",
        row.onset_s,
        length_s - row.onset_s,
        eeg_uv=eeg_uv[:, : round(length_s * 256)],
        probability=trace.probability[: round(length_s * trace.rate_hz)],
        probability_rate_hz=trace.rate_hz,
        truth=as_intervals([(row.onset_s, length_s)] if whole else []),
        detected=clip(detector.events(trace).seizure_intervals, 0.0, length_s),
    )
    Image.fromarray(raster(eeg_figure(case))).save(target / f"{row.name}.png")


def pictured(rows: list[Judged], n_others: int = 4) -> Iterator[Judged]:
    """Choose the recordings to draw: all seizures longer than 10 s, and the worst others."""
    yield from (row for row in rows if row.seizure and row.duration_s > 10)
    others = [row for row in rows if not row.seizure and not np.isnan(row.top)]
    yield from sorted(others, key=lambda row: -row.top)[:n_others]


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", default="base")
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--background", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    name = options.detector
    detector = Baseline(name) if name in BASELINES else brainbrr.load_detector(name)
    rows = [*clips(detector, options.clips)] if options.clips else []
    rows += backgrounds(detector, options.background) if options.background else []
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        with (options.output / "judged.tsv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerows([Judged._fields, *rows])
        for row in pictured(rows):
            draw(detector, row, options.output)
    print("\n".join(report(rows)))  # noqa: T201  the tables


if __name__ == "__main__":
    main()
