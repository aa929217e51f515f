"""What predict shows on the terminal: few events in a table, many as a sum."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from brainbrr.cli.predict import LISTED_RECORDINGS, LISTED_ROWS, events_table
from brainbrr.errors import InvalidFile
from brainbrr.events.annotation import Annotation
from brainbrr.events.csv_bi import write_csv_bi
from brainbrr.events.event import Event
from brainbrr.events.tsv import write_tsv
from brainbrr.inference.annotate import Outcome, Settings
from brainbrr.inference.recordings import Job

SEIZURE = Event(12.25, 30.0, confidence=0.875, channels=("T3", "C3"))
Predicted = Callable[..., Outcome]


@pytest.fixture
def predicted(tmp_path: Path) -> Predicted:
    """Writes the results of a recording of 100 s and gives its outcome."""

    def write(name: str, *events: Event, folder: str = "out") -> Outcome:
        job = Job(tmp_path / "in" / f"{name}_eeg.edf", tmp_path / folder / f"{name}_events")
        write_tsv(Annotation(events, 100.0), job.target.with_name(f"{name}_events.tsv"))
        return Outcome(job, "kept")

    return write


def rows(outcomes: Sequence[Outcome], formats: tuple[str, ...] = ("tsv",)) -> list[list[str]]:
    table = events_table(list(outcomes), Settings(formats))
    if table is None:
        return []
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()[1:]]


def test_each_detected_seizure_is_a_row(predicted: Predicted) -> None:
    first = predicted("a", SEIZURE, Event(60.0, 5.0, "bckg"))
    assert rows([first, predicted("b")]) == [
        ["a_eeg.edf", "detected", "12.2", "s", "42.2", "s", "0.88", "T3,", "C3"]
    ]


def test_annotated_seizures_stand_above_the_detected(predicted: Predicted, tmp_path: Path) -> None:
    outcome = predicted("a", SEIZURE)
    table = tmp_path / "in" / "a_events.tsv"
    table.parent.mkdir()
    table.write_text("onset\tduration\teventType\n10\t20\tsz\n0\t10\tbckg\n")
    assert [row[:4] for row in rows([outcome])] == [
        ["a_eeg.edf", "annotated", "10.0", "s"],
        ["a_eeg.edf", "detected", "12.2", "s"],
    ]


def test_a_table_that_cannot_be_read_is_a_warning(
    predicted: Predicted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = predicted("a", SEIZURE)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a_events.tsv").write_text("begin\tend\n1\t2\n")
    assert [row[1] for row in rows([outcome])] == ["detected"]
    assert "a_events.tsv: InvalidFile" in caplog.text


def test_results_next_to_the_recording_are_not_shown_as_an_annotation(
    predicted: Predicted,
) -> None:
    assert [row[1] for row in rows([predicted("a", SEIZURE, folder="in")])] == ["detected"]


def test_other_formats_are_read_back_and_json_is_not(predicted: Predicted, tmp_path: Path) -> None:
    outcome = predicted("a")
    write_csv_bi(Annotation((SEIZURE,), 100.0), tmp_path / "out" / "a_events.csv_bi")
    assert [row[1] for row in rows([outcome], ("json", "csv_bi"))] == ["detected"]
    assert rows([outcome], ("json",)) == []


def test_a_recording_that_failed_has_no_row(predicted: Predicted) -> None:
    failed = Outcome(predicted("a", SEIZURE).job, "failed", error=InvalidFile("broken", "Fix it."))
    assert [row[0] for row in rows([failed, predicted("b", SEIZURE)])] == ["b_eeg.edf"]


def test_many_recordings_or_events_are_not_listed(predicted: Predicted) -> None:
    few = [predicted(f"r{number}", SEIZURE) for number in range(LISTED_RECORDINGS)]
    assert len(rows(few)) == LISTED_RECORDINGS
    assert rows([*few, predicted("more", SEIZURE)]) == []
    listed = [Event(float(2 * number), 1.0) for number in range(LISTED_ROWS + 1)]
    assert len(rows([predicted("a", *listed[1:])])) == LISTED_ROWS
    assert rows([predicted("a", *listed)]) == []
