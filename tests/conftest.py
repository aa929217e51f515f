"""Fixtures every test may use."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import hypothesis
import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal, Patient, Recording

from brainbrr.signal.electrodes import ELECTRODES

WriteEdf = Callable[..., Path]

# A busy machine is no failure: examples have no deadline, the test's own time limit remains.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings and annotations beside the project; tests that need them skip where they are
    absent."""
    folder = Path(os.environ.get("BRAINBRR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}")
    return folder


@pytest.fixture(scope="session")
def geometric() -> ModuleType:
    """torch_geometric, whose import warns of what newer versions of torch deprecate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch_geometric.nn")


@pytest.fixture
def write_edf() -> WriteEdf:
    """Writes 19 electrodes of noise, or other labels, as an EDF or EDF+ file."""

    def write(
        path: Path,
        *,
        seconds: int = 8,
        labels: tuple[str, ...] = tuple(f"EEG {name}-REF" for name in ELECTRODES),
        seed: int = 0,
        annotations: tuple[tuple[float, float | None, str], ...] | None = None,
        patient: Patient | None = None,
        recording: Recording | None = None,
        transducer: str = "",
    ) -> Path:
        generator = np.random.default_rng(seed)
        signals = [
            EdfSignal(
                30.0 * generator.standard_normal(seconds * 256),
                256,
                label=label,
                transducer_type=transducer,
                physical_dimension="uV",
                physical_range=(-400, 400),
            )
            for label in labels
        ]
        edf = Edf(
            signals,
            patient=patient,
            recording=recording,
            annotations=None
            if annotations is None
            else [EdfAnnotation(*annotation) for annotation in annotations],
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        edf.write(path)
        return path

    return write


@pytest.fixture
def write_events() -> Callable[..., Path]:
    """Writes a SzCORE event table."""

    def write(path: Path, *events: tuple[float, float, str], duration_s: float = 8.0) -> Path:
        rows = events or ((0.0, duration_s, "bckg"),)
        lines = [
            "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration",
            *(f"{on}\t{long}\t{kind}\tn/a\tn/a\tn/a\t{duration_s}" for on, long, kind in rows),
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def bids_root(tmp_path: Path, write_edf: WriteEdf, write_events: Callable[..., Path]) -> Path:
    """Six subjects of one recording each, every second one with a seizure, already divided."""
    root = tmp_path / "corpus"
    splits = ("train", "train", "train", "train", "val", "test")
    for number, _ in enumerate(splits, 1):
        name = f"sub-{number:02d}_ses-01_task-szMonitoring_run-00"
        stem = root / f"sub-{number:02d}" / "ses-01" / "eeg" / name
        write_edf(Path(f"{stem}_eeg.edf"), seed=number)
        events = [(2.0, 3.0, "sz_foc_ia")] if number % 2 else []
        write_events(Path(f"{stem}_events.tsv"), *events)
    rows = [f"sub-{number:02d}\t{split}" for number, split in enumerate(splits, 1)]
    (root / "participants.tsv").write_text("\n".join(["participant_id\tsplit", *rows]) + "\n")
    return root
