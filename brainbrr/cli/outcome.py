"""How a run ended, in its own folder: what a sweep's table and the next launch of the sweep
read."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from brainbrr.atomic_io import open_durable
from brainbrr.cli.renamed import REMOVED
from brainbrr.errors import BrainbrrError
from brainbrr.training.callbacks.pruning import RunPruned

OUTCOME = "outcome.json"
CONFIGURATION = "config.yaml"
CHECKPOINT = Path("checkpoints", "last.ckpt")
FINISHED, FAILED, PRUNED, UNFINISHED = "finished", "failed", "pruned", "unfinished"
OWN_KEYS = {"resume", "run_dir", "hardware.meant_for", *REMOVED}
"""Options that do not change what a run computes."""


class OtherRunHere(BrainbrrError):
    """A run folder that holds a run with another configuration."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        state: finished, failed, pruned or unfinished.
        seconds: it took, former attempts that ended in order included.
        objective: the best value of its monitored validation metric.
        error: name and words of what ended it.
    """

    state: str = UNFINISHED
    seconds: float = 0.0
    objective: float | None = None
    error: str | None = None


def read_outcome(run_dir: Path) -> Outcome:
    """How the run in a folder ended; unfinished where nothing says so."""
    try:
        told = json.loads((run_dir / OUTCOME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Outcome()
    return Outcome(**{key: told[key] for key in asdict(Outcome()) if key in told})


@contextmanager
def noted_outcome(run_dir: Path) -> Iterator[dict[str, Any]]:
    """Write how a run ended when it ends, whatever the way; killed outright it says nothing.

    Yields:
        where the run puts its `objective`.
    """
    earlier_s, began_s = read_outcome(run_dir).seconds, time.monotonic()
    found: dict[str, Any] = {}
    outcome = Outcome(FINISHED)
    try:
        yield found
    except BaseException as error:
        outcome = _ended_by(error)
        raise
    finally:
        value = found.get("objective")
        value = float(value) if value is not None and math.isfinite(value) else None
        seconds = round(earlier_s + time.monotonic() - began_s, 1)
        with open_durable(run_dir / OUTCOME) as file:
            json.dump(asdict(replace(outcome, seconds=seconds, objective=value)), file, indent=2)


def _ended_by(error: BaseException) -> Outcome:
    if isinstance(error, RunPruned):
        return Outcome(PRUNED, error=str(error))
    if isinstance(error, Exception):
        words = (
            str(error) if isinstance(error, BrainbrrError) else f"{type(error).__name__}: {error}"
        )
        return Outcome(FAILED, error=words.splitlines()[0] if words else type(error).__name__)
    # Asked to go: SystemExit of a saved run, Ctrl-C.
    return Outcome(UNFINISHED, error=type(error).__name__)


def can_go_on(cfg: DictConfig, run_dir: Path) -> bool:
    """Whether a run that was begun in this folder can be continued from a checkpoint.

    Raises:
        OtherRunHere: the folder holds a run with another configuration.
    """
    if not (run_dir / CONFIGURATION).is_file():
        return False
    stored = OmegaConf.load(run_dir / CONFIGURATION)
    mine = cfg.copy()
    # Paths inside the run's folder are the folder's, not the configuration's.
    mine.run_dir = str(run_dir)
    different = [
        name for name in _different(_values(stored), _values(mine)) if name not in OWN_KEYS
    ]
    if different:
        raise OtherRunHere(
            "an empty run folder, or one of the same configuration",
            f"{run_dir} with another {', '.join(different[:4])}",
            "Name another folder, or repeat the former command to go on with it.",
        )
    return (run_dir / CHECKPOINT).is_file()


def _values(cfg: Any) -> dict[str, Any]:
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _different(stored: Any, mine: Any, prefix: str = "") -> list[str]:
    if isinstance(stored, dict) and isinstance(mine, dict):
        return [
            name
            for key in sorted({*stored, *mine})
            for name in _different(stored.get(key), mine.get(key), f"{prefix}{key}.")
        ]
    return [] if stored == mine else [prefix.removesuffix(".")]
