"""Several processes on one machine that train one network: one per device, one group per run."""

import logging
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only

from brainbrr.errors import Failed
from brainbrr.training.trainer_options import TrainerOptions

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long the other processes may take to end after the first one has."""


@dataclass(frozen=True)
class RankInfo:
    """Which of a run's processes this one is.

    Attributes:
        rank: 0 writes, reports and releases; the others only compute.
        n_processes: of the run.
        port: on this machine, where they meet.
    """

    rank: int
    n_processes: int
    port: int


class SpawnedEnvironment(ClusterEnvironment):
    """Gives Lightning the rank of a process started here from values instead of environment
    variables: those would outlive the run and reach the next one of a sweep."""

    def __init__(self, info: RankInfo) -> None:
        super().__init__()
        self.info = info
        rank_zero_only.rank = info.rank  # type: ignore[attr-defined]

    @property
    def creates_processes_externally(self) -> bool:
        """Lightning starts none of its own."""
        return True

    @property
    def main_address(self) -> str:
        """This machine only."""
        return "127.0.0.1"

    @property
    def main_port(self) -> int:
        """Where the processes meet."""
        return self.info.port

    @staticmethod
    def detect() -> bool:
        """Never detected; always given."""
        return False

    def world_size(self) -> int:
        """Return the number of processes of the run."""
        return self.info.n_processes

    def set_world_size(self, size: int) -> None:
        """Do nothing: fixed from the start."""

    def global_rank(self) -> int:
        """Return this process's rank."""
        return self.info.rank

    def set_global_rank(self, rank: int) -> None:
        """Do nothing: fixed from the start."""

    def local_rank(self) -> int:
        """Return the same rank: there is one machine."""
        return self.info.rank

    def node_rank(self) -> int:
        """Return 0: there is one machine."""
        return 0


def n_processes(options: TrainerOptions) -> int:
    """Return how many processes `devices` asks for."""
    try:
        wanted = int(options.devices)
    except ValueError:
        wanted = -1
    if wanted > 0:
        return wanted
    return max(1, torch.cuda.device_count()) if options.accelerator in {"auto", "gpu"} else 1


def with_rank(options: TrainerOptions, info: RankInfo) -> TrainerOptions:
    """Return the options for one process of several."""
    strategy = "ddp" if options.strategy == "auto" else options.strategy
    return replace(
        options,
        devices=info.n_processes,
        strategy=strategy,
        plugins=(*options.plugins, SpawnedEnvironment(info)),
    )


@contextmanager
def spawn_ddp(options: TrainerOptions, worker_command: Sequence[str]) -> Iterator[TrainerOptions]:
    """Start the other processes of a run if `devices` asks for several; this one is rank 0.

    Each gets rank, number of processes and port as three more arguments. A worker ends itself when
    this process is gone, because the end of this process closes the worker's standard input.

    Args:
        worker_command: does what this process does, without writing.

    Yields:
        options to train with here.

    Raises:
        Failed: a worker ended with an error.
    """
    n_ranks = n_processes(options)
    if n_ranks == 1:
        yield options
        return
    port = _free_port()
    log.info("%d processes on this machine share each step", n_ranks)
    workers = [
        subprocess.Popen(
            [*worker_command, str(rank), str(n_ranks), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        for rank in range(1, n_ranks)
    ]
    try:
        yield with_rank(options, RankInfo(0, n_ranks, port))
    except RuntimeError as error:
        # A collective operation reports a lost worker as an error of the connection. The worker's
        # exit code is the cause, so it is reported instead.
        _refuse_dead(workers, error)
        raise
    else:
        _refuse_dead(workers, None, wait_s=PATIENCE_S)
    finally:
        # In this order: a worker that still waits for this rank in a collective operation would not
        # notice that its input was closed.
        leave_group()
        for worker in workers:
            _end(worker)


def leave_group() -> None:
    """Leave the process group, so that the next run in this process can create its own."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    rank_zero_only.rank = 0  # type: ignore[attr-defined]


def _refuse_dead(
    workers: Sequence[subprocess.Popen[bytes]], error: Exception | None, wait_s: float = 5.0
) -> None:
    for rank, worker in enumerate(workers, 1):
        try:
            code = worker.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
        if code:
            raise Failed(
                f"exit code {code} of process {rank}, one of {len(workers) + 1} of this run",
                "See its last lines above; resume= continues from the last checkpoint.",
            ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
