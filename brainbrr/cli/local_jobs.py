"""The runs of a sweep as processes on this machine, several at a time."""

import logging
import os
import queue
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, filter_overrides, setup_globals
from omegaconf import DictConfig, open_dict

from brainbrr.cli.outcome import FINISHED, PRUNED, read_outcome
from brainbrr.errors import BrainbrrError
from brainbrr.training.callbacks.pruning import RunPruned

log = logging.getLogger(__name__)

OUTPUT = "output.log"
STOP_S = 60.0
"""How long runs may take to save themselves after Ctrl-C."""


class JobFailed(BrainbrrError):
    """A run of a sweep that did not come to its end."""


@dataclass
class Processes:
    """The processes under way, so that Ctrl-C reaches all of them."""

    under_way: set[subprocess.Popen[bytes]] = field(default_factory=set)
    stopping: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, command: Sequence[str], output: Path, environment: Mapping[str, str]) -> int:
        """Run a command to its end, what it says going to a file; its exit code."""
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as file, self.lock:
            if self.stopping:
                return 130
            # Its standard input closes when this process ends, and it with it. A session of its
            # own keeps the terminal's Ctrl-C from reaching it twice.
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT,
                env=dict(environment), start_new_session=True,
            )  # fmt: skip
            self.under_way.add(child)
        code = child.wait()
        assert child.stdin is not None
        child.stdin.close()
        self.under_way.discard(child)
        return code

    def stop(self) -> None:
        """Start nothing more, and ask what runs to save itself and go."""
        with self.lock:
            self.stopping = True
            left = list(self.under_way)
        for child in left:
            child.send_signal(signal.SIGTERM)
        for child in left:
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()


def run_jobs(
    batch: Sequence[list[str]],
    *,
    first: int,
    config: DictConfig,
    config_loader: Any,
    n_jobs: int,
    devices: Sequence[str] | None,
    program: Sequence[str],
) -> list[JobReturn]:
    """Run each job as its own process; a failing one leaves the others alone.

    Args:
        batch: one list of overrides a job.
        first: number of the first job in the sweep.
        n_jobs: at a time.
        devices: GPUs shared out among the jobs under way, one value of CUDA_VISIBLE_DEVICES each;
            None leaves that to each job.
        program: what `train ...` is appended to.
    """
    setup_globals()
    configs = [
        _composed(config, config_loader, overrides, number)
        for number, overrides in enumerate(batch, first)
    ]
    processes = Processes()
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for device in devices or ():
        free.put(device)

    def run(number: int, overrides: list[str], cfg: DictConfig) -> JobReturn:
        folder = Path(cfg.hydra.sweep.dir).resolve() / str(cfg.hydra.sweep.subdir)
        told = " ".join(filter_overrides(overrides))
        device = free.get() if devices else None
        environment = os.environ | ({"CUDA_VISIBLE_DEVICES": device} if device else {})
        command = [*program, "train", *overrides, f"run_dir={folder}", "resume=here"]
        log.info("run %d: %s", number, told)
        log.debug("%s", shlex.join(command))
        try:
            code = processes.run(command, folder / OUTPUT, environment)
        finally:
            if device:
                free.put(device)
        return _returned(overrides, cfg, folder, code)

    limit = min(n_jobs, len(devices)) if devices else n_jobs
    with ThreadPoolExecutor(limit) as pool:
        futures = [
            pool.submit(run, number, overrides, cfg)
            for number, (overrides, cfg) in enumerate(zip(batch, configs, strict=True), first)
        ]
        try:
            return [future.result() for future in futures]
        except BaseException:
            processes.stop()
            raise


def _composed(config: DictConfig, loader: Any, overrides: list[str], number: int) -> DictConfig:
    cfg: DictConfig = loader.load_sweep_config(config, overrides)
    with open_dict(cfg):
        cfg.hydra.job.id = cfg.hydra.job.num = number
    return cfg


def _returned(overrides: list[str], cfg: DictConfig, folder: Path, code: int) -> JobReturn:
    """What a sweeper gets: the objective, or the error that it raises when it looks."""
    outcome = read_outcome(folder)
    back = JobReturn()
    back.overrides, back.cfg = overrides, cfg
    back.status = JobStatus.COMPLETED
    if code == 0 and outcome.state == FINISHED:
        back.return_value = outcome.objective
        return back
    back.status = JobStatus.FAILED
    if outcome.state == PRUNED:
        back.return_value = RunPruned("a run to go on", outcome.error or "pruned", "")
        return back
    back.return_value = JobFailed(
        "a run that comes to its end",
        outcome.error or f"exit code {code}",
        f"{folder / OUTPUT} says why.",
    )
    log.error("%s", back._return_value)
    return back
