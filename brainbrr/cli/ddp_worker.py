"""A further process of a distributed run: train, and write nothing.

Started by `brainbrr train` with `trainer.devices` above 1:
`python -m brainbrr.cli.ddp_worker RUN_DIR new|resumed RANK N_PROCESSES PORT`.
"""

import logging
import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.outcome import CONFIGURATION
from brainbrr.cli.parent_watchdog import end_with_parent
from brainbrr.cli.train import built_parts, fit, prepared_corpus
from brainbrr.errors import BrainbrrError
from brainbrr.training.processes import Place, at_place, leave_group


def train_worker(run_dir: Path, place: Place, *, resuming: bool) -> None:
    """Train with the run's stored configuration, as one of its processes."""
    cfg = OmegaConf.load(run_dir / CONFIGURATION)
    assert isinstance(cfg, DictConfig)
    # The first process logs.
    cfg.logger = {}
    parts = built_parts(cfg)
    parts["trainer"] = at_place(parts["trainer"], place)
    fit(cfg, parts, prepared_corpus(cfg), run_dir, resuming=resuming)
    leave_group()


def main(arguments: list[str]) -> None:
    """Train; exit with 2 and one line on a user's error."""
    run_dir, start, *place = arguments
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    end_with_parent()
    try:
        train_worker(Path(run_dir), Place(*map(int, place)), resuming=start == "resumed")
    except BrainbrrError as error:
        sys.stderr.write(f"process {place[0]}: {error}\n")
        raise SystemExit(2) from error


if __name__ == "__main__":
    main(sys.argv[1:])
