"""Three hundred steps at ten times the normal learning rate: does any gradient stop being a number?

python benchmarks/stability.py [--model v3_small] [--steps 300] [--output FILE.json]

Windows are hard on purpose: rhythms of changing electrodes and frequency, artefacts up to the clip,
flat and absent electrodes. Nothing guards the training but the usual clipping of the gradient norm.
"""

import argparse
import json
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from brainbrr.models.registry import load_model

NORMAL_LR = 3e-4
RATE_HZ = 256
CLIP_NORM = 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="v3_small")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--samples", type=int, default=2560)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    curves = {
        precision: train(options, precision == "bfloat16") for precision in ("float32", "bfloat16")
    }
    table = Table("precision", "steps", "not finite", "norm: first", "median", "largest", "loss")
    for precision, curve in curves.items():
        norms = torch.tensor(curve["gradient_norm"])
        table.add_row(
            precision,
            str(len(norms)),
            str(int((~norms.isfinite()).sum())),
            *(f"{float(value):.3f}" for value in (norms[0], norms.median(), norms.max())),
            f"{curve['loss'][0]:.3f} -> {sum(curve['loss'][-20:]) / 20:.3f}",
        )
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(curves) + "\n")


def train(options, bfloat16):
    """Loss and gradient norm of each step."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = load_model(options.model, prior=0.4).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=10 * NORMAL_LR, weight_decay=0.01)
    curve = {"loss": [], "gradient_norm": []}
    for _ in range(options.steps):
        eeg, observed, label = draw(options.batch, options.samples, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(eeg, observed)
        loss = F.binary_cross_entropy_with_logits(logits, label)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        curve["loss"].append(loss.item())
        curve["gradient_norm"].append(norm.item())
    return curve


def draw(batch, samples, generator):
    """Noise, a rhythm that comes and goes, artefacts, flat and absent electrodes."""
    time_s = torch.arange(samples) / RATE_HZ

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=generator)

    eeg = torch.randn(batch, 19, samples, generator=generator)
    start_s, length_s = uniform(0, time_s[-1], batch, 1), uniform(1, time_s[-1], batch, 1)
    label = ((time_s >= start_s) & (time_s < start_s + length_s)).float()
    phase = 2 * torch.pi * (uniform(2, 8, batch, 1) * time_s - 0.2 * time_s.square())
    amplitude = uniform(0.3, 2, batch, 19, 1) * (uniform(0, 1, batch, 19, 1) < 0.4)
    eeg += amplitude * (torch.sin(phase) * label)[:, None]
    burst = torch.exp(-((time_s - uniform(0, time_s[-1], batch, 1)) ** 2) / 0.1)
    eeg += 50 * (uniform(0, 1, batch, 19, 1) < 0.1) * burst[:, None]
    eeg *= uniform(0, 1, batch, 19, 1) > 0.05
    observed = uniform(0, 1, batch, 19) > 0.1
    observed[:, 0] = True
    return eeg.clamp(-20, 20), observed, label


if __name__ == "__main__":
    main()
