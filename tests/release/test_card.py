"""The card states what was scored, and what of the alarm budget was promised and achieved."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from brainbrr.release.artifact import load_release
from brainbrr.release.card import add_card

GOLDEN = Path(__file__).parent / "golden" / "schema_3"
RATES = {"f1": 0.5, "sensitivity": 0.75, "precision": None, "fp_per_day": 12.0}
SCORES: dict[str, Any] = {
    "szcore": {"event": {"subject_mean": RATES}},
    "intervals_95": {"szcore": {"event": {"subject_mean": {"f1": [0.25, 0.75]}}}},
    "files": {"scored": 8},
    "subjects": {name: {"nedc": {"ovlp": {"fa_per_24h": rate}}} for name, rate in
                 (("a", 1.0), ("b", 9.0), ("c", None))},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "detector"))


def test_rates_intervals_and_counts_are_stated(folder: Path) -> None:
    add_card(folder, SCORES)
    card = (folder / "card.md").read_text()
    assert "| F1 | 0.50 | 0.25 to 0.75 |" in card
    assert "| precision | undefined | - |" in card
    assert "8 recordings of 3 other subjects" in card
    assert "thresholds tuned on | nothing" in card
    assert "No alarm budget was promised" in card
    window_s = load_release(folder, check=False).windowing.window_s
    assert f"The network sees {window_s:g} s at a time" in card
    assert json.loads((folder / "scores.json").read_text()) == SCORES
    assert load_release(folder, check=False)


def test_a_promised_budget_is_compared_with_what_was_achieved(folder: Path) -> None:
    values = json.loads((folder / "detector.json").read_text())
    values["provenance"]["alarm_budget"] = {"budget_per_24h": 5.0, "promised": 0.9}
    (folder / "detector.json").write_text(json.dumps(values))
    add_card(folder, SCORES)
    card = (folder / "card.md").read_text()
    assert "- promised: 0.9" in card
    assert "- achieved: kept in 1 of 2 subjects scored above" in card


def test_a_nan_among_the_scores_is_a_defect(folder: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        add_card(folder, {**SCORES, "files": {"scored": float("nan")}})
