"""An entry to the SzCORE benchmark: a folder from which a container is built.

The container holds the detector as ONNX and the modules of this package that read, prepare and
stitch; no torch, no compiler, nothing to download when it runs. The interface is the benchmark's:
INPUT and OUTPUT name files under /data and /output (github.com/esl-epfl/szcore).
"""

import ast
import datetime
import platform
import re
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any

import yaml

from brainbrr import __version__
from brainbrr.atomic_io import atomic_write
from brainbrr.errors import InvalidOption
from brainbrr.export.onnx_export import check_request, export_onnx
from brainbrr.inference.detector import Detector

TEMPLATES = Path(__file__).parent / "entry"
PACKAGE = Path(__file__).parents[1]
PARTS = {
    "errors", "atomic_io", "pool", "events", "signal", "data", "inference", "release", "export",
}  # fmt: skip
"""Modules and rooms from which the container takes what its program imports."""
NEEDS = ("numpy", "scipy", "edfio", "onnxruntime")

REQUIRED = {"title", "short_title", "image", "authors", "license"}
ALLOWED = REQUIRED | {"abstract", "datasets", "date_released", "repository", "version"}
PERSON = {"given_names", "family_names", "affiliation", "email"}
IMAGE = re.compile(r".+/.+:.+")
DATE = re.compile(r"\d{4}-(0[1-9]|1[012])-(0[1-9]|[12]\d|3[01])")

ABSTRACT = (
    "The {family} detector of brainbrr: {window_s:g} s of 19-electrode EEG at {rate_hz:g} Hz to "
    "the probability of a seizure, thresholds tuned on validation subjects. Runs on the CPU in "
    "ONNX Runtime."
)


def write_entry(detector: Detector, folder: str | Path, labels: Mapping[str, str]) -> Path:
    """Write the container's context: Containerfile, requirements, algorithm.yaml, app/.

    Args:
        detector: what the container runs, in ONNX.
        folder: must not exist.
        labels: `image`, `title`, `short_title`, `given_names`, `family_names`, `license`.

    Raises:
        InvalidOption: the benchmark would refuse the description.
        InUse, Unavailable, InvalidInput, Failed: see `export_onnx`.
    """
    folder = check_request("szcore", folder, None)
    algorithm = algorithm_of(detector, labels)
    check_algorithm(algorithm)
    staging = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        app = staging / "app"
        export_onnx(detector, app / "detector.onnx")
        shutil.copy(TEMPLATES / "run.py", app / "run.py")
        copy_package(app / "brainbrr")
        python = ".".join(platform.python_version_tuple()[:2])
        recipe = Template((TEMPLATES / "Containerfile").read_text(encoding="utf-8"))
        _write(staging / "Containerfile", recipe.substitute(python=python, image=labels["image"]))
        _write(staging / "requirements.txt", "\n".join(pinned(NEEDS)) + "\n")
        _write(staging / "algorithm.yaml", yaml.safe_dump(algorithm, sort_keys=False))
        staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def copy_package(target: Path) -> None:
    """Copy the modules of this package that the entry's program imports, directly or indirectly."""
    waiting, needed = [TEMPLATES / "run.py"], {PACKAGE / "__init__.py"}
    while waiting:
        tree = ast.parse(waiting.pop().read_text(encoding="utf-8"))
        names = {
            f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        # Of `brainbrr.room.module.name`: the rooms it is in, and the module itself.
        files = {
            file
            for _, part, *rest in (
                name.split(".") for name in names if name.startswith("brainbrr.")
            )
            if part in PARTS
            for depth in range(len(rest) + 1)
            for path in [PACKAGE.joinpath(part, *rest[:depth])]
            for file in (path / "__init__.py", path.with_suffix(".py"))
            if file.is_file()
        }
        waiting += files - needed
        needed |= files
    for file in needed:
        copy = target / file.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text)


def algorithm_of(detector: Detector, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the benchmark's description of an algorithm, as plain values."""
    values = {
        "title": labels["title"],
        "short_title": labels["short_title"],
        "image": labels["image"],
        "version": __version__,
        "date_released": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "authors": [{"given_names": labels["given_names"], "family_names": labels["family_names"]}],
        "license": labels["license"],
        "abstract": ABSTRACT.format(
            family=detector.model["family"],
            window_s=detector.windowing.window_s,
            rate_hz=detector.windowing.rate_hz,
        ),
    }
    trained_on = detector.provenance.get("trained_on")
    return values | ({"datasets": [str(trained_on)]} if trained_on else {})


def check_algorithm(values: Any) -> None:
    """Refuse what the benchmark's schema refuses.

    Raises:
        InvalidOption: an unknown or missing key, an image without registry or tag, an invalid date,
            an author without a name.
    """
    keys = set(values) if isinstance(values, dict) else set()
    if not keys >= REQUIRED or keys - ALLOWED:
        wrong = sorted((REQUIRED - keys) | (keys - ALLOWED))
        raise _refused(
            f"{', '.join(sorted(REQUIRED))} and at most {', '.join(sorted(ALLOWED - REQUIRED))}",
            f"{', '.join(map(repr, wrong))} missing or unknown",
        )
    texts = {key: value for key, value in values.items() if key not in {"authors", "datasets"}}
    if empty := [key for key, value in texts.items() if not isinstance(value, str) or not value]:
        raise _refused("text in every field", f"no text in {', '.join(empty)}")
    if not IMAGE.fullmatch(values["image"]):
        raise _refused("an image as registry/name:tag", values["image"])
    if not DATE.fullmatch(values.get("date_released", "2000-01-01")):
        raise _refused("date_released as YYYY-MM-DD", values["date_released"])
    authors = values["authors"]
    named = isinstance(authors, list) and all(
        isinstance(author, dict) and set(author) <= PERSON and all(author.values())
        for author in authors
    )
    if not authors or not named:
        raise _refused(f"authors with {', '.join(sorted(PERSON))}", f"{authors}")


def _refused(expected: str, got: str) -> InvalidOption:
    return InvalidOption(expected, got, "Correct szcore.*, or the entry's algorithm.yaml.")


def pinned(names: tuple[str, ...]) -> list[str]:
    """Return these distributions and all they need, as `name==version` of what is installed."""
    from packaging.requirements import Requirement

    versions: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        distribution = metadata.distribution(waiting.pop())
        name = distribution.metadata["Name"].lower().replace("_", "-")
        if name in versions:
            continue
        # A local label (+cpu) names a build that the public index does not have.
        versions[name] = distribution.version.split("+", maxsplit=1)[0]
        requirements = map(Requirement, distribution.requires or [])
        waiting += [
            requirement.name
            for requirement in requirements
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    return [f"{name}=={version}" for name, version in sorted(versions.items())]
