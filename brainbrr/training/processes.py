"""Several processes on one machine that train one network: one a device, one group a run."""

import logging
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only

from brainbrr.errors import BrainbrrError
from brainbrr.training.trainer_options import TrainerOptions

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long the other processes may take to end after the first one has."""


class ProcessDied(BrainbrrError):
    """One of the processes that train a network together ended before its time."""


@dataclass(frozen=True)
class Place:
    """Which of a run's processes this one is.

    Attributes:
        rank: 0 writes, reports and releases; the others only compute.
        n_processes: of the run.
        port: on this machine, where they meet.
    """

    rank: int
    n_processes: int
    port: int


class OwnProcesses(ClusterEnvironment):
    """Tells Lightning its place among processes that were started here, from values instead of
    environment variables: those would outlive the run and reach the next one of a sweep."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        rank_zero_only.rank = place.rank  # type: ignore[attr-defined]

    @property
    def creates_processes_externally(self) -> bool:
        """Lightning starts none of its own."""
        return True

    @property
    def main_address(self) -> str:
        """This machine, and nobody outside it."""
        return "127.0.0.1"

    @property
    def main_port(self) -> int:
        """Where the processes meet."""
        return self.place.port

    @staticmethod
    def detect() -> bool:
        """Never found by itself; always given."""
        return False

    def world_size(self) -> int:
        """Processes of the run."""
        return self.place.n_processes

    def set_world_size(self, size: int) -> None:
        """Fixed from the start."""

    def global_rank(self) -> int:
        """This process."""
        return self.place.rank

    def set_global_rank(self, rank: int) -> None:
        """Fixed from the start."""

    def local_rank(self) -> int:
        """The same: there is one machine."""
        return self.place.rank

    def node_rank(self) -> int:
        """There is one machine."""
        return 0


def n_processes(options: TrainerOptions) -> int:
    """How many processes `devices` asks for."""
    try:
        wanted = int(options.devices)
    except ValueError:
        wanted = -1
    if wanted > 0:
        return wanted
    return max(1, torch.cuda.device_count()) if options.accelerator in {"auto", "gpu"} else 1


def at_place(options: TrainerOptions, place: Place) -> TrainerOptions:
    """The options for one process of several."""
    strategy = "ddp" if options.strategy == "auto" else options.strategy
    return replace(
        options,
        devices=place.n_processes,
        strategy=strategy,
        plugins=(*options.plugins, OwnProcesses(place)),
    )


@contextmanager
def together(options: TrainerOptions, companion: Sequence[str]) -> Iterator[TrainerOptions]:
    """Start the other processes of a run, where `devices` asks for several; this one is rank 0.

    Each is told rank, number of processes and port as three more arguments. A companion ends itself
    when this process is gone, whose end of its standard input closes.

    Args:
        companion: the command that does what this process does, without writing.

    Yields:
        options to train with here.

    Raises:
        ProcessDied: a companion failed.
    """
    wanted = n_processes(options)
    if wanted == 1:
        yield options
        return
    port = _free_port()
    log.info("%d processes on this machine share each step", wanted)
    others = [
        subprocess.Popen(
            [*companion, str(rank), str(wanted), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        for rank in range(1, wanted)
    ]
    try:
        yield at_place(options, Place(0, wanted, port))
    except RuntimeError as error:
        # What a lost partner looks like from within a collective operation.
        _refuse_dead(others, error)
        raise
    else:
        _refuse_dead(others, None, wait_s=PATIENCE_S)
    finally:
        leave_group()
        for other in others:
            _end(other)


def leave_group() -> None:
    """End this process's part in its group, so that the next run can found its own."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    rank_zero_only.rank = 0  # type: ignore[attr-defined]


def _refuse_dead(
    others: Sequence[subprocess.Popen[bytes]], error: Exception | None, wait_s: float = 5.0
) -> None:
    for rank, other in enumerate(others, 1):
        try:
            code = other.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
        if code:
            raise ProcessDied(
                "every process of the run to reach its end",
                f"exit code {code} of process {rank}",
                "Its last lines above say why; resume= goes on from the last checkpoint.",
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
