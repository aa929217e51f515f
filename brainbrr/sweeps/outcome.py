"""How a run ended: `outcome.json` in its folder, for the sweep's table and for the next launch."""

import json
import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import BrainbrrError, InUse, InvalidFile
from brainbrr.release.released_files import read_yaml
from brainbrr.release.untrusted import sanitize

OUTCOME = "outcome.json"
CONFIGURATION = "config.yaml"
OVERRIDES = Path(".hydra", "overrides.yaml")
MAX_STORED_BYTES = 2**20
CHECKPOINT = Path("checkpoints", "last.ckpt")
START_KEYS = ("resume", "run_dir")
"""Options that name where and how a run is started, not what it computes."""


class State(StrEnum):
    """How a run ended; the last five happen only to jobs that are sent elsewhere."""

    FINISHED = "finished"
    FAILED = "failed"
    PRUNED = "pruned"
    UNFINISHED = "unfinished"
    OUT_OF_BUDGET = "out_of_budget"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        state: unfinished if the run was interrupted, or is still running.
        seconds: of all attempts, except those that were killed.
        objective: the best value of its monitored validation metric.
        error: name and message of what ended it.
        overrides: of a job that was sent elsewhere, as typed.
        exit_code: of such a job's command.
        usd: that it cost.
        call_id: of the call that ran it.
        run_dir: its folder there.
        left_out: files of that folder too large to download.
    """

    state: State = State.UNFINISHED
    seconds: float = 0.0
    objective: float | None = None
    error: str | None = None
    overrides: tuple[str, ...] = ()
    exit_code: int | None = None
    usd: float | None = None
    call_id: str | None = None
    run_dir: str | None = None
    left_out: tuple[str, ...] = ()


def read_outcome(run_dir: Path) -> Outcome:
    """Read how the run in a folder ended; unfinished if nothing is recorded.

    Raises:
        InvalidFile: the file is damaged.
    """
    path = run_dir / OUTCOME
    try:
        return _outcome(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Outcome()
    except ValueError as error:
        raise InvalidFile(
            "the outcome of a run, as brainbrr writes it",
            f"{path}: {error}",
            "Delete the file: the run then counts as unfinished.",
        ) from error


def _outcome(content: Any) -> Outcome:
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")

    def value(name: str, *kinds: type) -> Any:
        found = content.get(name)
        if found is not None and type(found) not in kinds:
            raise ValueError(f"{name} is {found!r}")
        return found

    def texts(name: str) -> tuple[str, ...]:
        found = value(name, list) or []
        if not all(isinstance(text, str) for text in found):
            raise ValueError(f"{name} is {found!r}")
        return tuple(found)

    return Outcome(
        State(value("state", str) or State.UNFINISHED),
        value("seconds", int, float) or 0.0,
        value("objective", int, float),
        value("error", str),
        texts("overrides"),
        value("exit_code", int),
        value("usd", int, float),
        value("call_id", str),
        value("run_dir", str),
        texts("left_out"),
    )


def write_outcome(run_dir: Path, outcome: Outcome) -> None:
    """Write `outcome.json` atomically."""
    with atomic_write(run_dir / OUTCOME) as file:
        json.dump(asdict(outcome), file, indent=2)


@contextmanager
def recorded_outcome(run_dir: Path) -> Iterator[dict[str, Any]]:
    """Write how a run ended, on any exit except SIGKILL.

    Yields:
        where the run puts its `objective`.
    """
    earlier_s, began_s = read_outcome(run_dir).seconds, time.monotonic()
    result: dict[str, Any] = {}
    outcome = Outcome(State.FINISHED)
    try:
        yield result
    except BaseException as error:
        outcome = _ended_by(error)
        raise
    finally:
        value = result.get("objective")
        value = float(value) if value is not None and math.isfinite(value) else None
        seconds = round(earlier_s + time.monotonic() - began_s, 1)
        write_outcome(run_dir, replace(outcome, seconds=seconds, objective=value))


def _ended_by(error: BaseException) -> Outcome:
    # Brings Lightning, which a sweep's table does without.
    from brainbrr.training.callbacks.pruning import RunPruned

    if isinstance(error, RunPruned):
        return Outcome(State.PRUNED, error=str(error))
    if isinstance(error, Exception):
        words = (
            str(error) if isinstance(error, BrainbrrError) else f"{type(error).__name__}: {error}"
        )
        return Outcome(State.FAILED, error=words.splitlines()[0] if words else type(error).__name__)
    # SystemExit of a run that saved itself, or Ctrl-C.
    return Outcome(State.UNFINISHED, error=type(error).__name__)


def can_resume(
    cfg: DictConfig,
    run_dir: Path,
    *,
    current: Callable[[Any], Any] = lambda values: values,
    ignored: Collection[str] = (),
) -> bool:
    """Return whether the run in this folder can be resumed from a checkpoint.

    Args:
        current: brings a stored configuration to the present names.
        ignored: options that do not change what a run computes.

    Raises:
        InUse: the folder holds a run with another configuration.
    """
    if not (run_dir / CONFIGURATION).is_file():
        return False
    stored = OmegaConf.create(read_configuration(run_dir))
    wanted = cfg.copy()
    # Paths inside the run's folder follow the folder; they are no part of the configuration.
    wanted.run_dir = str(run_dir)
    different = [
        name
        for name in _different(current(_values(stored)), _values(wanted))
        if name not in ignored
    ]
    if different:
        raise InUse(
            "an empty run folder, or one of the same configuration",
            f"{run_dir} with another {', '.join(different[:4])}",
            "Name another folder, or repeat the earlier command to resume it.",
        )
    return (run_dir / CHECKPOINT).is_file()


def read_configuration(run_dir: Path) -> dict[str, Any]:
    """Read the configuration that a run stored: plain values, in which nothing is resolved.

    Raises:
        InvalidFile: anything but what `train` writes.
    """
    values: dict[str, Any] = _read_plain(run_dir / CONFIGURATION, dict, "options by name")
    return values


def read_overrides(run_dir: Path) -> list[str]:
    """Read what was typed when a run was started, as plain text.

    Raises:
        InvalidFile: anything but what Hydra writes.
    """
    return [str(text) for text in _read_plain(run_dir / OVERRIDES, list, "a list of overrides")]


def _read_plain(path: Path, kind: type, expected: str) -> Any:
    remedy = f"Restore {path}, or train in another folder."
    size = path.stat().st_size
    if size > MAX_STORED_BYTES:
        raise InvalidFile(f"at most {MAX_STORED_BYTES} bytes", f"{size}", remedy)
    try:
        text = path.read_text(encoding="utf-8")
        if kind is dict and "${" in text:
            raise ValueError("an interpolation, ${...}")
        values = read_yaml(text)
        if not isinstance(values, kind):
            raise ValueError(f"a {type(values).__name__}")
    except (ValueError, RecursionError, YAMLError) as error:
        raise InvalidFile(
            f"{expected} as plain YAML", sanitize(" ".join(str(error).split()), 160)[1:-1], remedy
        ) from error
    return values


def _values(cfg: Any) -> dict[str, Any]:
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key not in START_KEYS}


def _different(stored: Any, wanted: Any, prefix: str = "") -> list[str]:
    if isinstance(stored, dict) and isinstance(wanted, dict):
        return [
            name
            for key in sorted({*stored, *wanted})
            for name in _different(stored.get(key), wanted.get(key), f"{prefix}{key}.")
        ]
    return [] if stored == wanted else [prefix.removesuffix(".")]
