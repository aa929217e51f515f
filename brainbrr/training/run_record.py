"""What a run was made with, so that it can be repeated."""

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

import brainbrr
from brainbrr.atomic_io import atomic_write

PACKAGES = (
    "torch", "numpy", "scipy", "lightning", "torch-geometric", "mne", "edfio", "hydra-core",
    "mamba-ssm", "causal-conv1d", "triton",
)  # fmt: skip
RUN_RECORD = "run_record.yaml"


def run_record(configuration: dict[str, Any], data_digest: str) -> dict[str, Any]:
    """Collect configuration, code version, data, package versions and machine, as plain values."""
    return {
        "code": code_version(),
        "data_digest": data_digest,
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "machine": machine(),
        "configuration": configuration,
    }


def write_run_record(record: dict[str, Any], run_dir: Path) -> Path:
    """Write the record atomically into a run's folder; return its path."""
    path = Path(run_dir) / RUN_RECORD
    with atomic_write(path) as file:
        file.write(OmegaConf.to_yaml(OmegaConf.create(record)))
    return path


def code_version() -> dict[str, Any]:
    """Return the package's version and, in a checkout, its commit and whether files differ."""
    folder = Path(brainbrr.__file__).parent
    commit = _git(folder, "rev-parse", "HEAD")
    status = _git(folder, "status", "--porcelain", "--", str(folder))
    return {
        "version": brainbrr.__version__,
        "commit": commit,
        "dirty": None if status is None else bool(status),
    }


def machine() -> dict[str, Any]:
    """Describe operating system, CPU, Python and accelerators; no host name, no user."""
    cuda = torch.cuda.is_available()
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "python": sys.version.split()[0],
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if cuda else None,
        "accelerators": [
            torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())
        ]
        if cuda
        else [],
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    """Return git's output, or None outside a checkout or without git."""
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
