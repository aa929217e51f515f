"""Score tables in a terminal: intervals, dashes and baselines."""

from io import StringIO

from rich.console import Console

from brainbrr.reporting.table import ANSWER, answer_table, score_table


def shown(table):
    console = Console(width=160, file=StringIO())
    console.print(table)
    return console.file.getvalue()


def test_the_table_has_scores_intervals_dashes_and_baselines(scores):
    text = shown(score_table(scores, {"line length": {"nedc": {"ovlp": {"sensitivity": 0.123}}}}))
    lines = text.splitlines()
    event = next(line for line in lines if "SzCORE events, mean of subjects" in line)
    assert "0.417 (0.312\u20130.523)" in event
    assert "\u2013 " in event
    overlap = next(i for i, line in enumerate(lines) if "(OVLP)" in line)
    assert "line length" in lines[overlap + 1]
    assert "0.123" in lines[overlap + 1]
    assert text.count("line length") == 1
    assert "sensitivity at 2.5 false alarms per 24 h" in text
    assert "0.290" in text
    assert "AUROC" in text


def test_the_answer_is_short_and_has_baselines_beside_it(scores):
    baseline = {"szcore": {"event": {"subject_mean": {"f1": 0.123}}}}
    lines = shown(answer_table(scores, {"line_length": baseline})).splitlines()
    assert len(lines) <= 15
    event = next(line for line in lines if "SzCORE events, F1" in line)
    assert "0.417 (0.312\u20130.523)" in event
    assert "0.123" in event
    assert "line length" in "".join(lines[:3])
    assert sum("\u2013 \u2502" in line for line in lines) >= len(ANSWER) - 1


def test_definitions_without_scores_have_no_row(scores):
    assert "TAES" not in shown(score_table(scores))


def test_the_legacy_f1_has_its_own_row(scores):
    row = next(line for line in shown(score_table(scores)).splitlines() if "before 2026" in line)
    assert "0.611" in row
