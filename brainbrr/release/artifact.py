"""The release: a folder that holds a detector and nothing that runs.

`model.safetensors` (weights), `detector.json` (family, plain numbers, thresholds),
`selftest.safetensors` (a synthetic window and the probabilities it must give). No pickle, no
`_target_`: loading reads numbers only, and only those that were released.
"""

import json
import logging
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save

from brainbrr.atomic_io import atomic_write, current_folder, replace_folder
from brainbrr.errors import NotFound
from brainbrr.inference.detector import Detector
from brainbrr.inference.torch_backend import device_of
from brainbrr.release.description import (
    SELFTEST,
    WEIGHTS,
    Description,
    describe,
    read_description,
)
from brainbrr.release.hub import HUB, fetch
from brainbrr.release.released_files import (
    DESCRIPTION,
    digest,
    holds_release,
    read_description_file,
    read_file,
    require_digest,
)
from brainbrr.release.selftest import (
    check_once,
    expected_probabilities,
    largest_difference,
    selftest_minute,
)
from brainbrr.release.shipped import find_shipped, shipped_names
from brainbrr.release.untrusted import InvalidDetector
from brainbrr.release.weights import read_tensors, restore, weights_of
from brainbrr.signal.electrodes import N_ELECTRODES

READABLE_BY_ALL = 0o755

log = logging.getLogger(__name__)


def save_release(detector: Detector, folder: str | Path) -> Path:
    """Write a detector's folder atomically; an older one at the same path stays until then.

    The self-test's probabilities are the CPU's: those of a GPU may be rounded to TF32.
    """
    folder = Path(folder).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    eeg = selftest_minute(detector)
    device = device_of(detector.network)
    detector.network.cpu()
    probability = expected_probabilities(detector, eeg)
    selftest_tensors = {"eeg": torch.from_numpy(eeg), "probability": torch.from_numpy(probability)}
    contents = {WEIGHTS: save(weights_of(detector.network)), SELFTEST: save(selftest_tensors)}
    detector.network.to(device)
    description = describe(detector, {name: digest(part) for name, part in contents.items()})
    contents[DESCRIPTION] = json.dumps(description, indent=1, allow_nan=False).encode()
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in contents.items():
            with atomic_write(staging / name, "wb") as file:
                file.write(content)
        staging.chmod(READABLE_BY_ALL)
        replace_folder(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def load_release(
    path: str | Path, *, device: str = "cpu", scan: str = "auto", check: bool = True
) -> Detector:
    """Load a released detector; the first time on a machine, run its self-test.

    Args:
        path: the name of a shipped detector (`base`), the folder `train` wrote, the run folder that
            holds it, or `hf://user/name[@revision]` (needs `pip install brainbrr[hub]`).
        device: `cpu`, `cuda`, `mps`, or a torch device name.
        scan: how Mamba-2 is computed; all give the same numbers.
        check: run the self-test unless this detector, device and version of torch have passed it
            before; the log states the largest difference.

    Raises:
        NotFound: no description there.
        InvalidDetector: damaged, foreign, hostile, of a newer schema, or it failed the self-test.
        Unavailable: the hub, or the package that reads it, cannot be reached.
    """
    while True:
        folder, root = _locate(path)
        identity = _identity(folder)
        try:
            return _load(folder, root, device=device, scan=scan, check=check)
        except InvalidDetector:
            # Replaced while it was read: half of what was read belongs to the previous release.
            if _identity(folder) == identity:
                raise


def _load(folder: Path, root: Path | None, *, device: str, scan: str, check: bool) -> Detector:
    description = read_description(read_description_file(folder, root=root))
    content = read_file(folder, WEIGHTS, root=root)
    require_digest(WEIGHTS, content, description.digests)
    detector = restore(description, content, device=device, scan=scan)
    if check:
        check_once(
            lambda: _selftest(detector, description, folder, root), f"{description.identity} {scan}"
        )
    return detector


def selftest(path: str | Path, detector: Detector) -> float:
    """Return the largest difference between this machine's probabilities and the stored ones.

    Raises:
        InvalidDetector: the self-test is missing or damaged.
    """
    folder, root = _locate(path)
    description = read_description(read_description_file(folder, root=root))
    return _selftest(detector, description, folder, root)[0]


def find_release(path: str | Path) -> Path:
    """Return the folder of a release: a shipped one by its name, `path`, or `path/detector`.

    If a writer died while it replaced the folder, the previous release is returned, under the name
    it was moved to.

    Raises:
        NotFound: none of them holds a description.
    """
    shipped = find_shipped(path)
    if shipped is not None:
        return shipped
    for folder in (Path(path), Path(path) / "detector"):
        standing = current_folder(folder)
        if standing is not None and holds_release(standing):
            if standing != folder:
                log.warning("%s was being replaced; reading the previous: %s", folder, standing)
            return standing
    raise NotFound(
        f"a shipped detector ({', '.join(shipped_names())}) or a folder with {DESCRIPTION}",
        f"{path}, a file" if Path(path).is_file() else str(path),
        "Name a shipped one, or the detector/ folder that `train` wrote, unpacked.",
    )


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _locate(path: str | Path) -> tuple[Path, Path | None]:
    """Return the folder, and where its links may lead if not inside it."""
    if str(path).startswith(HUB):
        return fetch(str(path))
    return find_release(path), None


def _selftest(
    detector: Detector, description: Description, folder: Path, root: Path | None
) -> tuple[float, str]:
    """Return the largest difference, and the device it was computed on."""
    length = description.windowing.length
    expected = {
        "eeg": (torch.int16, (N_ELECTRODES, length)),
        "probability": (torch.float32, (length,)),
    }
    content = read_file(folder, SELFTEST, root=root)
    require_digest(SELFTEST, content, description.digests)
    stored = read_tensors(content, expected)
    device = str(next(detector.network.parameters()).device)
    return largest_difference(detector, stored["eeg"], stored["probability"]), device
