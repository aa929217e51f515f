"""What is chosen on recordings must not be judged on them."""

from brainbrr.errors import BrainbrrError

# TUSZ calls its validation split dev.
VALIDATION = ("val", "dev")


class TuningOnEvaluation(BrainbrrError):
    """Something was about to be chosen on recordings that also judge it."""


def require_validation(split: str) -> None:
    """Refuse any split but the validation split.

    Raises:
        TuningOnEvaluation: `split` is another.
    """
    if split not in VALIDATION:
        raise TuningOnEvaluation(
            "the validation split", f"split={split!r}", "Tune on val; score the test split once."
        )
