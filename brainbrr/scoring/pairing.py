"""Pair each reference with its hypothesis, or raise an error that names the recording."""

from collections.abc import Mapping
from dataclasses import dataclass

from brainbrr.errors import InvalidInput, InvalidOption, NotFound
from brainbrr.events.annotation import Annotation

NAMED = 5


@dataclass(frozen=True)
class Pairs:
    """References and hypotheses in the same order.

    Attributes:
        names: recordings, sorted.
        missing: those without hypothesis, scored as one without events.
        unreferenced: hypotheses without a reference; not scored.
    """

    names: tuple[str, ...]
    references: tuple[Annotation, ...]
    hypotheses: tuple[Annotation, ...]
    missing: tuple[str, ...] = ()
    unreferenced: tuple[str, ...] = ()


def pair(
    references: Mapping[str, Annotation],
    hypotheses: Mapping[str, Annotation],
    missing: str = "raise",
    duration_tolerance_s: float = 0.5,
) -> Pairs:
    """Match hypotheses to references by name.

    Args:
        missing: `raise`, or `empty` to score a missing hypothesis as one without events.
        duration_tolerance_s: largest difference of the two durations.

    Raises:
        NotFound: a reference without hypothesis, under `missing="raise"`.
        InvalidInput: no reference, or durations that differ by more than the tolerance.
        InvalidOption: an unknown policy `missing`.
    """
    if missing not in ("raise", "empty"):
        raise InvalidOption(
            "missing=raise or missing=empty", f"missing={missing}", "Choose one of the two."
        )
    if not references:
        raise InvalidInput("at least one reference", "none", "Check the reference folder.")
    names = sorted(references)
    absent = [name for name in names if name not in hypotheses]
    if absent and missing == "raise":
        raise NotFound(
            f"a hypothesis for each of {len(names)} references",
            f"none for {len(absent)}: {listed(absent)}",
            "Predict them, or score them as empty with missing=empty.",
        )
    claimed = [hypotheses.get(name, Annotation((), references[name].duration_s)) for name in names]
    for name, hypothesis in zip(names, claimed, strict=True):
        _check_duration(name, references[name], hypothesis, duration_tolerance_s)
    return Pairs(
        tuple(names),
        tuple(references[name] for name in names),
        tuple(claimed),
        tuple(absent),
        tuple(sorted(set(hypotheses) - set(references))),
    )


def listed(names: list[str]) -> str:
    """Return the first few names of a list, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _check_duration(
    name: str, reference: Annotation, hypothesis: Annotation, tolerance_s: float
) -> None:
    if abs(reference.duration_s - hypothesis.duration_s) > tolerance_s:
        raise InvalidInput(
            f"{reference.duration_s} s for {name}, the reference's duration",
            f"{hypothesis.duration_s} s",
            "Predict the complete recording that was annotated.",
        )
