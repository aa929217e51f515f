"""Many recordings: full batches, nothing done twice, one that fails stops no other."""

import csv
import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import edfio
import mne
import numpy as np
import pytest

from brainbrr.errors import InUse, InvalidOption
from brainbrr.events.detection import Detection
from brainbrr.events.formats import read_annotation
from brainbrr.inference import annotate
from brainbrr.inference.annotate import Annotating, Settings
from brainbrr.inference.detector import Detector
from brainbrr.inference.ledger import LEDGER, Ledger
from brainbrr.inference.recordings import find_jobs
from brainbrr.inference.results import (
    WRITERS,
    Result,
    check_formats,
    write_bids_description,
)
from brainbrr.signal.electrodes import ELECTRODES
from tests.inference.loud_where import LoudWhere

ALL = ("tsv", "csv_bi", "edf", "json")
WriteEdf = Callable[..., Path]
EASY = Detection(0.02, 0.01, smoothing_s=0, merge_gap_s=0, min_duration_s=0.5)


@pytest.fixture
def recordings(tmp_path: Path, write_edf: WriteEdf) -> Path:
    """Three recordings of 9, 3 and 11 s: windows 4, 1 and 5."""
    for number, seconds in enumerate((9, 3, 11)):
        write_edf(tmp_path / "in" / f"{number}.edf", seconds=seconds, seed=number)
    return tmp_path / "in"


Run = Callable[..., list[Any]]


@pytest.fixture
def run(golden: Detector, recordings: Path, tmp_path: Path) -> Run:
    def annotated(
        *,
        detector: Detector = golden,
        backend: Any = None,
        maker: str = "golden",
        overwrite: bool = False,
        **settings: Any,
    ) -> list[Any]:
        output = tmp_path / "out"
        ledger = Ledger(output, {"detector": maker}, overwrite=overwrite)
        run = Annotating(
            detector, output, ledger, Settings(**settings), backend or detector.backend
        )
        return list(run.run(find_jobs(recordings, output)))

    return annotated


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_windows_of_several_recordings_fill_batches(
    run: Run, golden: Detector, recordings: Path, tmp_path: Path, workers: int
) -> None:
    model = LoudWhere((0,))
    outcomes = run(backend=model, batch_size=4, workers=workers, evidence=False)
    assert model.batches == [4, 4, 2]
    assert [(one.job.source.stem, one.state) for one in outcomes] == [
        (name, "done") for name in "012"
    ]
    assert not list((tmp_path / "out").glob(".preparing*"))


def test_the_traces_are_those_of_each_recording_alone(
    run: Run, golden: Detector, recordings: Path, tmp_path: Path
) -> None:
    run(batch_size=3, traces=True, evidence=False)
    for file in sorted(recordings.iterdir()):
        alone = golden.trace(file)
        packed = np.load(tmp_path / "out" / f"{file.stem}_trace.npy")
        # The size of a batch decides the order of sums, no more.
        np.testing.assert_allclose(packed, alone.probability, atol=1e-6)
        sidecar = json.loads((tmp_path / "out" / f"{file.stem}_trace.json").read_text())
        assert sidecar == {"rate_hz": alone.rate_hz, "gaps": [], "start": alone.start.isoformat()}  # type: ignore[union-attr]


def test_a_second_run_does_nothing_and_a_changed_source_is_done_again(
    run: Run, recordings: Path, write_edf: WriteEdf
) -> None:
    run(evidence=False)
    model = LoudWhere((0,))
    assert {one.state for one in run(backend=model, evidence=False)} == {"kept"}
    assert model.batches == []
    write_edf(recordings / "1.edf", seconds=4, seed=9)
    assert [one.state for one in run(evidence=False)].count("done") == 1


def test_a_killed_run_goes_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def killed(result: Any, job: Any, *rest: Any, **more: Any) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(job.source.stem)
        real(result, job, *rest, **more)

    real = annotate.write_result
    monkeypatch.setattr(annotate, "write_result", killed)
    with pytest.raises(KeyboardInterrupt):
        run(evidence=False)
    monkeypatch.undo()
    with (tmp_path / "out" / LEDGER).open("a") as ledger:
        ledger.write('{"recording": "1_events", "sta')
    left = tmp_path / "out" / ".preparing-left"
    left.mkdir()
    (tmp_path / "out" / "1_events.tsv").write_text("half")
    states = {one.job.source.stem: one.state for one in run(evidence=False)}
    assert states == {"0": "kept", "1": "done", "2": "done"}
    assert read_annotation(tmp_path / "out" / "1_events.tsv").duration_s == 3.0
    assert not left.exists()


def test_another_detectors_results_are_noticed(run: Run) -> None:
    run(evidence=False)
    with pytest.raises(InUse, match="another detector"):
        run(maker="other", evidence=False)
    assert {one.state for one in run(maker="other", overwrite=True, evidence=False)} == {"done"}


def test_results_from_before_tilings_could_be_chosen_are_those_of_windows(tmp_path: Path) -> None:
    Ledger(tmp_path, {"detector": "golden"}, overwrite=False)
    former = [json.loads(line) for line in (tmp_path / LEDGER).read_text().splitlines()]
    former[0]["maker"].pop("tiling")
    (tmp_path / LEDGER).write_text("".join(json.dumps(row) + "\n" for row in former))
    Ledger(tmp_path, {"detector": "golden", "tiling": "windows"}, overwrite=False)
    with pytest.raises(InUse, match="another tiling"):
        Ledger(tmp_path, {"detector": "golden", "tiling": "long"}, overwrite=False)


def test_a_ledger_with_a_readings_former_name_is_resumed(tmp_path: Path) -> None:
    former = {"maker": {"detector": "golden", "reading": "encode_once"}}
    (tmp_path / LEDGER).write_text(json.dumps(former) + "\n")
    Ledger(tmp_path, {"detector": "golden", "tiling": "long"}, overwrite=False)
    with pytest.raises(InUse, match="another tiling"):
        Ledger(tmp_path, {"detector": "golden", "tiling": "windows"}, overwrite=False)


def test_identity_follows_weights_thresholds_and_stride(golden: Detector) -> None:
    others = [
        golden.with_stride(1.0),
        golden.with_detection(EASY),
        replace(golden, model=golden.model | {"prior": 0.1}),
    ]
    assert len({golden.identity, *(other.identity for other in others)}) == 4
    assert golden.identity == replace(golden).identity


def test_a_file_of_someone_else_is_never_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    theirs = tmp_path / "out" / "1_events.tsv"
    theirs.write_text("the annotator's")
    failed = [one for one in run(evidence=False) if one.state == "failed"]
    assert [type(one.error) for one in failed] == [InUse]
    assert "no run into it wrote" in str(failed[0].error)
    assert theirs.read_text() == "the annotator's"


def test_a_recording_that_fails_half_way_leaves_nothing_and_stops_no_other(
    run: Run, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recordings / "bad.edf").write_text("no EDF")
    cut = recordings / "1.edf"
    cut.write_bytes(cut.read_bytes()[:-4000])

    def full_disk(result: Result, _: Path) -> None:
        if result.annotation.duration_s == 11.0:
            raise OSError(28, "No space left on device")

    monkeypatch.setitem(WRITERS, "json", (".json", full_disk))
    states = {one.job.source.stem: one.state for one in run(formats=ALL, evidence=False)}
    assert states["0"] == "done"
    assert states["2"] == states["bad"] == "failed"
    names = {path.name for path in (tmp_path / "out").iterdir() if path.name[0] in "2b"}
    assert names == set()


def test_two_runs_into_one_folder_are_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def busy(*_: object, **__: object) -> Any:
        yield "busy"

    monkeypatch.setattr(annotate, "lock", busy)
    with pytest.raises(InUse, match="another run writes into"):
        run()


def test_every_format_tells_the_same_events(
    run: Run, golden: Detector, recordings: Path, tmp_path: Path
) -> None:
    run(detector=golden.with_detection(EASY), backend=LoudWhere((3,), 60.0), formats=ALL)
    output = tmp_path / "out"
    message = read_annotation(output / "2_events.tsv")
    assert len(message.events) > 0
    intervals = [(event.onset_s, event.duration_s) for event in message.events]
    by_mne = mne.read_annotations(output / "2_events.edf")
    by_edfio = edfio.read_edf(output / "2_events.edf").annotations
    seen_by_mne = [(one["onset"], one["duration"]) for one in by_mne if one["description"] == "sz"]
    seen_by_edfio = [(one.onset, one.duration) for one in by_edfio if one.text == "sz"]
    np.testing.assert_allclose(seen_by_mne, intervals, atol=1e-4)
    np.testing.assert_allclose(seen_by_edfio, seen_by_mne, atol=1e-9)
    content = json.loads((output / "2_events.json").read_text())
    assert [one["onset_s"] for one in content["events"]] == pytest.approx(
        [onset_s for onset_s, _ in intervals], abs=1e-4
    )
    assert {event.channels for event in message.events} == {(ELECTRODES[3],)}
    rows = list(csv.DictReader((output / "2_events.tsv").read_text().splitlines(), delimiter="\t"))
    assert all(0 <= float(row["confidence"]) <= 1 for row in rows)


def test_a_bids_derivative_says_what_made_it(tmp_path: Path) -> None:
    (tmp_path / "dataset_description.json").write_text('{"Name": "Ward"}')
    write_bids_description(tmp_path / "out", tmp_path)
    made = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert made["DatasetType"] == "derivative"
    assert made["GeneratedBy"][0]["Name"] == "brainbrr"
    assert made["Name"] == "Seizure events in Ward"


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidOption, match="tsv, csv_bi, edf, json"):
        check_formats(["tsv", "xml"])
    assert check_formats("csv_bi") == ["csv_bi"]
