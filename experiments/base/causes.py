"""Count false alarms by cause: the class of what was planted where they lie.

    python experiments/base/causes.py CORPUS EVALUATION

`CORPUS` is the output of `brainbrr synthesize`, `EVALUATION` that of `brainbrr evaluate` on it.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

from brainbrr.events.tsv import read_tsv


def main(corpus: Path, evaluation: Path) -> None:
    """Print a table: false alarms, hours in which the class was present, rate per hour of it."""
    alarms: Counter[str] = Counter()
    present_s: Counter[str] = Counter()
    for path in sorted((evaluation / "hypothesis").rglob("*_events.tsv")):
        (truth,) = corpus.rglob(path.name)
        with truth.open(encoding="utf-8", newline="") as file:
            planted = list(csv.DictReader(file, delimiter="\t"))
        spans = [
            (float(row["onset"]), float(row["onset"]) + float(row["duration"]), row["class"])
            for row in planted
            if row["class"] != "n/a"
        ]
        for start_s, stop_s, name in spans:
            present_s[name] += stop_s - start_s
        seizures = read_tsv(truth).seizure_intervals
        for event in read_tsv(path).seizures:
            if any(event.onset_s < stop + 60 and start - 30 < event.offset_s
                   for start, stop in seizures):  # fmt: skip
                continue
            shares = {
                name: min(stop_s, event.offset_s) - max(start_s, event.onset_s)
                for start_s, stop_s, name in spans
            }
            best = max(shares, key=lambda name: shares[name], default="background")
            alarms[best if shares.get(best, 0.0) > 0 else "background"] += 1
    print("class\tfalse alarms\thours present\tper hour")  # noqa: T201
    for name, count in alarms.most_common():
        hours = present_s[name] / 3600
        rate = f"{hours:.2f}\t{count / hours:.1f}" if hours else "\t"
        print(f"{name}\t{count}\t{rate}")  # noqa: T201


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
