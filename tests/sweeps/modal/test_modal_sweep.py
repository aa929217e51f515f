"""Sweeps as they are typed: what is refused, before anything is sent, and what would be sent."""

import json
import re

import pytest

from brainbrr.cli.main import main


@pytest.fixture
def message(tmp_path, monkeypatch, capfd):
    """Runs a command here that must not reach Modal; its exit code and words."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("MODAL_SERVER_URL", "http://127.0.0.1:1")
        code = 0
        try:
            main([*arguments[:1], "-m", "hydra/launcher=modal", *arguments[1:]])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        words = capfd.readouterr()
        return code, re.sub(r"\s+", " ", words.out + words.err)

    return run


DRY = ("hardware=a100_80gb", "dry_run=true")


def test_a_dry_run_prints_everything_that_would_be_sent(message, tmp_path):
    code, said = message("train", *DRY, "model=v3,v3_small", "seed=2", "sweep.poll_s=1")
    assert code == 0
    assert said.count("python -m brainbrr train") == 2
    assert "model=v3_small seed=2 paths=modal paths.root=/results paths.data=/data/edf" in said
    assert '"gpu": ["A100-80GB", "H100"]' in said
    assert "spent 0.00 USD" in said
    assert "at most 12.50 USD" in said and "nothing was sent" in said
    assert "sweep.poll_s" not in said and "dry_run=true train" not in said
    assert not list(tmp_path.rglob("*.jsonl"))


def test_an_unknown_gpu_is_refused_by_name(message):
    code, said = message("train", "hardware=h100", "hydra.launcher.gpu=[H1000]")
    assert code == 2
    assert re.search("InvalidOption: expected a GPU of sweep.usd_per_hour: T4.*got H1000", said), (
        said
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "seed=1,2"), "InvalidOption: expected one hardware= for all jobs"),
        (("train", "hardware=h100,h200"), "expected one hardware= for all jobs.*got h100, h200"),
        (("train", "hardware=mps"), "hardware= one of a100_40gb.*hydra.launcher.gpu"),
        (("prepare",), "expected one hardware= .*hydra.launcher.gpu.*got nothing"),
        (
            ("train", "hardware=h100", "hydra.launcher.profile=cu99"),
            "InvalidOption: expected a profile of latest, cu121; got cu99",
        ),
        (
            ("train", "hardware=h100", "model=v3,v3_small,nope"),
            "model/nope",
        ),
        (
            ("train", "hardware=h100", "seed=1,2,3,4,5,6,7,'${nope}',9"),
            r"expected jobs that compose and build; got job 7 \(hardware=h100 seed=",
        ),
        (
            ("train", "hardware=h100", "seed=1,2,???"),
            r"InvalidOption: expected jobs that compose.*job 2 .*Missing mandatory value: seed",
        ),
        (
            ("train", "hardware=h100", "optimizer.lr=1e-4,abc"),
            r"InvalidOption: expected jobs that compose.*job 1.*optimizer",
        ),
        (
            ("train", "hardware=h100", "model.node_headdim=8,7"),
            r"InvalidOption: expected jobs that compose.*job 1 .*headdim",
        ),
        (
            ("train", "hardware=h100", "monitor=val/event_f1,val/nonsense"),
            r"InvalidOption: expected jobs that compose.*job 1 .*val/auroc.*got val/nonsense",
        ),
        (
            ("train", "hardware=h100", "sweep.max_usd=0"),
            "InvalidOption: expected a sweep within sweep.max_usd=0.00",
        ),
    ],
)
def test_what_cannot_run_is_refused_by_name(message, arguments, words):
    code, said = message(*arguments, "dry_run=true")
    assert code == 2, said
    assert re.search(words, said), said


@pytest.mark.slow
def test_a_dry_run_of_a_search_shows_its_first_run_and_leaves_no_study(message, tmp_path):
    pytest.importorskip("optuna")
    options = ("hparams_search=optuna", "hydra.sweeper.pruner=null", "model=v3_tiny")
    code, said = message("train", *DRY, *options)
    assert code == 0, said
    assert "optimizer.lr=" in said and "nothing was sent" in said and "trials" not in said
    assert not (tmp_path / "multirun").exists()


@pytest.mark.slow
def test_without_a_token_nothing_is_sent(message, monkeypatch, tmp_path):
    for name in ("MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODAL_CONFIG_PATH", str(tmp_path / "none.toml"))
    code, said = message("train", "hardware=h100")
    assert code == 2
    assert "Unavailable: no Modal token configured" in said and "modal token new" in said


@pytest.mark.slow
def test_other_commands_write_into_their_own_folder_there(message):
    gpu = ("hydra.launcher.gpu=[T4]", "dry_run=true", "output=here")
    code, said = message(
        "predict", *gpu, "detector=/results/d", "input=/data/edf/a.edf,/data/edf/b"
    )
    assert code == 0, said
    assert "predict detector=/results/d input=/data/edf/b output=/results/runs/sweeps/" in said
    assert "output=here" not in said


@pytest.mark.slow
def test_without_the_package_it_is_named(message, monkeypatch):
    monkeypatch.setattr("brainbrr.sweeps.modal.launch.find_spec", lambda name: None)
    code, said = message("train", *DRY)
    assert code == 2 and "Unavailable: the package modal is not installed" in said


@pytest.mark.slow
def test_an_unfit_ledger_is_refused(message, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "modal_ledger.jsonl").write_text(json.dumps([1]) + "\n")
    code, said = message("train", *DRY)
    assert code == 2 and "InvalidFile: expected events with a cell" in said
