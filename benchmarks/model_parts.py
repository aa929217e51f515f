"""Parameters and arithmetic of each part of a model, for one forward window of 60 s.

python benchmarks/model_parts.py [--models v3 v3_small] [--output FILE.json]

Matrix products and convolutions are counted by torch (a multiplication and an addition are two);
the selective scan by its recurrence, 5 operations for each number of the state and step; an
eigenproblem of n electrodes as 10 n^3. Nothing is timed.
"""

import argparse
import json
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from brainbrr.models.mamba2 import Mamba2
from brainbrr.models.registry import load_model

SAMPLES = 15_360
PREDECESSOR_GFLOP = 110.6
MODELS = ("v3", "v3_small", "v3_tiny", "v3_electrode", "unet_bimamba")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    results = {name: parts(name) for name in options.models}
    for name, rows in results.items():
        show(name, rows)
    if options.output:
        options.output.write_text(json.dumps(results, indent=2) + "\n")


def parts(name):
    """Parameters and GFLOP of each child of the model."""
    model = load_model(name, scan="chunked").eval()
    scanned = dict.fromkeys((part for part, _ in model.named_children()), 0.0)
    for part, child in model.named_children():
        for layer in child.modules():
            if isinstance(layer, Mamba2):
                layer.scan = counting(scanned, part)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.randn(1, 19, SAMPLES))
    counted = counter.get_flop_counts()
    rows = {}
    for part, child in model.named_children():
        flops = sum(counted.get(f"{type(model).__name__}.{part}", {}).values()) + scanned[part]
        n_parameters = sum(parameter.numel() for parameter in child.parameters())
        rows[part] = {"parameters": n_parameters, "gflop": flops / 1e9}
    if hasattr(model, "semi_dynamic_interval"):
        solved = -(-SAMPLES // model.stride // model.semi_dynamic_interval)
        rows["laplacian"] = {"parameters": 0, "gflop": 10 * 19**3 * solved / 1e9}
    return rows


def counting(scanned, part):
    """A scan of the right shape that only counts."""

    def scan(x, dt, A, B, C, D, initial_state=None):
        scanned[part] += 5.0 * x.numel() * B.shape[-1]
        return x, None

    return scan


def show(name, rows):
    total = {key: sum(row[key] for row in rows.values()) for key in ("parameters", "gflop")}
    table = Table("part", "parameters", "GFLOP", "share", title=f"{name}, one window forward")
    for part, row in rows.items():
        share = f"{row['gflop'] / total['gflop']:.1%}"
        table.add_row(part, f"{row['parameters']:,}", f"{row['gflop']:.3f}", share)
    times = PREDECESSOR_GFLOP / total["gflop"]
    table.add_row("all", f"{total['parameters']:,}", f"{total['gflop']:.3f}", "", style="bold")
    table.add_row("predecessor", "31,475,722", f"{PREDECESSOR_GFLOP}", f"{times:.1f}x")
    Console().print(table)


if __name__ == "__main__":
    main()
