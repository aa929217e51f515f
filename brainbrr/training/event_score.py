"""What validation traces are worth: thresholds tuned on them, and the event score at those
thresholds."""

from collections.abc import Sequence

import numpy as np

from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import Detection, detect
from brainbrr.events.intervals import to_mask
from brainbrr.events.trace import Trace
from brainbrr.training.validation import ValidationScore


def tuned_event_score(traces: Sequence[Trace], references: Sequence[Annotation]) -> ValidationScore:
    best = None
    for on in np.linspace(0.1, 0.9, 9):
        detection = Detection(on=float(on), off=float(0.8 * on))
        tp = fp = n = fn = 0
        days = 0.0
        for trace, ref in zip(traces, references, strict=True):
            hyp = detect(trace, detection).seizure_intervals
            r = ref.seizure_intervals
            hit = [bool(((hyp[:, 0] < b) & (hyp[:, 1] > a)).any()) for a, b in r]
            tp += sum(hit)
            n += len(hit)
            fp += sum(not bool(((r[:, 0] < b) & (r[:, 1] > a)).any()) for a, b in hyp)
            days += trace.recorded_s / 86400
        f1 = 2 * tp / max(n + tp + fp, 1)
        found = {"event_f1": f1, "event_sensitivity": tp / max(n, 1), "fp_per_24h": fp / days}
        if best is None or f1 > best.metrics["event_f1"]:
            best = ValidationScore(found, detection)
    p = np.concatenate([t.probability for t in traces])
    y = np.concatenate(
        [
            to_mask(r.seizure_intervals, t.probability.size, t.rate_hz)
            for t, r in zip(traces, references)
        ]
    )
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(y[order])
    ap = float(np.sum(y[order] * hits / np.arange(1, len(y) + 1)) / max(hits[-1], 1))
    return ValidationScore(best.metrics | {"average_precision": ap}, best.detection)
