"""V3 beside its peers on this machine, in one run: forward, training step, memory, length.

    python benchmarks/model_peers.py [--rounds 3] [--quick] [--output results/model_peers.jsonl]

The peers in peers/ are written anew; braindecode's come with `pip install braindecode`. Who cannot
run is named with the reason. Variants take turns; read the ratios. The last block holds the run
against each target. One line with the machine's facts is appended to results/model_peers.jsonl.
"""

import argparse
import functools
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from peers.roster import BAR, OWN, roster, sizes
from peers.seizure_transformer import SeizureTransformer
from targets import as_rows, judge, show

from brainbrr.kernels.allocator import keep_freed_memory
from brainbrr.models.registry import load_model
from brainbrr.profiling.peak_memory import peak_gbyte
from brainbrr.profiling.profile import (
    forward_pass,
    machine_rates,
    profile_parts,
    take_turns,
    training_step,
)
from brainbrr.training.hardware import describe_machine

RESULTS = Path(__file__).parent / "results" / "model_peers.jsonl"
SAMPLES = 15_360
IN_BFLOAT16 = (*OWN, BAR)
SLOW_ROUNDS = 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="batch 1, no slow peers, no memory, no length"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="file a line is added to")
    options = parser.parse_args()
    torch.manual_seed(0)
    keep_freed_memory()
    rates = machine_rates()
    machine = {**describe_machine(), **asdict(rates)}
    when = datetime.now(UTC).isoformat(timespec="seconds")
    entrants, absent = roster()
    result = {"when": when, "machine": machine, "absent": absent}
    print(f"{rates.gflop_per_s:.0f} GFLOP/s, {rates.gbyte_per_s:.1f} GB/s")
    result["sizes"] = introduce(entrants, absent)
    for batch in (1,) if options.quick else (1, 4):
        result[f"batch {batch}"] = beside_peers(entrants, batch, options.rounds)
    result["parts"] = {name: by_part(entrants[name], name, rates, options.rounds) for name in OWN}
    if not options.quick:
        result["slow"] = beside_slow_peers(entrants)
        result["minutes"] = by_length(entrants["v3"].network, options.rounds)
        result["peak_gbyte"] = memory()
    verdicts = judge(result)
    show(verdicts)
    result["targets"] = as_rows(verdicts)
    with options.output.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def introduce(entrants, absent):
    """Who is timed, how large it is and what it answers; and who is absent, and why."""
    found = sizes(entrants)
    print("\nnetwork, million parameters, GFLOP a window, numbers answered")
    for name, row in found.items():
        million = row["n_parameters"] / 1e6
        print(f"  {name:26} {million:6.2f} {row['gflop']:7.2f}  one a {row['answers']}")
    for name, reason in absent.items():
        print(f"  {name:26} absent: {reason}")
    return found


def beside_peers(entrants, batch, rounds):
    """Timings of every network that is not slow, forward and training step."""
    timed = {
        name: entrant
        for name, entrant in entrants.items()
        if batch in entrant.batches and not entrant.slow
    }
    rows = {}
    for what, calls in passes(timed, batch).items():
        if what == "forward" and torch.backends.mkldnn.is_available():
            lower = {name: calls[name] for name in IN_BFLOAT16}
            calls |= {f"{name} bf16": in_bfloat16(call) for name, call in lower.items()}
        timings = take_turns(calls, rounds)
        tell(f"{what}, batch {batch}", timings, BAR)
        rows[what] = {name: asdict(timing) for name, timing in timings.items()}
    return rows


def beside_slow_peers(entrants):
    """Peers of seconds a step, in turns of their own with v3, so that the ratio stays a pair's."""
    timed = {name: row for name, row in entrants.items() if row.slow or name == "v3"}
    rows = {}
    for what, calls in passes(timed, 1).items():
        timings = take_turns(calls, SLOW_ROUNDS)
        tell(f"{what}, batch 1, slow peers", timings, "v3")
        rows[what] = {name: asdict(timing) for name, timing in timings.items()}
    return rows


def passes(entrants, batch):
    """The calls to time, of each pass and network."""
    inputs = {name: entrant.inputs(batch) for name, entrant in entrants.items()}
    return {
        what: {name: step(entrant.network, inputs[name]) for name, entrant in entrants.items()}
        for what, step in (("forward", forward_pass), ("train", training_step))
    }


def in_bfloat16(call):
    def run():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            call()

    return run


def tell(title, timings, bar):
    """Each network's times, and its speed beside one of them."""
    print(f"\n{title}: clock ms, processor ms, speed beside {bar}")
    reference = timings[bar]
    for name, timing in timings.items():
        clock = reference.clock_s / timing.clock_s
        busy = reference.processor_s / timing.processor_s
        print(
            f"  {name:26} {1e3 * timing.clock_s:7.0f} {1e3 * timing.processor_s:7.0f}"
            f"   {clock:6.2f}x by clock, {busy:6.2f}x by processor"
        )


def by_part(entrant, name, rates, rounds):
    """Each part beside its floor."""
    parts = profile_parts(entrant.network, entrant.inputs(1), rates, rounds)
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
    return {part: asdict(row) for part, row in parts.items()}


def by_length(model, rounds):
    """Forward seconds of windows of 1 to 10 minutes."""
    calls = {
        minutes: forward_pass(model, torch.randn(1, 19, minutes * SAMPLES))
        for minutes in (1, 2, 5, 10)
    }
    timed = take_turns(calls, rounds)
    print("\ncost against length: minutes, clock ms, over a linear cost (by the processor)")
    for minutes, timing in timed.items():
        clock = timing.clock_s / (minutes * timed[1].clock_s) - 1
        busy = timing.processor_s / (minutes * timed[1].processor_s) - 1
        print(f"  {minutes:3} {1e3 * timing.clock_s:7.0f} {clock:+6.1%} ({busy:+.1%})")
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
        print(f"  {name:26} {peaks[name]['forward']:.2f} {peaks[name]['train']:.2f}")
    return peaks


if __name__ == "__main__":
    main()
