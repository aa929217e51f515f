"""A job that takes no time to learn anything: counts steps, saves, resumes, ends as it is told.

light_job.py train steps=5 step_s=0.1 end=0 run_dir=DIR     or     light_job.py train resume=DIR

Typed as a training job, `trainer.max_epochs` is the number of steps. Each step is written with
fsync; SIGTERM saves and exits with 75, as training does. `done.txt` gets a line each time a job is
completed, so that a test sees whether one was completed twice.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> int:
    values = dict(text.split("=", 1) for text in sys.argv[2:] if "=" in text)
    run_dir = Path(values.get("resume") or values["run_dir"])
    checkpoint = run_dir / "checkpoints" / "last.ckpt"
    state = {"step": 0, "steps": 5, "step_s": 0.1, "end": 0}
    if "resume" in values:
        state = json.loads(checkpoint.read_text())
        print(f"resumed at step {state['step']}")
    else:
        values.setdefault("steps", values.get("trainer.max_epochs", "5"))
        state |= {name: json.loads(values[name]) for name in state if name in values}
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    while state["step"] < state["steps"]:
        time.sleep(state["step_s"])
        state["step"] += 1
        with (run_dir / "steps.txt").open("a") as file:
            file.write(f"{state['step']}\n")
            file.flush()
            os.fsync(file.fileno())
        partial = checkpoint.with_suffix(".partial")
        partial.write_text(json.dumps(state))
        partial.replace(checkpoint)
        if asked:
            print("saved and going")
            return 75
    (run_dir / "scores.json").write_text(json.dumps({"steps": state["step"]}))
    with (run_dir / "done.txt").open("a") as file:
        file.write("done\n")
    if state["end"]:
        print("this job fails by design", file=sys.stderr)
    return state["end"]


if __name__ == "__main__":
    sys.exit(main())
