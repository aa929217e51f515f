"""Hydra's launcher for several runs at a time on this machine, each a job of submitit's."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from queue import SimpleQueue
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from brainbrr.errors import Failed, Unavailable


class LocalLauncher(Launcher):
    """Adds to submitit's local launcher a number of runs at a time and GPUs shared among them.

    Its values are described in `conf/hydra/launcher/local.yaml`.
    """

    def __init__(self, *, n_jobs: int, devices: Sequence[Any] | None, **submitit: Any) -> None:
        self.n_jobs, self.submitit = n_jobs, submitit
        self.devices = None if devices is None else [str(each) for each in devices]

    def setup(self, **parts: Any) -> None:
        """Remember what Hydra composed, for submitit."""
        self.parts = parts

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run one batch of a sweep's jobs, all to their ends.

        Raises:
            Unavailable: submitit is not installed.
        """
        try:
            from hydra_plugins.hydra_submitit_launcher.submitit_launcher import (
                LocalLauncher as Submitit,
            )
            from submitit.core.utils import UncompletedJobError
        except ImportError as error:
            raise Unavailable(
                f"hydra/launcher=local needs the package submitit ({error})",
                'Install it: pip install "brainbrr[slurm]"',
            ) from error
        launcher_pid = os.getpid()

        class Watched(Submitit):  # type: ignore[misc, valid-type]
            def __call__(self, *job: Any) -> Any:
                """Run the job in its own process, which ends when the launcher does."""
                end_with(launcher_pid)
                return super().__call__(*job)

        free: SimpleQueue[str] = SimpleQueue()
        for device in self.devices or ():
            free.put(device)

        def run(overrides: Sequence[str], number: int) -> JobReturn:
            device = free.get() if self.devices else None
            own = {} if device is None else {"setup": [f"export CUDA_VISIBLE_DEVICES={device}"]}
            job = Watched(**self.submitit, **own)
            job.setup(**self.parts)
            try:
                return job.launch([overrides], number)[0]
            except UncompletedJobError as error:
                # A process that was killed raises here; the other runs must not notice.
                back = JobReturn()
                back.overrides, back.status = overrides, JobStatus.FAILED
                back.return_value = Failed(f"run {number} was killed ({error})", "Run it again.")
                return back
            finally:
                if device is not None:
                    free.put(device)

        limit = min(self.n_jobs, len(self.devices)) if self.devices else self.n_jobs
        with ThreadPoolExecutor(limit) as pool:
            return list(pool.map(run, job_overrides, count(initial_job_idx)))


def end_with(pid: int, every_s: float = 1.0) -> None:
    """Send this process SIGTERM once another one is gone, so that a run saves and ends.

    A launcher that is killed outright would otherwise leave runs behind, and launching the sweep
    again would put two processes into one folder.
    """

    def watch() -> None:
        while _lives(pid):
            time.sleep(every_s)
        # Until a handler acts: submitit's own ignores the signal before training has begun.
        while True:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)

    threading.Thread(target=watch, daemon=True).start()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
