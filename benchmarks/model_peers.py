"""V3 beside its peers on this machine, in one run: forward, training step, memory, length.

    python benchmarks/model_peers.py [--rounds 3] [--quick]

SeizureTransformer is written anew in peers/; others come with `pip install braindecode`, and are
left out by name where it is absent. EvoBrain and DCRNN have no package: compare with their authors'
code. Variants take turns; read the ratios. One line with the machine's facts is appended to
results/model_peers.jsonl.
"""

import argparse
import functools
import importlib.util
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from peers.seizure_transformer import N_PARAMETERS, SeizureTransformer

from brainbrr.models.allocator import keep_freed_memory
from brainbrr.models.peak_memory import peak_gbyte
from brainbrr.models.profile import (
    forward_pass,
    machine_rates,
    profile_parts,
    take_turns,
    training_step,
)
from brainbrr.models.registry import load_model
from brainbrr.training.hardware import describe_machine

RESULTS = Path(__file__).parent / "results" / "model_peers.jsonl"
SAMPLES = 15_360
BAR = "SeizureTransformer"
OWN = ("v3", "v3_electrode")
BRAINDECODE = ("USleep", "SPARCNet", "EEGConformer")
TARGETS = {
    "v3 forward": 1.2,
    "v3 train": 1.2,
    "v3_electrode forward": 3.0,
    "v3_electrode train": 2.5,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="batch 1 only, no memory, no length")
    options = parser.parse_args()
    torch.manual_seed(0)
    keep_freed_memory()
    rates = machine_rates()
    result = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**describe_machine(), **asdict(rates)},
    }
    models, result["absent"] = find_models()
    print(f"{rates.gflop_per_s:.0f} GFLOP/s, {rates.gbyte_per_s:.1f} GB/s; absent: ", end="")
    print(", ".join(result["absent"]) or "none")
    for batch in (1,) if options.quick else (1, 4):
        result[f"batch {batch}"] = beside_peers(models, batch, options.rounds)
    result["parts"] = {name: by_part(models[name], name, rates, options.rounds) for name in OWN}
    if not options.quick:
        result["minutes"] = by_length(models["v3"], options.rounds)
        result["peak_gbyte"] = memory()
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def find_models():
    """Networks by name, and the names of those that are not installed."""
    models = {name: load_model(name) for name in OWN}
    models[BAR] = SeizureTransformer()
    assert sum(parameter.numel() for parameter in models[BAR].parameters()) == N_PARAMETERS
    if importlib.util.find_spec("braindecode") is None:
        return models, [f"{name} (pip install braindecode)" for name in BRAINDECODE]
    from braindecode import models as theirs

    numbers = {"n_chans": 19, "n_outputs": 2, "n_times": SAMPLES, "sfreq": 256}
    for name in BRAINDECODE:
        models[name] = getattr(theirs, name)(**numbers)
    return models, []


def beside_peers(models, batch, rounds):
    """Milliseconds of every model, forward and training step."""
    eeg = torch.randn(batch, 19, SAMPLES)
    rows = {}
    for what, step in (("forward", forward_pass), ("train", training_step)):
        calls = {name: step(model, eeg) for name, model in models.items()}
        if what == "forward" and torch.backends.mkldnn.is_available():
            calls["v3 bf16"] = in_bfloat16(forward_pass(models["v3"], eeg))
        timed = take_turns(calls, rounds)
        rows[what] = {name: asdict(timing) for name, timing in timed.items()}
        print(f"\n{what}, batch {batch}: clock ms, processor ms, speed beside {BAR}")
        bar = timed[BAR]
        for name, timing in timed.items():
            clock, busy = bar.clock_s / timing.clock_s, bar.processor_s / timing.processor_s
            target = TARGETS.get(f"{name} {what}")
            print(
                f"  {name:20} {1e3 * timing.clock_s:7.0f} {1e3 * timing.processor_s:7.0f}"
                f"   {clock:5.2f}x by clock, {busy:5.2f}x by processor"
                + (f", target {target}x" if target else "")
            )
    return rows


def in_bfloat16(call):
    def run():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            call()

    return run


def by_part(model, name, rates, rounds):
    """Each part beside its floor."""
    parts = profile_parts(model, torch.randn(1, 19, SAMPLES), rates, rounds)
    print(f"\n{name} by part, batch 1: GFLOP, floor ms, forward ms, times the floor, training ms")
    for part, row in parts.items():
        floor_ms, forward_ms = 1e3 * row.floor_s, 1e3 * row.forward.clock_s
        train = f"{1e3 * row.train.clock_s:7.1f}" if row.train else "      -"
        print(
            f"  {part:12} {row.gflop:6.2f} {floor_ms:7.1f} {forward_ms:7.1f}"
            f" {forward_ms / floor_ms:5.1f} {train}"
        )
    floor_s = sum(row.floor_s for row in parts.values())
    slowest = max(parts, key=lambda part: parts[part].forward.clock_s)
    print(f"  all: floor {1e3 * floor_s:.0f} ms; slowest part: {slowest}")
    return {part: row.as_row() for part, row in parts.items()}


def by_length(model, rounds):
    """Forward seconds of windows of 1 to 10 minutes."""
    calls = {
        minutes: forward_pass(model, torch.randn(1, 19, minutes * SAMPLES))
        for minutes in (1, 2, 5, 10)
    }
    timed = take_turns(calls, rounds)
    print("\ncost against length: minutes, clock ms, over a linear cost")
    for minutes, timing in timed.items():
        excess = timing.processor_s / (minutes * timed[1].processor_s) - 1
        print(f"  {minutes:3} {1e3 * timing.clock_s:7.0f} {excess:+6.1%}")
    return {str(minutes): asdict(timing) for minutes, timing in timed.items()}


def memory():
    """Peak memory of a fresh process at batch 4."""
    threads = torch.get_num_threads()
    makers = {name: functools.partial(load_model, name) for name in OWN}
    makers[BAR] = SeizureTransformer
    print("\npeak memory of a process at batch 4, GB: forward, training step")
    peaks = {}
    for name, make in makers.items():
        peaks[name] = {
            what: peak_gbyte(make, (4, 19, SAMPLES), train=what == "train", n_threads=threads)
            for what in ("forward", "train")
        }
        print(f"  {name:20} {peaks[name]['forward']:.2f} {peaks[name]['train']:.2f}")
    return peaks


if __name__ == "__main__":
    main()
