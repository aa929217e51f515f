"""What a job returns, written into its folder of the local sweep."""

import json
import math
from pathlib import Path

from brainbrr.atomic_io import atomic_write
from brainbrr.sweeps.modal.sweep_job import CallResult, SweepJob
from brainbrr.sweeps.outcome import Outcome, State, write_outcome

LOG = "log.txt"


def download_results(job: SweepJob, folder: Path) -> None:
    """Write a job's small files, its last lines of output and how it ended into its folder."""
    result = job.result
    assert result is not None
    for name, content in result.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            continue
        with atomic_write(path, "wb") as file:
            file.write(content)
    with atomic_write(folder / LOG) as file:
        file.write(result.detail)
    state, lines = State(result.state), result.detail.strip().splitlines()
    outcome = Outcome(
        state,
        result.seconds,
        objective(result),
        lines[-1] if lines and state is not State.FINISHED else None,
        overrides=job.spec.overrides,
        exit_code=result.exit_code,
        usd=job.record.spent_usd,
        call_id=job.record.call_id,
        run_dir=job.request["run_dir"],
        left_out=result.left_out,
    )
    write_outcome(folder, outcome)


def objective(result: CallResult) -> float | None:
    """Return the job's best metric, for a sweeper that searches; None if it has none."""
    released = result.files.get("detector/detector.json")
    if released is None:
        return None
    provenance = json.loads(released).get("provenance") or {}
    values = list((provenance.get("best_metric") or {}).values())
    if not values or values[0] is None or not math.isfinite(values[0]):
        return None
    return float(values[0])
