"""How much of a sweep's scores each option explains, and how much chance would."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from brainbrr.sweeps.runs_table import SweepRun, Value, varied_options

N_DEALS = 2000
CHANCE_PERCENTILE = 95.0
FEWEST_RUNS = 3


@dataclass(frozen=True)
class Importance:
    """One option's part in the scores of a sweep.

    Attributes:
        name: of the option.
        share: of the variance of the scores' ranks that its values explain, 0 to 1, by itself.
        by_chance: what that share reaches in 1 of 20 sweeps whose scores have nothing to do with
            the option.
        n_runs: with a score and a value.
    """

    name: str
    share: float
    by_chance: float
    n_runs: int


def importances(runs: Sequence[SweepRun], seed: int = 0) -> list[Importance]:
    """Each varied option's share in the validation scores, the largest first.

    Numbers: the square of Spearman's rank correlation. Categories: the variance between their mean
    ranks over the whole (eta squared). Options met by fewer than three scored runs, or with one
    value among them, are left out.

    Args:
        seed: of the random deals behind `by_chance`.
    """
    generator = np.random.default_rng(seed)
    found = []
    for name, values in varied_options(runs).items():
        met = [
            (value, run.validation)
            for value, run in zip(values, runs, strict=True)
            if value is not None and run.validation is not None
        ]
        if len(met) < FEWEST_RUNS or len({value for value, _ in met}) < 2:
            continue
        design = _design([value for value, _ in met])
        ranks = rankdata([score for _, score in met])
        dealt = generator.permuted(np.tile(ranks, (N_DEALS, 1)), axis=1)
        share, *chance = _shares(design, np.vstack([ranks, dealt]))
        by_chance = float(np.percentile(chance, CHANCE_PERCENTILE))
        found.append(Importance(name, float(share), by_chance, len(met)))
    return sorted(found, key=lambda each: -each.share)


def _design(values: Sequence[Value]) -> NDArray[np.float64]:
    """Orthonormal columns `(runs, columns)` that span what the option can explain."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        columns = rankdata(np.array(values, dtype=float))[:, None]
    else:
        names = [str(value) for value in values]
        columns = np.array([[name == each for each in sorted(set(names))[1:]] for name in names])
    basis, _ = np.linalg.qr(columns - columns.mean(axis=0))
    return np.asarray(basis, dtype=np.float64)


def _shares(design: NDArray[np.float64], ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Explained share of each row of ranks; 0 where all ranks are the same."""
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    whole = (centred**2).sum(axis=1)
    explained = ((centred @ design) ** 2).sum(axis=1)
    return np.divide(explained, whole, out=np.zeros_like(whole), where=whole > 0)
