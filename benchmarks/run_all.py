"""Every benchmark at a size that ends within ten minutes together on two quiet cores.

    python benchmarks/run_all.py [--minutes 10]

One that fails or would pass the time is told and the others go on; exit 1 then. Each appends its
own line to results/, or its printed lines go to results/printed.jsonl; plot.py draws the ratios.
"""

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from brainbrr.training.hardware import describe_machine

FOLDER = Path(__file__).parent
PRINTED = FOLDER / "results" / "printed.jsonl"
BENCHMARKS = (
    ("model_peers.py", ["--rounds", "3"]),
    ("predict.py", ["--hours", "0.5"]),
    ("scan.py", ["--rounds", "3"]),
    ("loader.py", ["--hours", "2", "--workers", "0", "2", "--batches", "20", "--repeats", "2"]),
    ("preparation.py", ["0.25"]),
    ("preparation_memory.py", ["4"]),
    ("scoring.py", ["--samples", "2e7", "--hours", "5"]),
    ("model_parts.py", ["--models", "v3", "v3_electrode"]),
    ("plot.py", []),
)
OWN_RESULTS = {"model_peers.py", "predict.py", "scan.py", "model_parts.py", "plot.py"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    deadline_s = time.monotonic() + 60 * parser.parse_args().minutes
    machine, failed = describe_machine(), []
    for name, arguments in BENCHMARKS:
        began_s = time.monotonic()
        print(f"\n== {name} {' '.join(arguments)}", flush=True)
        lines, code = run(name, arguments, max(deadline_s - began_s, 1.0))
        print(f"== {name}: {time.monotonic() - began_s:.0f} s, exit {code}", flush=True)
        if code != 0:
            failed.append(name)
        elif name not in OWN_RESULTS:
            when = datetime.now(UTC).isoformat(timespec="seconds")
            row = {"when": when, "benchmark": name, "machine": machine, "printed": lines}
            with PRINTED.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    if failed:
        raise SystemExit(f"not finished: {', '.join(failed)}")


def run(name, arguments, limit_s):
    """What it printed, shown as it comes to its end, and its exit code."""
    command = [sys.executable, str(FOLDER / name), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as over:
        print((over.stdout or b"").decode(errors="replace"))
        return [], "out of time"
    print(done.stdout, end="")
    if done.returncode:
        print(done.stderr[-2000:])
    return done.stdout.splitlines(), done.returncode


if __name__ == "__main__":
    main()
