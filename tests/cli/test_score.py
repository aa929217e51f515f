import io
import json
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.console import Console

from brainbrr.cli.build import build
from brainbrr.cli.score import difference_table, run, score_table
from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import Detection
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.events.tsv import write_tsv
from brainbrr.scoring.folders import score

CONF = Path(__file__).resolve().parents[2] / "conf"


@pytest.fixture
def folders(tmp_path):
    for number in range(4):
        found = Annotation((Event(100.0, 60.0),), 600.0)
        name = f"sub-0{number}_run-0.tsv"
        write_tsv(found, tmp_path / "reference" / name)
        write_tsv(found if number else Annotation((), 600.0), tmp_path / "hypothesis" / name)
    return tmp_path / "reference", tmp_path / "hypothesis"


def shown(table):
    console = Console(width=120, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def test_the_tables_tell_both_worlds(folders):
    reference, hypothesis = folders
    scores = score(reference, hypothesis, against=reference)
    table = shown(score_table(scores))
    assert "SzCORE events, pooled" in table
    assert "TAES, as the tool v6" in " ".join(table.split())
    assert "0.857" in table
    assert "-0.250" in shown(difference_table(scores["against"]))


def test_the_command_writes_the_json(folders, tmp_path, capsys):
    output = tmp_path / "scores.json"
    words = [f"reference={folders[0]}", f"hypothesis={folders[1]}", f"output={output}"]
    with initialize_config_dir(str(CONF), version_base=None):
        run(compose("score", overrides=[*words, "scoring.n_resamples=20"]))
    scores = json.loads(output.read_text())
    assert scores["nedc"]["ovlp"]["tp"] == 3
    assert scores["definitions"]["intervals_95"]["n_resamples"] == 20
    assert "4 of 4 recordings scored" in capsys.readouterr().out


def test_what_was_not_scored_is_told(folders, capsys):
    reference, hypothesis = folders
    (hypothesis / "sub-00_run-0.tsv").rename(hypothesis / "sub-09_run-0.tsv")
    words = [f"reference={reference}", f"hypothesis={hypothesis}"]
    with initialize_config_dir(str(CONF), version_base=None):
        cfg = compose("score", overrides=[*words, "missing=empty", "scoring.n_resamples=20"])
    run(cfg)
    message = capsys.readouterr().out
    assert "3 of 4 recordings scored" in message
    assert "missing: 1, e.g. sub-00_run-0" in message
    assert "unreferenced: 1, e.g. sub-09_run-0" in message


def test_a_failing_job_of_a_sweep_is_one_line_and_leaves_the_results_of_the_others(
    folders, tmp_path, command
):
    reference, hypothesis = folders
    code, _, message = command(
        "score", "-m", f"reference={reference}", f"hypothesis={hypothesis},{tmp_path / 'nowhere'}",
        "output=${hydra:sweep.dir}/${hydra:job.num}/scores.json",
        f"hydra.sweep.dir={tmp_path}/jobs",
    )  # fmt: skip
    assert code == 2 and "Traceback" not in message
    job, error = message.splitlines()[-2:]
    assert f"hypothesis={tmp_path / 'nowhere'}" in job and error.startswith("NotFound: ")
    assert json.loads((tmp_path / "jobs" / "0" / "scores.json").read_text())["szcore"]


def test_the_groups_build():
    tune = build(OmegaConf.load(CONF / "detect" / "default.yaml"))
    assert isinstance(tune.keywords["base"], Detection)
    reference = {"x": Annotation((Event(100.0, 60.0),), 600.0)}
    level = np.zeros(600, np.float32)
    level[100:160] = 0.6
    tuned = tune({"x": Trace(level, 1.0, np.empty((0, 2)))}, reference, split="val")
    assert tuned.table["chosen"]["pooled"]["f1"] == 1.0
    scorer = build(OmegaConf.load(CONF / "scoring" / "default.yaml"))
    assert scorer(reference, reference)["nedc"]["taes"]["f1"] == 1.0
