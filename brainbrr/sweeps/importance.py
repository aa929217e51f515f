"""How much of the variance of a sweep's scores each option explains, and how much chance would."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from brainbrr.sweeps.runs_table import SweepRun, Value, varied_options

N_PERMUTATIONS = 2000
CHANCE_PERCENTILE = 95.0
FEWEST_RUNS = 3


@dataclass(frozen=True)
class Importance:
    """One option's part in the scores of a sweep.

    Attributes:
        name: of the option.
        share: fraction of the variance of the scores' ranks that its values alone explain.
        by_chance: the fraction reached in 1 of 20 sweeps whose scores do not depend on the option.
        n_runs: with a score and a value.
    """

    name: str
    share: float
    by_chance: float
    n_runs: int


def importances(runs: Sequence[SweepRun], seed: int = 0) -> list[Importance]:
    """Compute each varied option's importance for the validation scores, the largest first.

    Numbers: the square of Spearman's rank correlation. Categories: the variance between their mean
    ranks over the total variance (eta squared). Options with fewer than three scored runs, or one
    value among these, are left out.

    Args:
        seed: of the random permutations behind `by_chance`.
    """
    generator = np.random.default_rng(seed)
    measured = []
    for name, values in varied_options(runs).items():
        pairs = [
            (value, run.validation)
            for value, run in zip(values, runs, strict=True)
            if value is not None and run.validation is not None
        ]
        if len(pairs) < FEWEST_RUNS or len({value for value, _ in pairs}) < 2:
            continue
        design = _design([value for value, _ in pairs])
        ranks = rankdata([score for _, score in pairs])
        permuted_ranks = generator.permuted(np.tile(ranks, (N_PERMUTATIONS, 1)), axis=1)
        share, *chance = _shares(design, np.vstack([ranks, permuted_ranks]))
        by_chance = float(np.percentile(chance, CHANCE_PERCENTILE))
        measured.append(Importance(name, float(share), by_chance, len(pairs)))
    return sorted(measured, key=lambda each: -each.share)


def _design(values: Sequence[Value]) -> NDArray[np.float64]:
    """Return orthonormal columns `(runs, columns)` that span what the option can explain."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        columns = rankdata(np.array(values, dtype=float))[:, None]
    else:
        names = [str(value) for value in values]
        columns = np.array([[name == each for each in sorted(set(names))[1:]] for name in names])
    # Centered columns: what is left after the mean. Their projection is the regression on them.
    basis, _ = np.linalg.qr(columns - columns.mean(axis=0))
    return np.asarray(basis, dtype=np.float64)


def _shares(design: NDArray[np.float64], ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the explained fraction of each row of ranks; 0 if all ranks are the same."""
    centered = ranks - ranks.mean(axis=1, keepdims=True)
    total = (centered**2).sum(axis=1)
    explained = ((centered @ design) ** 2).sum(axis=1)
    return np.divide(explained, total, out=np.zeros_like(total), where=total > 0)
