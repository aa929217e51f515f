"""From nothing to scored events through the commands themselves, as a user types them."""

import csv
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from brainbrr.cli.main import main
from brainbrr.events.annotation import COLUMNS

pytestmark = pytest.mark.e2e

CORPUS = ["n_subjects.train=3", "n_subjects.val=2", "n_subjects.test=2", "n_recordings=1"]
DENSE = ["seizures_per_hour.train=60", "seizures_per_hour.val=60", "seizures_per_hour.test=60"]
SHORT = ["duration_s=150", "max_seizure_s=40", "rates_hz=[256]"]


def brainbrr(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would and check how it ends."""
    done = subprocess.run(
        [sys.executable, "-m", "brainbrr", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and one finished training run."""
    folder = tmp_path_factory.mktemp("path")
    brainbrr("synthesize", "output=data/synthetic", *CORPUS, *DENSE, *SHORT, cwd=folder)
    brainbrr("train", "experiment=tiny", "run_dir=run", cwd=folder)
    return folder


def test_training_leaves_all_that_is_promised(place: Path) -> None:
    run = place / "run"
    for name in ("config.yaml", "scores.json", "report.html", "run_record.yaml", "metrics.csv"):
        assert (run / name).stat().st_size > 0
    for name in ("best.ckpt", "last.ckpt"):
        assert (run / "checkpoints" / name).is_file()
    assert list((run / "tensorboard").glob("events.out.tfevents.*"))
    for name in ("model.safetensors", "detector.json", "selftest.safetensors", "card.md"):
        assert (run / "detector" / name).is_file()


def test_scores_are_strict_json_of_every_test_recording(place: Path) -> None:
    scores = json.loads((place / "run" / "scores.json").read_text())
    assert scores["files"]["scored"] == scores["files"]["expected"] == 2
    assert set(scores) >= {"szcore", "nedc", "curve", "sample_level", "intervals_95", "subjects"}


def test_prediction_scores_like_the_run_that_made_the_detector(place: Path) -> None:
    held_out = place / "run" / "reference"
    subjects = sorted(path.name for path in held_out.iterdir())
    brainbrr(
        "predict", "detector=run", "input=data/synthetic", "output=events", "format=[tsv,json]",
        "device=cpu", cwd=place,
    )  # fmt: skip
    for subject in subjects:
        for ours in (place / "run" / "hypothesis" / subject).rglob("*.tsv"):
            again = place / "events" / ours.relative_to(place / "run" / "hypothesis")
            rows = [
                list(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))
                for path in (ours, again)
            ]
            assert [(row["onset"], row["duration"], row["eventType"]) for row in rows[0]] == [
                (row["onset"], row["duration"], row["eventType"]) for row in rows[1]
            ]
            assert again.read_text().splitlines()[0].split("\t") == list(COLUMNS)
    brainbrr(
        "score", f"reference={held_out}", "hypothesis=run/hypothesis", "output=s.json", cwd=place
    )
    ours = json.loads((place / "run" / "scores.json").read_text())["szcore"]["event"]
    assert json.loads((place / "s.json").read_text())["szcore"]["event"] == ours


def test_evaluate_repeats_the_scores(place: Path) -> None:
    brainbrr("evaluate", "detector=run", "split=test", "output=again", cwd=place)
    ours, again = (
        json.loads((place / name / "scores.json").read_text()) for name in ("run", "again")
    )
    assert again["szcore"] == ours["szcore"]
    assert (place / "again" / "report.html").is_file()


def test_evaluate_says_in_which_way_it_read(place: Path) -> None:
    brainbrr("evaluate", "detector=run", "split=test", "output=once", "tiling=long", cwd=place)
    assert (place / "once" / "scores.json").is_file()
    assert "tiling=long precision=fp32" in (place / "once" / "report.html").read_text()


def test_doctor_is_content(place: Path) -> None:
    printed = brainbrr("doctor", "detector=run", cwd=place).stdout
    assert "self-test" in printed


def test_a_damaged_cache_makes_doctor_say_so(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "cache", tmp_path / "cache")
    victim = next((tmp_path / "cache").rglob("*.npy"))
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(bytes(content))
    printed = brainbrr("doctor", "paths.root=.", cwd=tmp_path, code=1).stdout
    assert "broken" in printed
    assert "prepare.rebuild=true" in printed


def test_a_second_run_of_predict_has_nothing_to_do(place: Path) -> None:
    arguments = ["predict", "detector=run", "input=data/synthetic/sub-01", "output=twice"]
    brainbrr(*arguments, cwd=place)
    before = {path: path.stat().st_mtime_ns for path in (place / "twice").rglob("*.tsv")}
    brainbrr(*arguments, cwd=place)
    assert before == {path: path.stat().st_mtime_ns for path in (place / "twice").rglob("*.tsv")}


def test_one_bad_file_does_not_stop_the_rest(place: Path, tmp_path: Path) -> None:
    good = next((place / "data").rglob("*.edf"))
    shutil.copy(good, tmp_path / "good.edf")
    (tmp_path / "bad.edf").write_text("not an EDF")
    done = brainbrr(
        "predict", f"detector={place / 'run'}", "input=.", "output=out", cwd=tmp_path, code=2
    )
    assert (tmp_path / "out" / "good_events.tsv").is_file()
    assert not (tmp_path / "out" / "bad_events.tsv").exists()
    assert "bad.edf" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "trainer.max_epoch=3"], "Did you mean trainer.max_epochs?"),
        (["train", "model=v33"], "Did you mean v3"),
        (["train", "data.root=nowhere"], "nowhere"),
        (
            ["predict", "detector=bsae", "input=x", "output=y"],
            "NotFound: expected a shipped detector (",
        ),
        (["predict", "detector=run", "input=empty", "output=y"], "NotFound"),
        (["predict", "detector=run", "input=run", "output=y", "format=[xml]"], "InvalidOption"),
        (["predict", "detector=run", "input=data", "output=/proc/denied"], "/proc/denied"),
        (["train", "init_from=../base"], "got ../base"),
        (["train", "run_dir=/proc/denied"], "/proc/denied"),
        (["train", "resume=auto", "paths.runs=empty"], "no unfinished run under empty"),
        (["train", "resume=run", "seed=3"], "resume= alone"),
        (["evaluate", "detector=run", "split=tset", "output=z"], "tset"),
    ],
)
def test_a_users_error_is_one_line_and_exit_code_2(
    place: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (place / "empty").mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["brainbrr"])
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    for handler in logging.getLogger().handlers:
        handler.close()
    printed = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in printed
    assert "Traceback" not in printed
    assert not (place / "y").exists()


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(place: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    run = place / "killed"
    command = [sys.executable, "-m", "brainbrr", "train", "experiment=tiny", f"run_dir={run}"]
    process = subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 200
    while not (run / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "scores.json").exists()
    brainbrr("train", f"resume={run}", cwd=place)
    weights = [load_file(place / name / "detector" / "model.safetensors") for name in ("run", run)]
    assert all((weights[0][key] == weights[1][key]).all() for key in weights[0])
