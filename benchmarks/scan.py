"""The Mamba-2 scan and its block on this CPU: plain torch against C, in one run.

    python benchmarks/scan.py [--rounds 7] [--batch 1]

Variants take turns, so that a busy machine slows all of them alike; read the ratios. CPU time is
given next to wall-clock time: on a busy machine, with one thread, it is the steadier of the two. A
line with the machine's facts is appended to results/scan.jsonl.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from brainbrr.kernels import reference
from brainbrr.kernels.reference import Scan, chunked
from brainbrr.models.mamba2 import NORM_EPS, Mamba2

RESULTS = Path(__file__).parent / "results" / "scan.jsonl"
LENGTH = 960
D_CONV = 4


@dataclass(frozen=True)
class Stream:
    """One of V3's two streams of sequences."""

    sequences: int
    d_model: int
    heads: int
    headdim: int
    d_state: int

    @property
    def block_flops(self) -> int:
        inner = self.heads * self.headdim
        mixed = inner + 2 * self.d_state
        products = self.d_model * (inner + mixed + self.heads) + inner * self.d_model
        return 2 * self.sequences * LENGTH * (products + D_CONV * mixed) + self.scan_flops

    @property
    def scan_flops(self) -> int:
        """A product and two multiply-adds for each number of the state."""
        return 5 * self.sequences * LENGTH * self.heads * self.headdim * self.d_state


STREAMS = {
    "node": Stream(sequences=19, d_model=64, heads=16, headdim=8, d_state=8),
    "edge": Stream(sequences=171, d_model=16, heads=8, headdim=4, d_state=8),
}


def scan_arguments(stream: Stream, batch: int) -> list[Tensor]:
    n, s = batch * stream.sequences, stream
    return [
        torch.randn(n, LENGTH, s.heads, s.headdim),
        torch.nn.functional.softplus(torch.randn(n, LENGTH, s.heads) - 3),
        -1 - 15 * torch.rand(s.heads),
        torch.randn(n, LENGTH, 1, s.d_state),
        torch.randn(n, LENGTH, 1, s.d_state),
        torch.ones(s.heads),
    ]


def unfused(block: Mamba2, inputs: Tensor, scan: Scan) -> Tensor:
    """The block as torch operators around a scan."""
    steps = reference.mamba2_block
    return steps(inputs, block.weights(), eps=NORM_EPS, scan=scan, convolve=reference.convolve)


def variants(stream: Stream, batch: int) -> dict[str, Callable[[bool], None]]:
    """What is timed; each takes whether to train."""
    arguments = scan_arguments(stream, batch)
    leaves = [a.clone().requires_grad_() for a in arguments]
    block = Mamba2(stream.d_model, d_state=stream.d_state, headdim=stream.headdim, scan="c")
    inputs = torch.randn(batch * stream.sequences, LENGTH, stream.d_model)
    leaf = inputs.clone().requires_grad_()

    def run_scan(scan: Scan) -> Callable[[bool], None]:
        return lambda train: step(lambda: scan(*(leaves if train else arguments))[0], train)

    def run_block(call: Callable[[Tensor], Tensor]) -> Callable[[bool], None]:
        return lambda train: step(lambda: call(leaf if train else inputs), train)

    return {
        "scan chunked": run_scan(chunked),
        "block, chunked scan": run_block(lambda x: unfused(block, x, chunked)),
        "block c": run_block(block),
    }


def step(forward: Callable[[], Tensor], train: bool) -> None:
    with torch.set_grad_enabled(train):
        output = forward()
    if train:
        output.backward(torch.ones_like(output))


def time_in_turns(
    functions: dict[str, Callable[[bool], None]], train: bool, rounds: int
) -> dict[str, dict[str, float]]:
    """Milliseconds of each by the clock and by the processor, one call of each at a time."""
    clock: dict[str, list[float]] = {name: [] for name in functions}
    busy: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            start, start_busy = time.perf_counter(), time.process_time()
            function(train)
            if turn:  # the first warms up
                clock[name].append(1e3 * (time.perf_counter() - start))
                busy[name].append(1e3 * (time.process_time() - start_busy))
    return {
        name: {
            "least_ms": round(min(clock[name]), 2),
            "median_ms": round(statistics.median(clock[name]), 2),
            "least_processor_ms": round(min(busy[name]), 2),
        }
        for name in functions
    }


def matmul_gflops(size: int = 1024, rounds: int = 10) -> float:
    """What this machine reaches on a large product: the floor's rate."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds) / 1e9


def machine() -> dict[str, object]:
    return {
        "processor": platform.processor() or platform.machine(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "matmul_gflops": round(matmul_gflops()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="timed calls of each variant")
    parser.add_argument("--batch", type=int, default=1, help="60-s windows at once")
    options = parser.parse_args()
    torch.manual_seed(0)
    facts = machine()
    result = {"when": datetime.now(UTC).isoformat(timespec="seconds"), **facts, **vars(options)}
    for name, stream in STREAMS.items():
        functions = variants(stream, options.batch)
        for mode, train in (("forward", False), ("forward and backward", True)):
            timed = time_in_turns(functions, train, options.rounds)
            result[f"{name}, {mode}"] = timed
            show(name, mode, stream, timed, facts, options.batch)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def show(
    name: str,
    mode: str,
    stream: Stream,
    timed: dict[str, dict[str, float]],
    facts: dict[str, object],
    batch: int,
) -> None:
    print(f"\n{name} stream, {mode}, batch {batch}, {facts['threads']} threads")
    for variant, t in timed.items():
        flops = stream.scan_flops if variant.startswith("scan") else stream.block_flops
        floor_ms = batch * flops * (3 if "backward" in mode else 1) / facts["matmul_gflops"] / 1e6
        slowest = timed["scan chunked" if variant.startswith("scan") else "block, chunked scan"]
        gain = slowest["least_processor_ms"] / t["least_processor_ms"]
        print(
            f"  {variant:20} clock {t['least_ms']:7.1f} (median {t['median_ms']:7.1f}) ms,"
            f" processor {t['least_processor_ms']:7.1f} ms, {gain:5.1f}x chunked,"
            f" {t['least_ms'] / floor_ms:5.1f}x the floor by FLOPs"
        )


if __name__ == "__main__":
    main()
