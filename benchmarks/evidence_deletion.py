"""Does leaving out the named electrodes cost an event more than leaving out as many random ones?

    python benchmarks/evidence_deletion.py [DETECTOR EVENTS_FOLDER RECORDINGS_FOLDER [N_RECORDINGS]]

EVENTS_FOLDER holds `_events.tsv` files, mirrored like RECORDINGS_FOLDER; a 95 % interval comes from
a bootstrap over events.
"""

import json
import sys
from pathlib import Path

import numpy as np

from brainbrr.events.tsv import read_tsv
from brainbrr.inference.evidence import event_log_odds, onset_window
from brainbrr.inference.prepared_eeg import prepared
from brainbrr.inference.rollout import RecordingWindows
from brainbrr.release.artifact import load_release
from brainbrr.signal.electrodes import ELECTRODES

N_RANDOM = 8
N_BOOTSTRAP = 10_000


def main(detector_folder: str, events: Path, recordings: Path, n_recordings: int) -> None:
    detector = load_release(detector_folder)
    generator = np.random.default_rng(0)
    falls, sizes = [], []
    for file in sorted(events.rglob("*_events.tsv"))[:n_recordings]:
        annotation = read_tsv(file)
        stem = file.name.removesuffix("_events.tsv")
        source = recordings / file.relative_to(events).with_name(f"{stem}_eeg.edf")
        if not annotation.seizures:
            continue
        with prepared(source, detector.preparation) as recording:
            windows = RecordingWindows(recording, detector.windowing)
            found = detector.evidence(recording, annotation)
            for event, evidence in zip(annotation.events, found, strict=True):
                named = [ELECTRODES.index(name) for name in evidence.channels]
                if not named:
                    continue
                onset = onset_window(windows, event)
                eeg = onset.window
                others = np.flatnonzero(eeg.observed)
                choices = [[], named] + [
                    generator.choice(others, len(named), replace=False) for _ in range(N_RANDOM)
                ]
                seen = np.repeat(eeg.observed[None], len(choices), 0)
                for row, left_out in zip(seen, choices, strict=True):
                    row[list(left_out)] = False
                odds = event_log_odds(detector.backend, eeg, onset.inside, seen, 4)
                falls.append((odds[0] - odds[1], float(np.mean(odds[0] - odds[2:]))))
                sizes.append(len(named))
    fall = np.array(falls)
    gain = fall[:, 0] - fall[:, 1]
    means = generator.choice(gain, (N_BOOTSTRAP, len(gain))).mean(axis=1)
    print(
        json.dumps(
            {
                "n_events": len(fall),
                "named_electrodes": float(np.mean(sizes)),
                "fall_of_log_odds_named": round(float(fall[:, 0].mean()), 3),
                "fall_of_log_odds_random": round(float(fall[:, 1].mean()), 3),
                "difference": round(float(gain.mean()), 3),
                "interval_95": [round(float(x), 3) for x in np.quantile(means, [0.025, 0.975])],
                "share_of_events_named_costs_more": round(float((gain > 0).mean()), 3),
            }
        )
    )


if __name__ == "__main__":
    places = sys.argv[1:4] or ["demo/run", "demo/run/hypothesis", "demo/corpus"]
    if Path(places[1]).is_dir():
        n = int(sys.argv[4]) if len(sys.argv) > 4 else 1000
        main(places[0], Path(places[1]), Path(places[2]), n)
    else:
        print(f"no events in {places[1]}: run `make demo` first, or name a detector and its events")
