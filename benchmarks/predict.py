"""Prediction end to end, in multiples of real time: reading, preparation, network, events.

    python benchmarks/predict.py [--hours 1] [--detector FOLDER] [--models v3 v3_electrode]

Writes synthetic EEG as EDF and annotates it window by window, without overlap and at a stride of a
sixth of the window (60 s and 10 s), and once in long stretches (encode_once). With a trained
detector the differences between the three are told as well; an untrained network says nothing about
them. A line is appended to results/predict.jsonl.
"""

import argparse
import json
import resource
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from preparation import write_recording

from brainbrr.data.preparation import Preparation, prepare_file
from brainbrr.data.window_index import Windowing, bad_samples, observed_in
from brainbrr.inference.artifact import load_detector
from brainbrr.inference.detector import Detector
from brainbrr.models.allocator import keep_freed_memory
from brainbrr.models.encode_once import probability_once, stretch_spans
from brainbrr.models.registry import load_model, read_model
from brainbrr.signal.windows import recorded_spans
from brainbrr.training.hardware import describe_machine

RESULTS = Path(__file__).parent / "results" / "predict.jsonl"
RATE_HZ = 256.0
TARGETS = {
    ("v3", "stride 60 s"): 250,
    ("v3", "stride 10 s"): 45,
    ("v3_electrode", "stride 60 s"): 500,
    ("v3_electrode", "stride 10 s"): 100,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--models", nargs="*", default=["v3", "v3_electrode"])
    parser.add_argument("--detector", type=Path, help="a trained detector, for the differences")
    options = parser.parse_args()
    keep_freed_memory()
    result = {"when": datetime.now(UTC).isoformat(timespec="seconds"), **describe_machine()}
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording.edf"
        write_recording(recording, int(RATE_HZ), options.hours)
        for name in options.models:
            result[name] = timed(untrained(name), name, recording, options.hours)
        if options.detector:
            detector = load_detector(options.detector)
            result["detector"] = timed(detector, "detector", recording, options.hours)
            result["differences"] = differences(detector, recording)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    result["peak_gbyte"] = round(peak, 2)
    print(f"peak memory of the process {peak:.2f} GB")
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def untrained(name):
    family, numbers = read_model(name)
    windowing = Windowing(rate_hz=RATE_HZ, window_s=60.0, stride_s=60.0)
    return Detector(load_model(name), {"family": family, **numbers}, Preparation(), windowing)


def timed(detector, name, recording, hours):
    """Times real time of each way through the recording."""
    rows = {}
    for stride_s in strides(detector):
        strided = with_stride(detector, stride_s)
        rows[f"stride {stride_s:g} s"] = once(lambda strided=strided: strided.annotate(recording))
    rows["encode_once"] = once(lambda: read_once(detector, recording))
    for way, (clock_s, busy_s) in rows.items():
        speed, target = 3600 * hours / clock_s, TARGETS.get((name, way))
        by_processor = 3600 * hours / busy_s
        print(
            f"{name:14} {way:12} {clock_s:7.1f} s, {speed:6.0f}x real time,"
            f" {by_processor:6.0f}x by one processor" + (f", target {target}x" if target else "")
        )
    return {way: {"clock_s": row[0], "processor_s": row[1]} for way, row in rows.items()}


def strides(detector):
    """No overlap, and a sixth of the window."""
    return detector.windowing.window_s, detector.windowing.window_s / 6


def with_stride(detector, stride_s):
    return replace(detector, windowing=replace(detector.windowing, stride_s=stride_s))


def once(task):
    began_s, began_busy_s = time.perf_counter(), time.process_time()
    task()
    return time.perf_counter() - began_s, time.process_time() - began_busy_s


def read_once(detector, recording):
    """Probability of every sample, from long stretches."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "prepared.npy"
        header = prepare_file(recording, detector.preparation, target)
        eeg = np.load(target, mmap_mode="r")
        spans = stretch_spans(recorded_spans(eeg.shape[1], RATE_HZ, np.empty((0, 2))), RATE_HZ)
        bad = bad_samples(header.bad_spans, RATE_HZ)
        detector.network.eval()
        return probability_once(
            detector.network,
            eeg,
            spans,
            observed=observed_in(header.observed, bad, spans, detector.windowing.max_bad_fraction),
            center_uv=header.center_uv,
            scale_uv=header.scale_uv,
        )


def differences(detector, recording):
    """How far encode_once and a stride of 60 s lie from a stride of 10 s, sample by sample."""
    coarse, fine = (
        with_stride(detector, stride_s).trace(recording).probability
        for stride_s in strides(detector)
    )
    whole = read_once(detector, recording)
    step = len(whole) // len(fine)
    ours = whole[: len(fine) * step].reshape(-1, step).mean(1)
    found = {
        name: {
            "mean": float(np.abs(values - fine).mean()),
            "largest": float(np.abs(values - fine).max()),
        }
        for name, values in (("no overlap", coarse), ("encode_once", ours))
    }
    for name, row in found.items():
        print(f"{name} from the fine stride: mean {row['mean']:.4f}, largest {row['largest']:.3f}")
    return found


if __name__ == "__main__":
    main()
