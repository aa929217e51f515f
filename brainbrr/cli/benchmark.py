"""`brainbrr benchmark`: windows per second, latency, peak memory, part by part."""

import functools
import json
from dataclasses import asdict
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from brainbrr.atomic_io import atomic_write
from brainbrr.cli.build import build
from brainbrr.cli.device import use_profile
from brainbrr.cli.terminal import results_console
from brainbrr.inference.annotator import OF_TRAINER
from brainbrr.models.registry import build_model, describe_model
from brainbrr.profiling.peak_memory import peak_gbyte
from brainbrr.profiling.profile import (
    Part,
    forward_pass,
    machine_rates,
    profile_parts,
    take_turns,
    training_step,
)
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.training.hardware import describe_machine

RATE_HZ = 256


def run(cfg: DictConfig) -> None:
    """Measure a model, show two tables, write the JSON."""
    device, precision = use_profile(cfg), OF_TRAINER[cfg.trainer.precision]
    torch.set_float32_matmul_precision(cfg.trainer.matmul_precision)
    torch.backends.cudnn.benchmark = cfg.trainer.benchmark
    network = build(cfg.model).to(device)
    rates = machine_rates(device)
    inputs = {
        batch: torch.randn(batch, N_ELECTRODES, cfg.window_s * RATE_HZ, device=device)
        for batch in cfg.batch
    }
    parts = profile_parts(network, inputs[cfg.batch[0]], rates, cfg.rounds, precision)
    whole = [
        _measure(network, eeg, step, cfg)
        for eeg in inputs.values()
        for step in ((False, True) if cfg.train else (False,))
    ]
    result = {
        "model": OmegaConf.to_container(cfg.model, resolve=True),
        "machine": {
            **describe_machine(),
            **asdict(rates),
            "device": device,
            "precision": precision,
        },
        "whole": whole,
        "parts": {name: asdict(part) for name, part in parts.items()},
    }
    console = results_console()
    console.print(parts_table(parts, cfg.batch[0]))
    console.print(whole_table(whole))
    if cfg.output:
        with atomic_write(cfg.output) as file:
            file.write(json.dumps(result, indent=2) + "\n")


def _measure(
    network: torch.nn.Module, eeg: torch.Tensor, train: bool, cfg: DictConfig
) -> dict[str, Any]:
    """Return one row of the second table."""
    precision = OF_TRAINER[cfg.trainer.precision]
    call = (training_step if train else forward_pass)(network, eeg, precision)
    if eeg.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(eeg.device)
    timing = take_turns({"call": call}, cfg.rounds)["call"]
    return {
        "batch": len(eeg),
        "train": train,
        **asdict(timing),
        "windows_per_s": len(eeg) / timing.median_s,
        "eeg_h_per_min": len(eeg) / timing.median_s * cfg.window_s / 60,
        "peak_gbyte": _peak(eeg, train, cfg),
    }


def _peak(eeg: torch.Tensor, train: bool, cfg: DictConfig) -> float | None:
    if eeg.device.type == "cuda":
        return torch.cuda.max_memory_allocated(eeg.device) / 1e9
    entry = OmegaConf.to_container(cfg.model, resolve=True)
    assert isinstance(entry, dict)
    numbers = describe_model({str(key): value for key, value in entry.items()})
    make = functools.partial(build_model, **numbers)
    return peak_gbyte(
        make,
        tuple(eeg.shape),
        train=train,
        n_threads=torch.get_num_threads(),
        precision=OF_TRAINER[cfg.trainer.precision],
    )


def parts_table(parts: dict[str, Part], batch: int) -> Table:
    """Tabulate each part with the time the hardware needs at least."""
    title = f"by part, batch {batch}: minimum milliseconds of each part alone"
    table = Table("part", "GFLOP", "floor", "forward", "/ floor", "training step", title=title)
    for name, part in parts.items():
        forward_ms, floor_ms = 1e3 * part.forward.clock_s, 1e3 * part.floor_s
        train = f"{1e3 * part.train.clock_s:.1f}" if part.train else "-"
        table.add_row(
            *(name, f"{part.gflop:.2f}", f"{floor_ms:.1f}", f"{forward_ms:.1f}"),
            *(f"{forward_ms / floor_ms:.1f}", train),
        )
    return table


def whole_table(rows: list[dict[str, Any]]) -> Table:
    """Tabulate the network at each batch size."""
    names = ("pass", "batch", "latency ms", "windows/s", "EEG h/min", "CPU ms")
    table = Table(*names, "peak GB", title="the whole model, medians")
    for row in rows:
        peak = "-" if row["peak_gbyte"] is None else f"{row['peak_gbyte']:.2f}"
        table.add_row(
            *("training step" if row["train"] else "forward", str(row["batch"])),
            *(f"{1e3 * row['median_s']:.0f}", f"{row['windows_per_s']:.2f}"),
            *(f"{row['eeg_h_per_min']:.2f}", f"{1e3 * row['processor_s']:.0f}", peak),
        )
    return table
