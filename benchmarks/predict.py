"""Prediction end to end, in multiples of real time: reading, preparation, network, events.

    python benchmarks/predict.py [--hours 1] [--models v3 v3_electrode]
    python benchmarks/predict.py --models --detector FOLDER --input RECORDINGS

Writes synthetic EEG as EDF and annotates it window by window, without overlap and at a stride of a
sixth of the window (60 s and 10 s), and once in long stretches (tiling=long), in float32 and in
bfloat16. With a trained detector and recordings it tells what each way changes, beside the
detector's own windows in float32; an untrained network says nothing about that. A line is appended
to results/predict.jsonl.
"""

import argparse
import json
import resource
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from preparation import write_recording

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.export.parity import agreements
from brainbrr.inference.detector import PRECISIONS, Detector
from brainbrr.inference.recordings import find_jobs
from brainbrr.inference.tiling import LONG
from brainbrr.kernels.allocator import keep_freed_memory
from brainbrr.models.registry import load_model, read_model
from brainbrr.release.artifact import load_release
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
    parser.add_argument("--input", type=Path, help="recordings to tell the differences on")
    options = parser.parse_args()
    keep_freed_memory()
    result = {"when": datetime.now(UTC).isoformat(timespec="seconds"), **describe_machine()}
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording.edf"
        write_recording(recording, int(RATE_HZ), options.hours)
        first = Path(folder) / "first.edf"
        write_recording(first, int(RATE_HZ), 0.05)
        for name in options.models:
            detector = untrained(name)
            detector.trace(first)  # what is compiled or loaded at first use is not prediction
            result[name] = timed(detector, name, recording, options.hours)
        if options.detector:
            jobs = find_jobs(options.input or recording, Path(folder) / "out")
            sources = [job.source for job in jobs]
            result["differences"] = differences(load_release(options.detector), sources)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    result["peak_gbyte"] = round(peak, 2)
    print(f"peak memory of the process {peak:.2f} GB")
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def untrained(name):
    family, numbers = read_model(name)
    windowing = Windowing(rate_hz=RATE_HZ, window_s=60.0, stride_s=60.0)
    return Detector(load_model(name), {"family": family, **numbers}, Preparation(), windowing)


def readings(detector):
    """No overlap, a sixth of the window, and long stretches."""
    window_s = detector.windowing.window_s
    return {
        **{f"stride {s:g} s": detector.with_stride(s) for s in (window_s, window_s / 6)},
        LONG: detector.with_tiling(LONG),
    }


def timed(detector, name, recording, hours):
    """Seconds of each way through the recording, told as multiples of real time."""
    rows = {}
    for way, form in readings(detector).items():
        for precision in PRECISIONS:
            clock_s, busy_s = once(form.with_precision(precision), recording)
            rows[f"{way} {precision}"] = {"clock_s": clock_s, "processor_s": busy_s}
            target = TARGETS.get((name, way))
            print(
                f"{name:13}{way:12} {precision} {clock_s:6.1f} s,"
                f" {3600 * hours / clock_s:6.0f}x real time,"
                f" {3600 * hours / busy_s:5.0f}x by one processor"
                + (f", target {target}x" if target else ""),
                flush=True,
            )
    return rows


def once(detector, recording):
    began_s, began_busy_s = time.perf_counter(), time.process_time()
    detector.annotate(recording)
    return time.perf_counter() - began_s, time.process_time() - began_busy_s


def differences(detector, sources):
    """What each way changes in probability and events, beside the detector's windows in float32."""
    forms = {
        "bf16": detector.with_precision("bf16"),
        "long": detector.with_tiling(LONG),
        "long, bf16": detector.with_tiling(LONG).with_precision("bf16"),
        "no overlap": detector.with_stride(detector.windowing.window_s),
        "a sixth": detector.with_stride(detector.windowing.window_s / 6),
    }
    found = agreements(list(forms.values()), detector, sources)
    for name, row in zip(forms, found, strict=True):
        print(f"{name}: {row}")
    return {name: asdict(row) for name, row in zip(forms, found, strict=True)}


if __name__ == "__main__":
    main()
