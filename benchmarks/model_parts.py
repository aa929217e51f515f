"""Parameters and arithmetic of each part of a model, for one forward window of 60 s.

python benchmarks/model_parts.py [--models v3 v3_small] [--output FILE.json]

What is counted is told in brainbrr/models/arithmetic.py. Nothing is timed.
"""

import argparse
import json
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from brainbrr.models.registry import load_model
from brainbrr.profiling.arithmetic import part_gflop

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
    model = load_model(name, scan="chunked")
    children = dict(model.named_children())
    return {
        part: {"parameters": n_parameters(children.get(part)), "gflop": gflop}
        for part, gflop in part_gflop(model, torch.randn(1, 19, SAMPLES)).items()
    }


def n_parameters(child):
    return sum(parameter.numel() for parameter in child.parameters()) if child else 0


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
