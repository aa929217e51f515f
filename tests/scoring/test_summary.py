import json

import pytest

from brainbrr.scoring.summary import write_scores


def test_scores_are_written_whole(tmp_path):
    write_scores({"f1": 0.5, "kappa": None}, tmp_path / "a" / "scores.json")
    assert json.loads((tmp_path / "a" / "scores.json").read_text()) == {"f1": 0.5, "kappa": None}


def test_a_nan_is_a_defect(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_scores({"f1": float("nan")}, tmp_path / "scores.json")
    assert not list(tmp_path.iterdir())
