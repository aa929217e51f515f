import json

import pytest


def test_a_corpus_is_looked_at_and_told(command, bids_root, tmp_path):
    content = next(bids_root.rglob("sub-01*_eeg.edf")).read_bytes()
    next(bids_root.rglob("sub-05*_eeg.edf")).write_bytes(content)
    next(bids_root.rglob("sub-04*_eeg.edf")).write_bytes(b"broken")
    code, out, err = command("inspect", f"data.root={bids_root}", "workers=1")
    assert code == 0, err
    assert "looks like bids" in err + out
    assert "NotAnEdf" in out
    assert "the same signal: sub-01_ses-01_task-szMonitoring_run-00 and sub-05" in out
    assert "19 channels (train and val)" in out
    report = json.loads((tmp_path / "inspect.json").read_text())
    assert report["summary"]["quarantined"] == {"NotAnEdf": 1}
    assert len(report["recordings"]) == 6
    assert len(report["copies"]) == 1


def test_an_empty_folder_is_refused(command, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = command("inspect", f"data.root={tmp_path / 'empty'}")
    assert code == 2
    assert "NotFound" in err


@pytest.mark.parametrize("shown", [1, 40])
def test_only_so_many_rows_are_shown(command, bids_root, shown):
    _, out, _ = command("inspect", f"data.root={bids_root}", "workers=1", f"rows_shown={shown}")
    assert out.count("_task-szMonitoring") == min(shown, 6)
