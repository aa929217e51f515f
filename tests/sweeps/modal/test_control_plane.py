"""The fake itself, with the real client in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

JOBS = """
import os, time

def plain(x):
    print("hello", x)
    return {"x": x, "big": b"z" * 3_000_000 * (x == 1), "secret": os.environ.get("KEY")}

def fails(x):
    with open(os.environ["MARKS"], "a") as file:
        file.write("tried\\n")
    raise ValueError(f"no {x}")

def slow(x):
    with open(os.environ["MARKS"], "a") as file:
        file.write("begun\\n")
    time.sleep(x)
    return x
"""
HEAD = """
import sys, time
import modal
sys.path.insert(0, {folder!r})
import jobs
app = modal.App("t", include_source=False)
image = modal.Image.debian_slim(python_version="3.11").add_local_file(
    {folder!r} + "/jobs.py", "/root/jobs.py")
def function(f, **how):
    secrets = [modal.Secret.from_dict({{"KEY": "k", "MARKS": {folder!r} + "/marks"}})]
    return app.function(image=image, secrets=secrets, **how)(f)
"""


@pytest.fixture
def run(plane, tmp_path):
    """Runs a script as a client; what it printed as JSON."""
    (tmp_path / "jobs.py").write_text(JOBS)
    paths = [folder for folder in sys.path if (Path(folder) / "modal").is_dir()]

    def run_script(body, code=0):
        done = subprocess.run(
            [sys.executable, "-c", HEAD.format(folder=str(tmp_path)) + body],
            env={**os.environ, **plane.environment, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == code, done.stderr + plane.logs()
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else done.stderr

    return SimpleNamespace(script=run_script, marks=tmp_path / "marks")


def test_calls_of_every_kind_secrets_blobs_and_remote_errors(run, plane):
    message = run.script(
        """
f, g = function(jobs.plain, gpu=["H100", "A100-80GB"]), function(jobs.fails)
with app.run(detach=True):
    call, bad = f.spawn(1), g.spawn(5)
    value = call.get(timeout=60)
    mapped = [each["x"] for each in f.map([2, 3])]
    try:
        bad.get(timeout=60)
    except ValueError as error:
        said = str(error)
    again = modal.FunctionCall.from_id(call.object_id).get(timeout=0)
import json
print(json.dumps([value["x"], len(again["big"]), value["secret"], mapped, said]))
"""
    )
    assert message == [1, 3_000_000, "k", [2, 3], "no 5"]
    assert plane.count("BlobCreate") >= 1
    assert "hello 1" in plane.logs() and "ValueError: no 5" in plane.logs()
    assert {each.gpu for each in plane.world.containers.values()} == {"H100", ""}


def test_the_gpu_list_falls_back_and_an_unknown_gpu_is_refused(run, plane):
    plane.gpus = {"A100-80GB"}
    run.script(
        """
f = function(jobs.plain, gpu=["H100", "A100-80GB"])
with app.run():
    f.remote(2)
"""
    )
    assert {each.gpu for each in plane.world.containers.values()} == {"A100-80GB"}
    said = run.script("f = function(jobs.plain, gpu='H1000')\nwith app.run(): f.remote(2)", code=1)
    assert "unknown GPU type H1000" in said


@pytest.mark.slow
def test_spawned_inputs_are_retried_by_the_server(run):
    said = run.script(
        """
g = function(jobs.fails, retries=modal.Retries(max_retries=2, initial_delay=0.0))
with app.run(detach=True):
    call = g.spawn(5)
    call.get(timeout=60)
""",
        code=1,
    )
    assert "ValueError: no 5" in said
    assert run.marks.read_text().splitlines() == ["tried"] * 3


@pytest.mark.slow
def test_a_timeout_ends_an_input(run, plane):
    plane.grace_s = 1.0
    said = run.script(
        "f = function(jobs.slow, timeout=1)\n"
        "with app.run(detach=True): f.spawn(60).get(timeout=60)",
        code=1,
    )
    assert "FunctionTimeoutError" in said


@pytest.mark.slow
def test_a_container_that_crashes_at_its_start_is_not_started_for_ever(run, plane, tmp_path):
    said = run.script(
        """
import pathlib
pathlib.Path(jobs.__file__).write_text("raise RuntimeError('no start')")
f = function(jobs.plain)
with app.run(detach=True): f.spawn(1).get(timeout=100)
""",
        code=1,
    )
    assert "no start" in said
    assert len(plane.world.containers) == 8


@pytest.mark.slow
def test_cancelling_ends_what_runs_and_what_waits(run, plane):
    plane.max_containers = 1
    message = run.script(
        """
f = function(jobs.slow)
with app.run(detach=True):
    calls = [f.spawn(40), f.spawn(40)]
    while "begun" not in (open(f"{sys.path[0]}/marks").read() if
                          __import__("os").path.exists(f"{sys.path[0]}/marks") else ""):
        time.sleep(0.05)
    for call in calls:
        call.cancel()
    ends = []
    for call in calls:
        try:
            call.get(timeout=40)
        except Exception as error:
            ends.append(type(error).__name__)
import json
print(json.dumps(ends))
"""
    )
    assert len(message) == 2 and "TimeoutError" not in message, message


def test_a_wrong_token_is_turned_away(run, plane):
    plane.world.tokens.clear()
    assert "AuthError" in run.script("with app.run(): pass", code=1)


def test_nothing_outside_the_fake_s_folder_is_linked(plane, tmp_path):
    with pytest.raises(AssertionError, match="/results is not below"):
        plane._link(Path("/results"), tmp_path)
