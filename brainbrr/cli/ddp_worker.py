"""A further process of a run: trains alongside the first one and writes nothing.

Started by `brainbrr train` with `trainer.devices` above 1:
`python -m brainbrr.cli.ddp_worker RUN_DIR new|resumed RANK N_PROCESSES PORT`.
"""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

from omegaconf import OmegaConf

from brainbrr.cli.train import built_parts, fit, prepared_corpus
from brainbrr.errors import BrainbrrError
from brainbrr.sweeps.outcome import read_configuration
from brainbrr.training.processes import RankInfo, leave_group, with_rank


def ddp_worker(run_dir: Path, info: RankInfo, *, resuming: bool) -> None:
    """Train with the run's stored configuration, under this rank."""
    cfg = OmegaConf.create(read_configuration(run_dir))
    # Curves, tables and events are written by rank 0.
    cfg.logger = {}
    parts = built_parts(cfg)
    parts["trainer"] = with_rank(parts["trainer"], info)
    fit(cfg, parts, prepared_corpus(cfg), run_dir, resuming=resuming)
    leave_group()


def end_with_parent() -> None:
    """Send this process SIGTERM once its standard input closes, which the end of its parent does.

    A parent that is killed outright leaves no process behind.
    """
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    # Without Python's buffer, whose lock a thread still waiting would hold at exit.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: list[str]) -> None:
    """Run the worker; a refusal is one line and exit code 2."""
    run_dir, start, *rank = arguments
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    end_with_parent()
    try:
        ddp_worker(Path(run_dir), RankInfo(*map(int, rank)), resuming=start == "resumed")
    except BrainbrrError as error:
        sys.stderr.write(f"process {rank[0]}: {error}\n")
        raise SystemExit(2) from error


if __name__ == "__main__":
    main(sys.argv[1:])
