"""A detector but for its weights as plain values: what `detector.json` and every export hold.

| schema | file | adds |
|---|---|---|
| 1 | `detector.yaml` | model, preparation, windowing, detection, provenance |
| 2 | `detector.yaml` | montage, calibration, digests of the files and of the description itself |
| 3 | `detector.json` | JSON in place of YAML |
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any, TypeVar

from brainbrr import __version__
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.inference.annotator import Annotator
from brainbrr.release.untrusted import FETCH_AGAIN, InvalidDetector, sanitize
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.quality import QualityLimits

Part = TypeVar("Part")

SCHEMA = 3
WEIGHTS, SELFTEST = "model.safetensors", "selftest.safetensors"
SECTIONS = {"model", "preparation", "windowing", "detection", "calibration", "provenance"}
KEYS = SECTIONS | {"schema", "brainbrr", "montage", "files", "digest"}
KEYS_OF_SCHEMA_1 = (SECTIONS - {"calibration"}) | {"schema", "brainbrr"}

MAX_WIDTH = 4096
MAX_LAYERS = 64
MAX_LIST = 32
MAX_WINDOW_SAMPLES = 2**20
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}")
# A convolution is looked up by its name in torch_geometric, where not all names are convolutions.
CONVOLUTIONS = {"ssg", "SSGConv", "GCNConv", "GATv2Conv"}
RANGES = {
    "rate_hz": (16, 4096), "window_s": (0.5, 600), "stride_s": (0.1, 600), "filter_order": (1, 16),
    "trace_rate_hz": (0.1, 4096), "mains": (1, 2000), "notch_q": (0.1, 1000), "epoch_s": (0.1, 60),
    "guard_epochs": (0, 100), "max_interpolated": (0, 19), "min_neighbours": (0, 19),
    "min_electrodes": (1, 19), "temperature": (1e-3, 1e3), "bias": (-100, 100),
}  # fmt: skip
"""Bounds of a detector's numbers; those not listed lie between 0 and a million."""
INTEGERS = {"filter_order", "guard_epochs", "max_interpolated", "min_neighbours", "min_electrodes"}


@dataclass(frozen=True)
class Description:
    """A detector but for its weights.

    Attributes:
        model: family and numbers, within bounds; whether they make a network is for the registry.
        digests: SHA-256 of `WEIGHTS` and `SELFTEST`; empty in the first schema and in exports.
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


def describe(detector: Annotator, digests: dict[str, str]) -> dict[str, Any]:
    """Return a detector but for its weights as plain values, in the present schema.

    Args:
        digests: SHA-256 by name of the files that accompany it; empty if there are none.
    """
    values = {
        "schema": SCHEMA,
        "brainbrr": __version__,
        "model": detector.model,
        "montage": list(ELECTRODES),
        "preparation": asdict(detector.preparation),
        "windowing": asdict(detector.windowing),
        "detection": asdict(detector.detection),
        "calibration": asdict(detector.calibration),
        "provenance": _without_nan(detector.provenance),
        "files": digests,
    }
    return with_digest(values)


def _without_nan(value: Any) -> Any:
    """Return plain values with numbers that are not finite, which JSON does not have, as None."""
    if isinstance(value, dict):
        return {key: _without_nan(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def with_digest(values: dict[str, Any]) -> dict[str, Any]:
    """Return the description with the digest of its own content."""
    return {**values, "digest": _digest_of(values)}


def read_description(values: Any) -> Description:
    """Check plain values of any schema so far and build the description they hold.

    Raises:
        InvalidDetector: not a description, changed, out of bounds, or of a newer schema.
    """
    if not isinstance(values, dict):
        raise InvalidDetector("a mapping", type(values).__name__, FETCH_AGAIN)
    identity = _digest_of(values)
    values = migrate(values)
    _require_keys("the description", values, KEYS)
    if values["digest"] not in {None, identity}:
        raise InvalidDetector(
            f"a description with digest {sanitize(values['digest'])[:18]}",
            f"{identity[:16]}: a changed value",
            "Fetch it again; to change thresholds use Detector.with_detection and save_release.",
        )
    for section in sorted(SECTIONS):
        if not isinstance(values[section], dict):
            raise InvalidDetector(f"{section} as a mapping", sanitize(values[section]), FETCH_AGAIN)
    _check_model(values["model"])
    if values["montage"] != list(ELECTRODES):
        raise InvalidDetector(
            f"the 19 electrodes {' '.join(ELECTRODES)}",
            sanitize(values["montage"]),
            "Use a detector trained on the 10-20 system.",
        )
    preparation, windowing = _preparation(values["preparation"]), _windowing(values["windowing"])
    if preparation.rate_hz != windowing.rate_hz:
        raise InvalidDetector(
            f"windows at the {preparation.rate_hz:g} Hz that recordings are prepared to",
            f"{windowing.rate_hz:g} Hz",
            FETCH_AGAIN,
        )
    return Description(
        values["model"],
        preparation,
        windowing,
        _detection(values["detection"]),
        _build(Calibration, "calibration", values["calibration"]),
        values["provenance"],
        _digests(values["files"]),
        identity,
    )


def migrate(values: dict[str, Any]) -> dict[str, Any]:
    """Return a description of any schema so far as one of the present schema.

    Raises:
        InvalidDetector: a newer schema, or no schema.
    """
    schema = values.get("schema")
    if type(schema) is not int or schema < 1:
        raise InvalidDetector(f"a schema from 1 to {SCHEMA}", sanitize(schema), FETCH_AGAIN)
    if schema > SCHEMA:
        raise InvalidDetector(
            f"schema {SCHEMA} or older",
            f"schema {sanitize(schema)}, written by brainbrr {sanitize(values.get('brainbrr'))}",
            "Update brainbrr.",
        )
    for step in MIGRATIONS[schema - 1 :]:
        values = step(values)
    return values


def _from_schema_1(values: dict[str, Any]) -> dict[str, Any]:
    _require_keys("a description of schema 1", values, KEYS_OF_SCHEMA_1)
    added: dict[str, Any] = {"montage": list(ELECTRODES)}
    added |= {"calibration": {}, "files": {}, "digest": None}
    return {**values, **added, "schema": 2}


def _from_schema_2(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "schema": 3}


MIGRATIONS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (
    _from_schema_1,
    _from_schema_2,
)


def _digest_of(values: dict[str, Any]) -> str:
    content = {key: value for key, value in values.items() if key != "digest"}
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _require_keys(what: str, values: dict[str, Any], keys: set[str]) -> None:
    if "detection" not in values:
        raise _missing_thresholds("no section detection")
    if set(values) != keys:
        wrong = sorted(set(values) ^ keys)
        raise InvalidDetector(
            f"the keys {', '.join(sorted(keys))} in {what}",
            f"{len(wrong)} missing or unknown: {', '.join(map(sanitize, wrong[:5]))}",
            FETCH_AGAIN,
        )


def _check_model(model: dict[str, Any]) -> None:
    """Refuse anything but plain numbers and words of a size that some network has."""
    for key, value in model.items():
        values = value if isinstance(value, list) else [value]
        most = MAX_LAYERS if "layers" in key or "blocks" in key else MAX_WIDTH
        fits = all((_is_number(part) and 0 <= part <= most) or _is_word(part) for part in values)
        if not fits or len(values) > MAX_LIST:
            raise InvalidDetector(
                f"model.{sanitize(key)[1:-1]} from 0 to {most}, a word or a short list",
                sanitize(value),
                FETCH_AGAIN,
            )
    convolution = model.get("graph_convolution", "ssg")
    if convolution not in CONVOLUTIONS:
        raise InvalidDetector(
            f"a graph convolution among {', '.join(sorted(CONVOLUTIONS))}",
            sanitize(convolution),
            FETCH_AGAIN,
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _is_word(value: Any) -> bool:
    return value is None or (isinstance(value, str) and WORD.fullmatch(value) is not None)


def _digests(files: Any) -> dict[str, str]:
    names = set(files) if isinstance(files, dict) else None
    if names not in (set(), {WEIGHTS, SELFTEST}) or not all(
        isinstance(value, str) and SHA256.fullmatch(value) for value in files.values()
    ):
        raise InvalidDetector(
            f"SHA-256 digests of {WEIGHTS} and {SELFTEST}", sanitize(files), FETCH_AGAIN
        )
    return dict(files)


def _preparation(numbers: dict[str, Any]) -> Preparation:
    quality = numbers.get("quality")
    if not isinstance(quality, dict):
        raise InvalidDetector("preparation.quality as a mapping", sanitize(quality), FETCH_AGAIN)
    limits = _build(QualityLimits, "preparation.quality", quality)
    rest = {key: value for key, value in numbers.items() if key != "quality"}
    mains = rest.get("mains")
    if not (mains is None or mains == "auto" or _is_number(mains)):
        raise InvalidDetector("mains as auto, a frequency or null", sanitize(mains), FETCH_AGAIN)
    _check_numbers("preparation", {k: v for k, v in rest.items() if k != "mains" or _is_number(v)})
    return _construct(Preparation, "preparation", {**rest, "quality": limits})


def _windowing(numbers: dict[str, Any]) -> Windowing:
    # Without a scale of their own, recordings are scaled by their robust spread: null, or absent.
    given = {key: value for key, value in numbers.items() if (key, value) != ("scale_uv", None)}
    windowing = _build(Windowing, "windowing", given)
    if windowing.length > MAX_WINDOW_SAMPLES:
        raise InvalidDetector(
            f"windows of at most {MAX_WINDOW_SAMPLES} samples", f"{windowing.length}", FETCH_AGAIN
        )
    return windowing


def _detection(numbers: dict[str, Any]) -> Detection:
    missing = [field.name for field in fields(Detection) if field.name not in numbers]
    if missing:
        raise _missing_thresholds(f"none for {', '.join(missing)}")
    return _build(Detection, "detection", numbers)


def _missing_thresholds(got: str) -> InvalidDetector:
    return InvalidDetector(
        "thresholds tuned on validation recordings",
        got,
        "Tune and save the detector again; thresholds are never guessed.",
    )


def _build(kind: type[Part], what: str, numbers: dict[str, Any]) -> Part:
    _check_numbers(what, numbers)
    return _construct(kind, what, numbers)


def _check_numbers(what: str, numbers: dict[str, Any]) -> None:
    for key, value in numbers.items():
        low, high = RANGES.get(key, (0, 1e6))
        sound = _is_number(value) and not isinstance(value, bool) and low <= value <= high
        if not sound or (key in INTEGERS and type(value) is not int):
            raise InvalidDetector(
                f"{what}.{sanitize(key)[1:-1]} between {low:g} and {high:g}",
                sanitize(value),
                FETCH_AGAIN,
            )


def _construct(kind: type[Part], what: str, values: dict[str, Any]) -> Part:
    try:
        return kind(**values)
    except TypeError as error:
        raise InvalidDetector(
            f"the numbers of {what}", sanitize(str(error)), FETCH_AGAIN
        ) from error
