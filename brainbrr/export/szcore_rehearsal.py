"""A benchmark entry run here as the benchmark would, without a container engine.

It runs under the conditions of the container, as far as this machine allows: another user, no
network, a read-only tree, an output file created beforehand in a folder of another user, no home,
no environment. Conditions that this machine does not allow are reported.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from edfio import Edf, EdfSignal

from brainbrr.errors import BrainbrrError, InvalidFile
from brainbrr.events.annotation import COLUMNS
from brainbrr.events.tsv import read_tsv
from brainbrr.export.szcore_entry import check_algorithm
from brainbrr.signal.electrodes import ELECTRODES

UID = 10001
HEADER = "\t".join(COLUMNS)
TIMEOUT_S = 600
DURATION_S = 90
CHAINS = (
    ("Fp1", "F3", "C3", "P3", "O1"),
    ("Fp1", "F7", "T3", "T5", "O1"),
    ("Fz", "Cz", "Pz"),
    ("Fp2", "F4", "C4", "P4", "O2"),
    ("Fp2", "F8", "T4", "T6", "O2"),
)
BANANA = [f"{above}-{below}" for chain in CHAINS for above, below in pairwise(chain)]
"""The 18 derivations of CHB-MIT."""


@dataclass(frozen=True)
class Step:
    """The result of one step.

    Attributes:
        what: the step.
        passed: None if this machine does not allow it.
        detail: what happened.
    """

    what: str
    passed: bool | None
    detail: str


def rehearse(entry: str | Path) -> Iterator[Step]:
    """Run an entry's program on a unipolar and a bipolar recording, on a file that is not an EDF,
    and without its model.

    Yields:
        the result of each step, in order.

    Raises:
        InvalidFile: there is no entry.
        InvalidOption: the benchmark would refuse its description.
    """
    entry = Path(entry)
    missing = [
        name
        for name in ("Containerfile", "requirements.txt", "algorithm.yaml", "app/run.py")
        if not (entry / name).is_file()
    ]
    if missing:
        raise InvalidFile(
            "a folder that `brainbrr export format=szcore` wrote",
            f"{entry} without {', '.join(missing)}",
            "Export it again.",
        )
    check_algorithm(yaml.safe_load((entry / "algorithm.yaml").read_text(encoding="utf-8")))
    yield Step("algorithm.yaml", True, "as the benchmark's schema asks")
    with _stage(entry) as stage:
        confinement, steps = _confinement(stage)
        yield from steps
        for name, labels in (
            ("unipolar", [f"{electrode}-Avg" for electrode in ELECTRODES]),
            ("bipolar", BANANA),
        ):
            write_edf(stage / "data" / f"{name}.edf", labels)
            yield _annotates(stage, confinement, name)
        (stage / "data" / "broken.edf").write_bytes(b"no recording")
        yield _refuses(stage, confinement, "broken.edf", "a file that is not an EDF")
        (stage / "app" / "detector.onnx").write_bytes(b"no model")
        yield _refuses(stage, confinement, "unipolar.edf", "a model that does not load")
        left = sorted(path.name for path in (stage / "output").iterdir() if path.suffix != ".tsv")
        left += [path.name for path in (stage / "app").rglob("__pycache__")]
        detail = f"left behind: {', '.join(left)}" if left else "nothing but the tables was written"
        yield Step("read-only tree", not left, detail)


@contextmanager
def _stage(entry: Path) -> Iterator[Path]:
    """Copy the app without write permission, next to folders for data and output."""
    with tempfile.TemporaryDirectory(prefix="szcore-") as folder:
        stage = Path(folder)
        stage.chmod(0o755)
        shutil.copytree(entry / "app", stage / "app")
        for path in (stage / "app").rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        for name, mode in (("data", 0o755), ("output", 0o755), ("tmp", 0o1777)):
            (stage / name).mkdir()
            (stage / name).chmod(mode)
        yield stage


def _confinement(stage: Path) -> tuple[list[str], list[Step]]:
    """Return the prefix of the command that this machine allows, and the steps that state it."""
    user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    python = [sys.executable, "-c", "import numpy"]
    steps, command = [], []
    if _works([*user, "--no-new-privs", *python]):
        command = [*user, "--no-new-privs"]
        steps.append(Step("another user", True, f"uid {UID}"))
    elif _works([*user, *reading, *python]):
        command = [*user, *reading]
        detail = f"uid {UID} with read access to all files: Python is in a private folder here"
        steps.append(Step("another user", True, detail))
    else:
        steps.append(Step("another user", None, f"not allowed here: uid {os.getuid()}"))
    for network in (["unshare", "--net"], ["unshare", "--map-current-user", "--net"]):
        if _works([*network, *command, *python]):
            steps.append(Step("no network", True, "a namespace without network"))
            return [*network, *command], steps
    steps.append(Step("no network", None, "cannot be removed here"))
    return command, steps


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _run(
    stage: Path, confinement: list[str], source: str
) -> tuple[subprocess.CompletedProcess[str], Path, float]:
    """Run the entry's program on one recording, with the output file created beforehand."""
    target = stage / "output" / f"{Path(source).stem}.tsv"
    target.write_text("")
    target.chmod(0o776)
    environment = {
        "PATH": os.defpath, "HOME": "/nonexistent", "TMPDIR": str(stage / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1", "INPUT": source, "OUTPUT": target.name,
    }  # fmt: skip
    program = [str(stage / part) for part in ("app/run.py", "data", "output")]
    began = time.monotonic()
    try:
        result = subprocess.run(
            [*confinement, sys.executable, *program],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        result = subprocess.CompletedProcess(program, 124, "", f"no result within {TIMEOUT_S} s")
    return result, target, time.monotonic() - began


def _annotates(stage: Path, confinement: list[str], name: str) -> Step:
    """Check that a recording becomes a table with the exact header and the right duration."""
    result, target, seconds = _run(stage, confinement, f"{name}.edf")
    if result.returncode != 0:
        return Step(f"{name} recording", False, _last(result))
    header = target.read_text(encoding="utf-8").split("\n", maxsplit=1)[0]
    if header != HEADER:
        return Step(f"{name} recording", False, f"header {header!r}, not {HEADER!r}")
    try:
        annotation = read_tsv(target)
    except BrainbrrError as error:
        return Step(f"{name} recording", False, str(error))
    if annotation.duration_s != DURATION_S:
        return Step(f"{name} recording", False, f"{annotation.duration_s} s in the table")
    n_seizures = sum(event.is_seizure for event in annotation.events)
    detail = f"{DURATION_S} s in {seconds:.1f} s, header exact, {n_seizures} seizures"
    return Step(f"{name} recording", True, detail)


def _refuses(stage: Path, confinement: list[str], source: str, what: str) -> Step:
    """Check for a non-zero exit code and an empty table if a recording cannot be annotated."""
    result, target, _ = _run(stage, confinement, source)
    silent = result.returncode == 0 or bool(target.read_text(encoding="utf-8"))
    wrote = "it wrote a table and exited with" if silent else "refused, exit code"
    return Step(what, not silent, f"{wrote} {result.returncode}: {_last(result)}")


def _last(result: subprocess.CompletedProcess[str]) -> str:
    lines = result.stderr.strip().splitlines() or ["no message"]
    return f"{ascii(lines[-1])[1:-1][:160]}"


def write_edf(path: Path, labels: list[str]) -> None:
    """Write noise of the amplitude of EEG."""
    generator = np.random.default_rng(0)
    signals = [
        EdfSignal(
            30.0 * generator.standard_normal(DURATION_S * 256),
            256,
            label=label,
            physical_dimension="uV",
            physical_range=(-400, 400),
        )
        for label in labels
    ]
    Edf(signals).write(path)
