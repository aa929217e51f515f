"""Runs as processes: all end, each in its folder, at most so many at a time."""

import json
import signal
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hydra.core.utils import JobStatus
from omegaconf import OmegaConf

from brainbrr.cli.local_jobs import JobFailed, run_jobs
from brainbrr.training.callbacks.pruning import RunPruned

JOB = """
import json, os, sys, time
from pathlib import Path
values = dict(each.split("=", 1) for each in sys.argv[2:])
folder, began = Path(values["run_dir"]), time.monotonic()
time.sleep(0.2)
state = values["end"]
facts = {"state": state, "objective": 0.5, "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
         "resume": values["resume"], "span": [began, time.monotonic()]}
if state != "dead":
    (folder / "outcome.json").write_text(json.dumps(facts))
sys.exit(0 if state == "finished" else 2)
"""


class Loader:
    """Composes nothing but the number's folder."""

    def load_sweep_config(self, config, overrides):
        return OmegaConf.create(OmegaConf.to_container(config, resolve=False))


def jobs(folder, ends, **options):
    (folder / "job.py").write_text(JOB)
    config = OmegaConf.create(
        {"hydra": {"sweep": {"dir": str(folder), "subdir": "${hydra.job.num}"}, "job": {}}}
    )
    batch = [[f"end={end}"] for end in ends]
    given = {
        "first": 0,
        "n_jobs": 2,
        "devices": None,
        "program": [sys.executable, str(folder / "job.py")],
    }
    return run_jobs(batch, config=config, config_loader=Loader(), **given | options)


def test_a_failing_run_leaves_the_others_alone(tmp_path):
    back = jobs(tmp_path, ["finished", "failed", "pruned", "dead", "finished"])
    assert [job.status == JobStatus.COMPLETED for job in back] == [True, False, False, False, True]
    assert back[0].return_value == 0.5
    with pytest.raises(JobFailed, match="output.log says why"):
        _ = back[3].return_value
    with pytest.raises(RunPruned, match="pruned"):
        _ = back[2].return_value


def test_gpus_are_shared_out_and_never_twice_at_once(tmp_path):
    jobs(tmp_path, ["finished"] * 4, first=3, devices=["4", "5,6"], n_jobs=9)
    facts = [json.loads((tmp_path / f"{n}" / "outcome.json").read_text()) for n in range(3, 7)]
    assert {each["gpu"] for each in facts} == {"4", "5,6"}
    assert {each["resume"] for each in facts} == {"here"}
    for gpu in ("4", "5,6"):
        spans = sorted(each["span"] for each in facts if each["gpu"] == gpu)
        assert all(first[1] <= then[0] for first, then in pairwise(spans))


def test_a_command_ends_with_the_process_that_started_it():
    code = (
        "from brainbrr.cli.parent_watchdog import end_with_parent; end_with_parent()\n"
        "import time; time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as child:
        time.sleep(0.5)
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(30) == -signal.SIGTERM
