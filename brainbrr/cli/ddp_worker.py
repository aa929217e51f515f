"""What the further processes of a run do: train beside the first one, and write nothing.

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


def companion(run_dir: Path, place: Place, *, resuming: bool) -> None:
    """Train with the run's stored configuration, at this place among its processes."""
    cfg = OmegaConf.load(run_dir / CONFIGURATION)
    assert isinstance(cfg, DictConfig)
    # Curves, tables and events are the first process's.
    cfg.logger = {}
    parts = built_parts(cfg)
    parts["trainer"] = at_place(parts["trainer"], place)
    fit(cfg, parts, prepared_corpus(cfg), run_dir, resuming=resuming)
    leave_group()


def main(arguments: list[str]) -> None:
    """Exit with 2 on a refusal, in one line."""
    run_dir, start, *place = arguments
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    end_with_parent()
    try:
        companion(Path(run_dir), Place(*map(int, place)), resuming=start == "resumed")
    except BrainbrrError as error:
        sys.stderr.write(f"process {place[0]}: {error}\n")
        raise SystemExit(2) from error


if __name__ == "__main__":
    main(sys.argv[1:])
