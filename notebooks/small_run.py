"""A corpus, a run and a sweep of seconds, for notebooks that were pointed at none."""

import subprocess
import sys
from pathlib import Path

RECORDINGS = ["n_recordings=1", "duration_s=150", "max_seizure_s=40", "rates_hz=[256]"]


def make_run(work: Path) -> Path:
    """The folder of a run on three synthetic subjects, tested on six; one that is there is kept."""
    run = work / "run"
    if not (run / "scores.json").exists():
        make_corpus(
            work,
            *(f"n_subjects.{split}" for split in ("train=3", "val=4", "test=6")),
            *(f"seizures_per_hour.{split}" for split in ("train=60", "val=18", "test=18")),
        )
        command("train", *tiny(work), "data.max_recordings=null", f"run_dir={run}", cwd=work)
    return run


def make_sweep(work: Path) -> Path:
    """The folder of a sweep of four runs of one epoch on two synthetic subjects."""
    sweep = work / "sweep"
    make_corpus(
        work,
        *(f"n_subjects.{split}=2" for split in ("train", "val", "test")),
        *(f"seizures_per_hour.{split}=60" for split in ("train", "val", "test")),
    )
    options = ["optimizer.lr=1e-4,1e-2", "loss.gamma=0,2", "monitor=val/auroc", "report_cases=0"]
    command(
        "train", "-m", *tiny(work), "trainer.max_epochs=1", f"hydra.sweep.dir={sweep}", *options,
        cwd=work,
    )  # fmt: skip
    return sweep


def make_corpus(work: Path, *options: str) -> None:
    """Recordings of two and a half minutes in `work/corpus`."""
    work.mkdir(parents=True, exist_ok=True)
    command("synthesize", f"output={work / 'corpus'}", *RECORDINGS, *options, cwd=work)


def tiny(work: Path) -> list[str]:
    """What `train` needs to take a few steps on that corpus."""
    return ["experiment=tiny", f"data.root={work / 'corpus'}", f"paths.cache={work / 'cache'}"]


def command(*words: str, cwd: Path) -> None:
    """Show a brainbrr command and run it; what went wrong is raised as it was told."""
    print("brainbrr", *words)
    whole = [sys.executable, "-m", "brainbrr", *words]
    done = subprocess.run(whole, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
