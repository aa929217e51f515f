"""A client that sends a sweep of light jobs, without Hydra: light_client.py JSON_OPTIONS.

Prints one line of JSON, the state of each job, when all have ended.
"""

import json
import sys
from pathlib import Path

from brainbrr.sweeps.modal.app import Cloud
from brainbrr.sweeps.modal.client import ModalPlatform
from brainbrr.sweeps.modal.ledger import Ledger, Record
from brainbrr.sweeps.modal.sweep import Sweep
from brainbrr.sweeps.modal.sweep_job import JobSpec, SweepJob

LIGHT = [sys.executable, str(Path(__file__).with_name("light_job.py"))]


def main(options: dict) -> None:
    results = options["results"]
    volumes = [{"path": f"{results}/runs", "name": "brainbrr-runs", "create": True}]
    cloud = Cloud(gpu=["H100", "A100-80GB"], volumes=volumes, retries=options["retries"])
    jobs = []
    for number, overrides in enumerate(options["jobs"]):
        spec = JobSpec(number, "train", tuple(overrides), "code")
        run_dir = f"{results}/runs/{spec.key}"
        request = {
            "program": LIGHT, "arguments": ["train", *overrides, f"run_dir={run_dir}"],
            "run_dir": run_dir, "claims": "claims", "volumes": ["brainbrr-runs"],
            "startup_s": options["startup_s"], "attempt_s": options["attempt_s"],
            "download": ["scores.json", "done.txt"], "download_bytes": 10_000_000,
        }  # fmt: skip
        jobs.append(SweepJob(spec, request, options["usd_per_hour"], Record(spec.key)))
    sweep = Sweep(ModalPlatform(cloud), Ledger(options["ledger"]), options["max_usd"], poll_s=0.05)
    jobs = sweep.send(jobs)
    print("sent", flush=True)
    ended = sweep.follow(jobs, lambda _: None)
    print(json.dumps({job.spec.number: job.state for job in ended}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
