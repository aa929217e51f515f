"""Sweeps typed on a laptop against the fake: interrupted, killed, relaunched, refused."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from brainbrr.sweeps.modal.ledger import Ledger

pytestmark = pytest.mark.e2e
CPU = "hardware=cpu"
ROOT = Path(__file__).resolve().parents[3]


def records(laptop):
    return Ledger(laptop.folder / "runs" / "modal_ledger.jsonl").records()


def done(plane):
    base = plane.world.base / "mnt" / "results" / "runs" / "sweeps"
    return sorted(len(path.read_text().split()) for path in base.glob("*/done.txt"))


@pytest.mark.slow
def test_a_light_sweep_comes_home_and_a_second_launch_sends_nothing(laptop, plane):
    command = laptop.light("train", CPU, "seed=1,2", "trainer.max_epochs=2")
    code, said = laptop.run(*command)
    assert code == 0, said + plane.logs()
    assert [path.read_text() for path in laptop.files("scores.json")] == ['{"steps": 2}'] * 2
    assert done(plane) == [1, 1]
    assert plane.count("FunctionMap") == 2 and plane.count("VolumeCommit") >= 2
    code, said = laptop.run(*command)
    assert code == 0, said
    assert plane.count("FunctionMap") == 2 and plane.count("AppCreate") == 1
    assert len(laptop.files("scores.json")) == 4


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_jobs_outlive_the_laptop_and_the_same_command_comes_back_to_them(laptop, plane, number):
    command = laptop.light("train", CPU, "seed=1,2", "trainer.max_epochs=60")
    client = laptop.start(*command)
    plane.wait_until(lambda: len([each for each in plane.alive() if each.inputs]) == 2, 200)
    client.send_signal(number)
    said, _ = client.communicate(timeout=60)
    print(f"the client ended with {client.returncode}:\n{said}")
    if number == signal.SIGINT:
        assert client.returncode == 130
        assert "The jobs continue without this computer" in said and "sweep.cancel=true" in said
        assert "modal app stop ap-" in said
    assert {record.state for record in records(laptop).values()} == {"sent"}
    code, said = laptop.run(*command)
    print(said)
    assert code == 0, said + plane.logs()
    assert plane.count("FunctionMap") == 2
    assert done(plane) == [1, 1]
    assert len(laptop.files("scores.json")) == 2


@pytest.mark.slow
def test_cancelling_ends_the_jobs_and_keeps_their_folders(laptop, plane):
    command = laptop.light("train", CPU, "seed=1", "trainer.max_epochs=2000")
    client = laptop.start(*command)
    plane.wait_until(lambda: any(each.inputs for each in plane.alive()), 200)
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=60)
    code, said = laptop.run(*command, "sweep.cancel=true")
    assert code == 0, said
    plane.wait_until(lambda: not any(each.inputs for each in plane.alive()), 60)
    base = plane.world.base / "mnt" / "results" / "runs" / "sweeps"
    assert len(list(base.glob("*/checkpoints/last.ckpt"))) == 1


@pytest.mark.slow
def test_changed_code_is_told_before_anything_is_sent(laptop, plane):
    command = laptop.light("train", CPU, "seed=1", "trainer.max_epochs=1")
    assert laptop.run(*command)[0] == 0
    ledger = laptop.folder / "runs" / "modal_ledger.jsonl"
    former = [json.loads(line) for line in ledger.read_text().splitlines()]
    for event in former:
        event["cell"] = event["cell"].split("-")[0] + "-otherother"
    ledger.write_text("".join(json.dumps(event) + "\n" for event in former))
    code, said = laptop.run(*command)
    assert (
        code == 2
        and "InUse" in said
        and "other code for 1 of 1 jobs" in said
        and "sweep.code=keep" in said
    )
    code, said = laptop.run(*command, "sweep.code=keep")
    assert code == 0 and plane.count("FunctionMap") == 1, said
    code, said = laptop.run(*command, "sweep.code=new")
    assert code == 0 and plane.count("FunctionMap") == 2, said


@pytest.mark.slow
def test_what_containers_would_miss_is_told_before_anything_is_sent(laptop, plane):
    command = laptop.light("train", CPU, "seed=1")
    code, said = laptop.run(*command, "data=chbmit")
    assert code == 2 and "NotFound" in said and "modal volume put brainbrr-corpora" in said
    code, said = laptop.run(*command, "data.root=/elsewhere")
    assert code == 2 and "NotFound" in said and "data.root=" in said
    code, said = laptop.run(*command, "hydra.launcher.secrets=[wandb]")
    assert code == 2 and "NotFound" in said and "modal secret create wandb" in said
    del plane.world.volumes["vo-brainbrr-corpora"]
    code, said = laptop.run(*command)
    assert code == 2 and "NotFound" in said and "modal volume create brainbrr-corpora" in said
    plane.world.tokens.clear()
    code, said = laptop.run(*command)
    assert code == 2 and "no Modal token configured" in said
    assert plane.count("AppCreate") == 0 and plane.count("FunctionMap") == 0


@pytest.mark.slow
def test_no_function_ever_deletes_from_a_volume(laptop, plane):
    code, said = laptop.run(*laptop.light("train", CPU, "seed=1", "trainer.max_epochs=1"))
    assert code == 0, said
    assert not [name for name in plane.world.received if "Delete" in name or "Remove" in name]


@pytest.mark.slow
def test_a_corpus_is_prepared_in_shares_by_modal_run(laptop, plane, bids_root):
    corpora = plane.world.volumes["vo-brainbrr-corpora"]
    shutil.copytree(bids_root, corpora / "bids")
    options = [
        text
        for text in laptop.real(
            "prepare", "data=bids", f"data.root={plane.world.base}/mnt/data/bids"
        )
        if not text.startswith(("prepare", "-m", "hydra/launcher", "hydra.launcher.gpu"))
    ]
    command = " ".join(["prepare", *options, "prepare.workers=1"])
    code, said = laptop.python(
        "-m", "modal", "run", str(ROOT / "modal_launch.py"),
        "--command", command, "--gpu", "none", "--shares", "2",
    )  # fmt: skip
    assert code == 0, said
    assert "✓ Created Function prepare" in said or plane.count("FunctionCreate") == 5
    assert "prepared now" in plane.logs()
    base = plane.world.base / "mnt" / "results" / "cache"
    assert len(list(base.rglob("*.npy"))) == 6
    events = Ledger(laptop.folder / "runs" / "modal_ledger.jsonl").events()
    sent = [event["overrides"] for event in events if event["event"] == "sending"]
    assert {text for each in sent for text in each if "share" in text} == {
        "prepare.share=0/2", "prepare.share=1/2",
    }  # fmt: skip
