"""What `detector.yaml` holds, in each version there has been, and what its numbers may be.

| schema | adds |
|---|---|
| 1 | model, preparation, windowing, detection, provenance |
| 2 | montage, calibration, the digests of the files and of the description itself |
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, TypeVar

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.release.plain_yaml import read_plain_yaml
from brainbrr.release.refusals import (
    FETCH_AGAIN,
    ChangedDetector,
    ForeignMontage,
    ForeignRate,
    InvalidDetector,
    InvalidNumber,
    MissingThresholds,
    NewerSchema,
    UnsafeDescription,
    shown,
)
from brainbrr.release.released_files import NUMBER_FILES
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.quality import QualityLimits

Part = TypeVar("Part")

SCHEMA = 2
SECTIONS = {"model", "preparation", "windowing", "detection", "calibration", "provenance"}
KEYS = SECTIONS | {"schema", "brainbrr", "montage", "files", "digest"}
FIRST_KEYS = (SECTIONS - {"calibration"}) | {"schema", "brainbrr"}

MAX_WIDTH = 4096
MAX_LAYERS = 64
MAX_LIST = 32
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
# A convolution is looked up by its name in torch_geometric, where not all names are convolutions.
CONVOLUTIONS = {"ssg", "SSGConv", "GCNConv", "GATv2Conv"}
RANGES = {
    "rate_hz": (16, 4096), "window_s": (0.5, 600), "stride_s": (0.1, 600), "filter_order": (1, 16),
    "mains": (1, 2000), "notch_q": (0.1, 1000), "epoch_s": (0.1, 60), "guard_epochs": (0, 100),
    "max_interpolated": (0, 19), "min_neighbours": (0, 19), "min_electrodes": (1, 19),
    "trace_rate_hz": (0.1, 4096), "temperature": (1e-3, 1e3), "bias": (-100, 100),
}  # fmt: skip
"""Where a detector's numbers may lie; those not named between 0 and a million."""
WHOLE = {"filter_order", "guard_epochs", "max_interpolated", "min_neighbours", "min_electrodes"}


@dataclass(frozen=True)
class Description:
    """A detector but for its weights.

    Attributes:
        model: family and numbers, within bounds; whether they make a network is for the registry.
        digests: SHA-256 of each file of numbers; empty in the first schema.
        identity: SHA-256 of everything described, the files' digests included.
    """

    model: dict[str, Any]
    preparation: Preparation
    windowing: Windowing
    detection: Detection
    calibration: Calibration
    provenance: dict[str, Any]
    digests: dict[str, str]
    identity: str


def with_digest(values: dict[str, Any]) -> dict[str, Any]:
    """The description with the digest of its own content."""
    return {**values, "digest": _digest_of(values)}


def read_description(text: str) -> Description:
    """The description in the text of a `detector.yaml` of any schema so far.

    Raises:
        InvalidDetector: one of its named forms.
    """
    values = read_plain_yaml(text)
    if not isinstance(values, dict):
        raise UnsafeDescription("a mapping", type(values).__name__, FETCH_AGAIN)
    identity = _digest_of(values)
    values = migrated(values)
    _require_keys("detector.yaml", values, KEYS)
    if values["digest"] not in {None, identity}:
        raise ChangedDetector(
            f"a description with digest {shown(values['digest'])[:18]}",
            f"{identity[:16]}: a changed value",
            "Fetch it again; to change thresholds use Detector.with_detection and save_detector.",
        )
    for section in SECTIONS:
        if not isinstance(values[section], dict):
            raise UnsafeDescription(f"{section} as a mapping", shown(values[section]), FETCH_AGAIN)
    _check_model(values["model"])
    _check_montage(values["montage"])
    preparation, windowing = _preparation(values["preparation"]), _windowing(values["windowing"])
    if preparation.rate_hz != windowing.rate_hz:
        raise ForeignRate(
            f"windows at the {preparation.rate_hz:g} Hz that recordings are prepared to",
            f"{windowing.rate_hz:g} Hz",
            FETCH_AGAIN,
        )
    return Description(
        values["model"],
        preparation,
        windowing,
        _detection(values["detection"]),
        _built(Calibration, "calibration", values["calibration"]),
        values["provenance"],
        _digests(values["files"]),
        identity,
    )


def migrated(values: dict[str, Any]) -> dict[str, Any]:
    """A description of any schema so far as one of today's.

    Raises:
        NewerSchema: a schema of the future.
        UnsafeDescription: no schema at all.
    """
    schema = values.get("schema")
    if type(schema) is not int or schema < 1:
        raise UnsafeDescription("a schema from 1 on", shown(schema), FETCH_AGAIN)
    if schema > SCHEMA:
        raise NewerSchema(
            f"schema {SCHEMA} or older",
            f"schema {shown(schema)}, written by brainbrr {shown(values.get('brainbrr'))}",
            "Update brainbrr.",
        )
    while values["schema"] < SCHEMA:
        values = MIGRATIONS[values["schema"]](values)
    return values


def _from_first(values: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 knew one montage, no calibration and no digests."""
    _require_keys("detector.yaml of schema 1", values, FIRST_KEYS)
    added: dict[str, Any] = {
        "montage": list(ELECTRODES),
        "calibration": {},
        "files": {},
        "digest": None,
    }
    return {**values, **added, "schema": 2}


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_first}


def _digest_of(values: dict[str, Any]) -> str:
    content = {key: value for key, value in values.items() if key != "digest"}
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _require_keys(what: str, values: dict[str, Any], keys: set[str]) -> None:
    if "detection" not in values and "detection" in keys:
        raise _no_thresholds("no section detection")
    if set(values) != keys:
        wrong = sorted(set(values) ^ keys)
        raise InvalidDetector(
            f"the keys {', '.join(sorted(keys))} in {what}",
            f"{len(wrong)} missing or unknown: {', '.join(map(shown, wrong[:5]))}",
            FETCH_AGAIN,
        )


def _check_model(model: dict[str, Any]) -> None:
    """Plain numbers and words of a size that some network has; no class, no path."""
    for key, value in model.items():
        values = value if isinstance(value, list) else [value]
        most = MAX_LAYERS if "layers" in key or "blocks" in key else MAX_WIDTH
        fits = all((_is_number(one) and 0 <= one <= most) or _is_word(one) for one in values)
        if not fits or len(values) > MAX_LIST:
            raise InvalidNumber(
                f"model.{shown(key)[1:-1]} from 0 to {most}, a word or a short list",
                shown(value),
                FETCH_AGAIN,
            )
    convolution = model.get("graph_convolution", "ssg")
    if convolution not in CONVOLUTIONS:
        raise InvalidNumber(
            f"a graph convolution among {', '.join(sorted(CONVOLUTIONS))}",
            shown(convolution),
            FETCH_AGAIN,
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _is_word(value: Any) -> bool:
    return value is None or (isinstance(value, str) and WORD.fullmatch(value) is not None)


def _check_montage(montage: Any) -> None:
    if montage != list(ELECTRODES):
        raise ForeignMontage(
            f"the 19 electrodes {' '.join(ELECTRODES)}",
            shown(montage),
            "Use a detector trained on the 10-20 system.",
        )


def _digests(files: Any) -> dict[str, str]:
    hexadecimal = re.compile(r"[0-9a-f]{64}")
    names = set(files) if isinstance(files, dict) else None
    if names not in (set(), set(NUMBER_FILES)) or not all(
        isinstance(value, str) and hexadecimal.fullmatch(value) for value in files.values()
    ):
        raise UnsafeDescription(
            f"SHA-256 digests of {' and '.join(NUMBER_FILES)}", shown(files), FETCH_AGAIN
        )
    return dict(files)


def _preparation(numbers: dict[str, Any]) -> Preparation:
    quality = numbers.get("quality")
    if not isinstance(quality, dict):
        raise InvalidNumber("preparation.quality as a mapping", shown(quality), FETCH_AGAIN)
    limits = _built(QualityLimits, "preparation.quality", quality)
    rest = {key: value for key, value in numbers.items() if key != "quality"}
    mains = rest.get("mains")
    _check_numbers("preparation", {k: v for k, v in rest.items() if k != "mains" or _is_number(v)})
    if not (mains is None or _is_number(mains) or mains == "auto"):
        raise InvalidNumber("mains as auto, a frequency or null", shown(mains), FETCH_AGAIN)
    return _constructed(Preparation, "preparation", {**rest, "quality": limits})


def _windowing(numbers: dict[str, Any]) -> Windowing:
    windowing = _built(Windowing, "windowing", numbers)
    if windowing.length > 2**20:
        raise InvalidNumber("windows of a million samples", f"{windowing.length}", FETCH_AGAIN)
    return windowing


def _detection(numbers: dict[str, Any]) -> Detection:
    missing = [field.name for field in fields(Detection) if field.name not in numbers]
    if missing:
        raise _no_thresholds(f"none for {', '.join(missing)}")
    return _built(Detection, "detection", numbers)


def _no_thresholds(got: str) -> MissingThresholds:
    return MissingThresholds(
        "thresholds tuned on validation recordings",
        got,
        "Tune and save the detector again; thresholds are never guessed.",
    )


def _built(kind: type[Part], what: str, numbers: dict[str, Any]) -> Part:
    _check_numbers(what, numbers)
    return _constructed(kind, what, numbers)


def _check_numbers(what: str, numbers: dict[str, Any]) -> None:
    for key, value in numbers.items():
        low, high = RANGES.get(key, (0, 1e6))
        sound = _is_number(value) and not isinstance(value, bool) and low <= value <= high
        if not sound or (key in WHOLE and type(value) is not int):
            raise InvalidNumber(
                f"{what}.{shown(key)[1:-1]} between {low:g} and {high:g}", shown(value), FETCH_AGAIN
            )


def _constructed(kind: type[Part], what: str, values: dict[str, Any]) -> Part:
    try:
        return kind(**values)
    except TypeError as error:
        raise InvalidNumber(f"the numbers of {what}", shown(str(error)), FETCH_AGAIN) from error
