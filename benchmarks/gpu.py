"""V3 on one CUDA device: are its kernels right, how long does a training step take, what is left.

python benchmarks/gpu.py [--batches 16 64 128] [--model v3] [--rounds 5]

Appends one line of JSON to benchmarks/results/gpu.jsonl. Without a CUDA device it says so and ends
with exit code 2. Steps are forward and backward in bfloat16 autocast on windows of 60 s.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from brainbrr.cli.health_checks import check_fused_layer, check_scans
from brainbrr.kernels.jacobi import jacobi_eigh
from brainbrr.models.input_checks import values_unread
from brainbrr.models.registry import load_model
from brainbrr.models.scaling import standardize
from brainbrr.profiling.profile import MachineRates, machine_rates, profile_parts, take_turns
from brainbrr.training.hardware import describe_machine

RESULTS = Path(__file__).resolve().parent / "results" / "gpu.jsonl"
RATE_HZ, WINDOW, STRIDE = 256, 60 * 256, 10 * 256
PREDICTED_AT_ONCE = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", nargs="+", type=int, default=[16, 64, 128])
    parser.add_argument("--model", default="v3")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no CUDA device here: nothing was measured.")
        sys.exit(2)
    middle = options.batches[len(options.batches) // 2]
    result = {
        "machine": {**describe_machine(), "torch": torch.__version__},
        "model": options.model,
        "parity": [
            asdict(each) for check in (check_scans, check_fused_layer) for each in check("cuda")
        ],
        "steps": steps(options),
        "eigenvectors": eigenvectors(options.rounds),
        "floor": floor(options.model, middle, options.rounds),
        "against_unfused": against_unfused(options.model, middle, options.rounds),
        "prediction_24_h": prediction(options.model),
        "profile": top_ten(options.model, middle),
        # Last: a capture that fails may leave the device unusable.
        "cuda_graph": cuda_graph(options.model, middle, options.rounds),
    }
    print(json.dumps(result, indent=1))
    with RESULTS.open("a") as file:
        file.write(json.dumps(result) + "\n")


def draw(batch):
    return torch.randn(batch, 19, WINDOW, device="cuda")


def build(model, **changes):
    torch.manual_seed(0)
    return load_model(model, **changes).cuda().train()


def step(network, eeg):
    """Forward and backward as a guarded run does them: the door leaves values to the guard."""

    def run():
        network.zero_grad(set_to_none=True)
        with values_unread(), torch.autocast("cuda", torch.bfloat16):
            loss = network(eeg).mean()
        loss.backward()

    return run


def steps(options):
    """Time and peak memory of each batch size and interval, and of the fused edge stream."""
    rows = []
    for batch in options.batches:
        for interval, scan in ((1, "auto"), (5, "auto"), (5, "triton")):
            row = {"batch": batch, "interval": interval, "scan": scan}
            network = build(options.model, semi_dynamic_interval=interval, scan=scan)
            eeg = draw(batch)
            torch.cuda.reset_peak_memory_stats()
            try:
                timing = take_turns({"step": step(network, eeg)}, options.rounds)["step"]
                row |= {"step_s": timing.median_s, "windows_per_s": batch / timing.median_s}
            except torch.cuda.OutOfMemoryError:
                row["step_s"] = None
            row["peak_gbyte"] = torch.cuda.max_memory_allocated() / 1e9
            rows.append(row)
            del network, eeg
            torch.cuda.empty_cache()
    return rows


def eigenvectors(rounds, batch=16, frames=960):
    """cuSOLVER beside plain torch operations, for the graphs of a batch at every frame."""
    half = torch.randn(batch, frames, 19, 19, device="cuda")
    matrices = half + half.transpose(-1, -2)
    solvers = {
        "eigh": lambda: torch.linalg.eigh(matrices),
        "jacobi": lambda: jacobi_eigh(matrices),
    }
    return {name: timing.median_s for name, timing in take_turns(solvers, rounds).items()}


def floor(model, batch, rounds):
    """What arithmetic at the measured rate of bfloat16 products, or traffic at that of a copy, must
    take; a backward pass is two forward passes' worth."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product_s = take_turns({"product": lambda: torch.mm(a, b)}, rounds)["product"].clock_s
    rates = MachineRates(
        2 * 8192**3 / product_s / 1e9, machine_rates("cuda", mbyte=2048).gbyte_per_s
    )
    with torch.autocast("cuda", torch.bfloat16):
        parts = profile_parts(build(model, semi_dynamic_interval=5), draw(batch), rates, rounds)
    return {
        "batch": batch,
        **asdict(rates),
        "step_floor_s": 3 * sum(part.floor_s for part in parts.values()),
        "parts": {name: asdict(part) for name, part in parts.items()},
    }


def against_unfused(model, batch, rounds):
    """As many times the throughput of the same model with an unfused scan and eigh on each frame;
    a smaller batch where that one does not fit."""
    plain = build(model, scan="chunked", eigensolver="eigh", semi_dynamic_interval=1)
    ours = build(model, semi_dynamic_interval=5)
    while batch:
        eeg = draw(batch)
        try:
            timed = take_turns({"ours": step(ours, eeg), "unfused": step(plain, eeg)}, rounds)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            batch //= 2
            continue
        seconds = {name: timing.median_s for name, timing in timed.items()}
        return {"batch": batch, **seconds, "times": seconds["unfused"] / seconds["ours"]}
    return None


def cuda_graph(model, batch, rounds):
    """The step replayed as one graph; cuSOLVER cannot be captured, so with Jacobi rotations."""
    network, eeg = build(model, semi_dynamic_interval=5, eigensolver="jacobi"), draw(batch)
    eager_s = take_turns({"step": step(network, eeg)}, rounds)["step"].median_s
    try:
        with values_unread(), torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
            graphed = torch.cuda.make_graphed_callables(network, (eeg,))
        graph_s = take_turns({"step": step(graphed, eeg)}, rounds)["step"].median_s
    except RuntimeError as reason:
        return {"eager_s": eager_s, "graph_s": None, "reason": str(reason)[:300]}
    return {"eager_s": eager_s, "graph_s": graph_s}


def prediction(model, hours=24):
    """The network's part of annotating a day at a stride of 10 s, EEG on the device already."""
    network = build(model, semi_dynamic_interval=5).eval()
    n_samples = hours * 3600 * RATE_HZ
    eeg = torch.randint(-500, 500, (19, n_samples), dtype=torch.int16, device="cuda")
    windows = eeg.unfold(1, WINDOW, STRIDE).transpose(0, 1)
    total = torch.zeros(n_samples, device="cuda")

    def run():
        for first in range(0, len(windows), PREDICTED_AT_ONCE):
            part = windows[first : first + PREDICTED_AT_ONCE]
            there = torch.ones(part.shape[:2], dtype=torch.bool, device="cuda")
            scale = torch.full(part.shape[:2], 10.0, device="cuda")
            with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16), values_unread():
                found = network(standardize(part, there, 0 * scale, scale), there).sigmoid()
            for number, window in enumerate(found, first):
                total[number * STRIDE : number * STRIDE + WINDOW] += window

    seconds = take_turns({"day": run}, rounds=1)["day"].clock_s
    return {"windows": len(windows), "seconds": seconds, "times_real_time": hours * 3600 / seconds}


def top_ten(model, batch):
    """Kernels by their share of one step."""
    run = step(build(model, semi_dynamic_interval=5), draw(batch))
    run()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        run()
        torch.cuda.synchronize()
    kernels = [event for event in profiler.events() if event.device_type.name == "CUDA"]
    spent = {}
    for event in kernels:
        spent[event.name] = spent.get(event.name, 0.0) + event.time_range.elapsed_us() / 1e3
    return dict(sorted(spent.items(), key=lambda pair: -pair[1])[:10])


if __name__ == "__main__":
    main()
