"""Folders of runs as sweeps leave them."""

import json

import pytest
import yaml


def write_run(
    folder, *, typed=(), settings=None, values=(), f1=None, outcome=None, monitor="val/m"
):
    folder.mkdir(parents=True)
    content = {"monitor": monitor, "run_dir": str(folder), **(settings or {})}
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    if typed:
        (folder / ".hydra").mkdir()
        (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(typed)))
        (folder / ".hydra" / "config.yaml").write_text("{}")
    rows = [f"{step},val/m,{value}" for step, value in enumerate(values)]
    (folder / "metrics.csv").write_text("\n".join(["step,name,value", "1,train/loss,9", *rows]))
    if f1 is not None:
        place = {"szcore": {"event": {"subject_mean": {"f1": f1}}}}
        interval = {"szcore": {"event": {"subject_mean": {"f1": [f1 - 0.1, f1 + 0.1]}}}}
        (folder / "scores.json").write_text(json.dumps({**place, "intervals_95": interval}))
    if outcome:
        (folder / "outcome.json").write_text(json.dumps(outcome))


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "sweep"
    done = {"state": "finished", "seconds": 12.5}
    write_run(folder / "0", typed=["optimizer.lr=1e-4", "model=v3", "seed=1"],
              values=[0.2, 0.5, 0.4], f1=0.6, outcome=done)  # fmt: skip
    write_run(folder / "1", typed=["optimizer.lr=1e-2", "model=v3", "seed=1"],
              values=[0.7], outcome={"state": "pruned", "error": "RunPruned: x"})  # fmt: skip
    write_run(folder / "2", typed=["optimizer.lr=-1", "model=v3", "seed=1"],
              outcome={"state": "failed", "error": "ValueError: no <b>"})  # fmt: skip
    write_run(folder / "3", typed=["+optimizer.lr=3e-4", "model=unet", "seed=1", "run_dir=x"],
              values=[0.1, "nan"], f1=0.9)  # fmt: skip
    write_run(folder / "4", typed=["optimizer.lr=5e-4", "model=v3", "seed=1"])
    return folder
