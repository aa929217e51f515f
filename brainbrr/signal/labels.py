"""Parse channel labels: the two potentials of which a channel is the difference."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from brainbrr.signal.electrodes import ELECTRODES

Kind = Literal["scalp", "ear", "laplacian", "other"]

COMMON, LINKED_EARS, AVERAGE = "REF", "LE", "AVG"

_REFERENCES = {
    **dict.fromkeys(("REF", "REF1", "R", "COMMON", "ORG", "ORIG", "GND", "G", "VREF"), "REF"),
    **dict.fromkeys(("LE", "LER", "A1A2", "A1+A2", "A12", "A2A1", "A2+A1", "LINKED", "AA"), "LE"),
    **dict.fromkeys(("M1M2", "M1+M2", "M12", "LM"), "LM"),
    **dict.fromkeys(("AVG", "AV", "AVE", "AVERAGE", "AR", "CAR", "CAVG", "MEAN"), "AVG"),
}  # fmt: skip
"""Spellings of references that are not one electrode."""

_NEW_TO_OLD = {"T7": "T3", "T8": "T4", "P7": "T5", "P8": "T6"}
_CANONICAL = {name.upper(): name for name in ELECTRODES}
_EARS = frozenset({"A1", "A2", "M1", "M2"})
_SITE = r"(?:(?:FP|AF|FC|FT|TP|CP|PO|F|C|T|P|O|I)(?:Z|10|[1-9])|[AM][12]|NZ)"
_ELECTRODE = re.compile(_SITE)
_GLUED = re.compile(rf"({_SITE})({_SITE})")
_PREFIX = re.compile(r"^(?:(?:EEG|POL|SEEG|CH)(?:[\s:_-]+|(?=FP|AF|F[0-9Z]|[CPTO][0-9Z])))+")
_MNE_COPY = re.compile(r"^(.+-.+)-\d+$")
_LAPLACIAN = frozenset({"LAP", "LAPL", "LAPLACIAN", "SD", "SL", "HJORTH"})
_CAP_LETTERS = re.compile(r"(?:A(?:[3-9]|[12]\d|3[0-2])|B(?:[1-9]|[12]\d|3[0-2]))")


@dataclass(frozen=True)
class Derivation:
    """One channel as a difference of potentials, `plus - minus`.

    Attributes:
        plus: electrode in its 10-20 or 10-10 spelling (`Fp1`, `T3`, `FT9`, `A1`).
        minus: electrode, or a reference: `REF` (one unnamed electrode), `LE` (linked ears), `LM`
            (linked mastoids), `AVG`.
    """

    plus: str
    minus: str


def canonical_electrode(name: str) -> str | None:
    """Return an electrode's name as spelled here (`T7` is `T3`, `fp1` is `Fp1`), or None."""
    upper = name.upper()
    if not _ELECTRODE.fullmatch(upper):
        return None
    upper = _NEW_TO_OLD.get(upper, upper)
    return _CANONICAL.get(upper, upper)


def _node(name: str) -> str | None:
    name = re.sub(r"[\s()]|/2$", "", name.upper())
    return _REFERENCES.get(name) or canonical_electrode(name)


def parse_label(label: str) -> Derivation | None:
    """Parse the derivation a label names; None if it is not one (EKG, EOG, photic, a number).

    Grammar: `[EEG|POL] electrode [separator (electrode | reference)] [-copy]`; separators are `-`,
    `_`, `/`, a blank or nothing. An electrode alone is against the recording's common reference.
    """
    text = re.sub(r"\s+", " ", label.replace("\0", " ").replace("\u2013", "-")).strip().upper()
    text = _PREFIX.sub("", text).strip(" .")
    copy = _MNE_COPY.match(text)
    text = copy.group(1) if copy else text
    parts = text.split("-", maxsplit=1)
    if len(parts) == 1:
        parts = re.split(r"[ _:/]", text, maxsplit=1)
    if len(parts) == 1 and (glued := _GLUED.fullmatch(text)):
        parts = list(glued.groups())
    plus = canonical_electrode(parts[0].strip())
    alone = len(parts) == 1 or parts[1].strip().isdigit()
    minus = COMMON if alone else _node(_PREFIX.sub("", parts[1]).strip())
    return None if plus is None or minus is None else Derivation(plus, minus)


def kind_of(label: str) -> Kind:
    """Classify a label: a scalp derivation, ears only, a Laplacian, or something else."""
    derivation = parse_label(label)
    if derivation is None:
        tail = re.split(r"[-_ ]", label.strip().upper())
        is_laplacian = tail[-1] in _LAPLACIAN and any(map(_ELECTRODE.fullmatch, tail[:-1]))
        return "laplacian" if is_laplacian else "other"
    return "ear" if derivation.plus in _EARS and derivation.minus not in ELECTRODES else "scalp"


def derivations(labels: Sequence[str]) -> tuple[Derivation | None, ...]:
    """Parse the derivation of each channel of one recording; None for other channels.

    If the labels are those of a lettered cap (`A1`..`A32`, `B1`..`B32`), a `C3` is not the 10-20
    site: all are None.
    """
    stripped = [_PREFIX.sub("", label.strip().upper()) for label in labels]
    if sum(_CAP_LETTERS.fullmatch(label) is not None for label in stripped) >= 3:
        return (None,) * len(labels)
    return tuple(parse_label(label) for label in labels)
