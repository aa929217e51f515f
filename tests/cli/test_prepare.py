import pytest

from brainbrr.data.corpora.manifest import read_manifest


@pytest.fixture
def arguments(bids_root, tmp_path):
    return (f"data.root={bids_root}", f"paths.cache={tmp_path / 'cache'}", "prepare.workers=1")


def test_a_corpus_is_prepared_and_told(command, arguments, bids_root, tmp_path):
    next(bids_root.rglob("sub-04*_eeg.edf")).write_bytes(b"broken")
    code, out, err = command("prepare", *arguments)
    assert code == 0, err
    assert "5 prepared now, 0 already cached" in out
    assert "sz_foc_ia 3" in out
    assert "NotAnEdf" in out
    assert "ETA" in err
    (manifest,) = (tmp_path / "cache").rglob("manifest.jsonl")
    assert len(read_manifest(manifest)) == 5
    code, out, err = command("prepare", *arguments)
    assert code == 0, err
    assert "0 prepared now, 5 already cached" in out


def test_one_split_alone(command, arguments):
    code, out, err = command("prepare", *arguments, "split=dev")
    assert code == 0, err
    assert "1 prepared now" in out


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.root=/nonexistent", "NotFound"),
        ("data.unlabelled=perhaps", "InvalidOption"),
        ("data=tusz", "NotFound"),
        ("split=half", "InvalidOption"),
        ("data.find.labels=csv", "labels"),
    ],
)
def test_a_user_s_error_is_one_line_and_exit_code_2(command, arguments, override, message):
    code, _, err = command("prepare", *arguments, override)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_missing_labels_are_refused_unless_allowed(command, arguments, bids_root):
    next(bids_root.rglob("sub-01*_events.tsv")).unlink()
    code, _, err = command("prepare", *arguments)
    assert code == 2
    assert "data.unlabelled=allow" in err
    code, out, err = command("prepare", *arguments, "data.unlabelled=allow")
    assert code == 0, err
    assert "unlabelled" in out


def test_no_heading_is_cut_off_on_a_narrow_terminal(command, arguments, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = command("prepare", *arguments)
    assert code == 0, err
    for heading in ("recordings", "subjects with seizures", "seizure minutes", "unlabelled"):
        assert heading in out
    assert "\u2026" not in out
