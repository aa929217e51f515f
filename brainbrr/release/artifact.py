"""The release: a folder that holds a detector and nothing that runs.

`model.safetensors` (weights), `detector.yaml` (family, plain numbers, thresholds),
`selftest.safetensors` (a synthetic window and the probabilities it must give). No pickle, no
`_target_`: loading reads numbers only, and those only where they are what was released.
"""

import logging
import shutil
import tempfile
from pathlib import Path

import torch
import yaml
from safetensors.torch import save

from brainbrr.atomic_io import atomic_write, current_folder, replace_folder
from brainbrr.inference.detector import Detector
from brainbrr.release.description import described
from brainbrr.release.hub import HUB, fetch
from brainbrr.release.refusals import FETCH_AGAIN, InvalidDetector, NoSuchDetector
from brainbrr.release.released_files import (
    DESCRIPTION,
    SELFTEST,
    WEIGHTS,
    digest,
    read_file,
    require_digest,
)
from brainbrr.release.restore import restored, weights_of
from brainbrr.release.schema import Description, read_description
from brainbrr.release.selftest import (
    check_once,
    expected_probabilities,
    largest_difference,
    selftest_minute,
)
from brainbrr.release.weights import read_tensors
from brainbrr.signal.electrodes import N_ELECTRODES

READABLE_BY_ALL = 0o755

log = logging.getLogger(__name__)


def save_detector(detector: Detector, folder: str | Path) -> Path:
    """Write a detector's folder, whole or not at all; an older one at the same place is replaced,
    and stays until the new one stands."""
    folder = Path(folder).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        contents = _contents(detector)
        for name, content in contents.items():
            with atomic_write(staging / name, "wb") as file:
                file.write(content)
        digests = {name: digest(content) for name, content in contents.items()}
        description = described(detector, digests)
        with atomic_write(staging / DESCRIPTION) as file:
            yaml.safe_dump(description, file, sort_keys=False)
        staging.chmod(READABLE_BY_ALL)
        replace_folder(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _contents(detector: Detector) -> dict[str, bytes]:
    eeg = selftest_minute(detector)
    probability = expected_probabilities(detector, eeg)
    tensors = {"eeg": torch.from_numpy(eeg), "probability": torch.from_numpy(probability)}
    return {WEIGHTS: save(weights_of(detector.network)), SELFTEST: save(tensors)}


def load_detector(
    path: str | Path, *, device: str = "cpu", scan: str = "auto", check: bool = True
) -> Detector:
    """Load a released detector; the first time on a machine, check that it computes the maker's
    numbers here.

    Args:
        path: the folder `train` wrote, the run folder that holds it, or `hf://user/name[@revision]`
            (needs `pip install brainbrr[hub]`).
        device: `cpu`, `cuda`, `mps`, or a torch device name.
        scan: how Mamba-2 is computed; every way gives the same numbers.
        check: run the self-test where this detector, device and version of torch have not passed
            it yet; the log says the largest difference.

    Raises:
        NoSuchDetector: no `detector.yaml` there.
        InvalidDetector: damaged, foreign, hostile or of a newer schema; one of its named forms,
            `SelftestFailed` among them.
        HubUnavailable: the hub, or the package that speaks to it, is out of reach.
    """
    while True:
        folder, root = _located(path)
        found = _identity(folder)
        try:
            return _loaded(folder, root, device=device, scan=scan, check=check)
        except InvalidDetector:
            # Replaced while it was read: half of what was read belongs to the former release.
            if _identity(folder) == found:
                raise


def _loaded(folder: Path, root: Path | None, *, device: str, scan: str, check: bool) -> Detector:
    description = _described(folder, root)

    def read_weights() -> bytes:
        content = read_file(folder, WEIGHTS, root=root)
        require_digest(WEIGHTS, content, description.digests)
        return content

    detector = restored(description, read_weights, device=device, scan=scan)
    if check:
        check_once(
            lambda: _selftest(detector, description, folder, root), f"{description.identity} {scan}"
        )
    return detector


def selftest(detector_folder: str | Path, detector: Detector) -> float:
    """Largest difference between the probabilities of this machine and the stored ones.

    Raises:
        InvalidDetector: the self-test is missing or damaged.
    """
    folder, root = _located(detector_folder)
    return _selftest(detector, _described(folder, root), folder, root)[0]


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def find_detector(path: str | Path) -> Path:
    """The folder of a detector: `path` itself, or `path/detector` of a run; the former release,
    under the name it was moved aside to, where a writer died before the new one stood.

    Raises:
        NoSuchDetector: neither holds a `detector.yaml`.
    """
    for folder in (Path(path), Path(path) / "detector"):
        standing = current_folder(folder)
        if standing is not None and (standing / DESCRIPTION).is_file():
            if standing != folder:
                log.warning("%s was being replaced; the former one is read: %s", folder, standing)
            return standing
    raise NoSuchDetector(
        f"a folder with {DESCRIPTION}",
        f"{path}, a file" if Path(path).is_file() else str(path),
        "Name the detector/ folder that `train` wrote, unpacked.",
    )


def _located(path: str | Path) -> tuple[Path, Path | None]:
    """The folder, and where its links may lead if not inside it."""
    if str(path).startswith(HUB):
        return fetch(str(path))
    return find_detector(path), None


def _described(folder: Path, root: Path | None) -> Description:
    try:
        text = read_file(folder, DESCRIPTION, root=root).decode()
    except UnicodeDecodeError as error:
        raise InvalidDetector("UTF-8", f"{DESCRIPTION}: {error.reason}", FETCH_AGAIN) from error
    return read_description(text)


def _selftest(
    detector: Detector, description: Description, folder: Path, root: Path | None
) -> tuple[float, str]:
    """The largest difference here, and the device it was computed on."""
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
