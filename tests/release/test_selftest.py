"""The self-test of a release: run once on a machine, and never passed over."""

import logging
from pathlib import Path

import pytest
import torch

from brainbrr.inference.detector import Detector
from brainbrr.release.artifact import load_release, selftest
from brainbrr.release.untrusted import InvalidDetector

GOLDEN = Path(__file__).parent / "golden"


def test_selftest_agrees_here_and_sees_changed_weights(detector: Detector, folder: Path) -> None:
    assert selftest(folder, load_release(folder)) == 0.0
    changed = load_release(folder)
    with torch.no_grad():
        next(changed.network.parameters()).mul_(1.5)
    assert selftest(folder, changed) > 1e-6


def test_first_load_on_a_machine_says_the_largest_difference(
    marks: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    load_release(GOLDEN / "schema_2")
    assert "self-test: largest difference" in caplog.text
    assert len(list(marks.iterdir())) == 1
    caplog.clear()
    load_release(GOLDEN / "schema_2")
    assert "self-test" not in caplog.text
    load_release(GOLDEN / "schema_2", scan="chunked")
    assert "self-test: largest difference" in caplog.text


def test_a_machine_that_computes_otherwise_is_told_and_not_remembered(
    marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainbrr.release.selftest.TOLERANCE", -1.0)
    with pytest.raises(InvalidDetector, match="self-test.* on cpu"):
        load_release(GOLDEN / "schema_2")
    assert not marks.exists()
    assert load_release(GOLDEN / "schema_2", check=False)


def test_an_unwritable_cache_costs_the_memory_not_the_test(
    marks: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "c").write_text("a file where a folder belongs")
    load_release(GOLDEN / "schema_2")
    assert "not remembered" in caplog.text
