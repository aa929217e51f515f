import csv
import struct

import pytest

from brainbrr.data.corpora.layouts import chbmit
from brainbrr.data.corpora.layouts.source import UnreadableLabels

HEAD = (
    "Data Sampling Rate: 256 Hz\n\nChannels in EDF Files:\n**********\n"
    "Channel 1: FP1-F7\nChannel 2: F7-T7\n\n"
)


def entry(
    name, *seizures, times="File Start Time: 23:30:00\nFile End Time: 24:30:00\n", count=None
):
    lines = "".join(
        f"Seizure {n} Start Time: {on} seconds\nSeizure {n} End Time:   {off} seconds\n"
        for n, (on, off) in enumerate(seizures, 1)
    )
    count = len(seizures) if count is None else count
    return f"File Name: {name}\n{times}Number of Seizures in File: {count}\n{lines}\n"


def wfdb(*edges):
    words, last = b"", 0
    for code, sample in edges:
        step, last = sample - last, sample
        words += struct.pack("<HhH", 59 << 10, step >> 16, step & 0xFFFF)
        words += struct.pack("<H", code << 10)
    return words + b"\x00\x00"


@pytest.fixture
def root(tmp_path):
    for name in (
        "chb01/chb01_01",
        "chb01/chb01_03",
        "chb21/chb21_01",
        "chb24/chb24_02",
        "chb17/chb17a_03",
    ):
        path = tmp_path / f"{name}.edf"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    summaries = {
        "chb01": entry("chb01_01.edf") + entry("chb01_03.edf", (2996, 3036)),
        "chb21": entry("chb21_01.edf", (10, 20)),
        "chb24": entry("chb24_01.edf", (480, 505), times=""),
        "chb17": entry("chb17a_03.edf", (2282, 2372)),
    }
    for case, text in summaries.items():
        (tmp_path / case / f"{case}-summary.txt").write_text(HEAD + text)
    return tmp_path


def found(root):
    return {source.recording_id: source for source in chbmit.find_recordings(root)}


def test_recordings_are_labelled_by_their_summaries(root):
    sources = found(root)
    assert [(e.onset_s, e.offset_s) for e in sources["chb01_03"].events] == [(2996.0, 3036.0)]
    assert sources["chb01_01"].events == ()
    assert sources["chb01_01"].stated_duration_s == 3600.0
    assert (sources["chb17a_03"].subject, sources["chb17a_03"].session) == ("chb17", "chb17a")


def test_case_21_is_the_child_of_case_1(root):
    sources = found(root)
    assert sources["chb21_01"].subject == sources["chb01_01"].subject == "chb01"


def test_a_recording_left_out_is_unlabelled_unless_the_list_of_seizures_leaves_it_out(root):
    assert found(root)["chb24_02"].events is None
    (root / "RECORDS-WITH-SEIZURES").write_text("chb01/chb01_03.edf\nchb24/chb24_01.edf\n")
    assert found(root)["chb24_02"].events == ()


def test_a_binary_file_that_agrees_changes_nothing(root):
    (root / "chb01" / "chb01_03.edf.seizures").write_bytes(wfdb((32, 2996 * 256), (33, 3036 * 256)))
    source = found(root)["chb01_03"]
    assert source.refusal is None
    assert len(source.events) == 1


@pytest.mark.parametrize("edges", [[], [(32, 2990 * 256), (33, 3036 * 256)]])
def test_a_binary_file_that_disagrees_refuses_the_recording(root, edges):
    (root / "chb01" / "chb01_03.edf.seizures").write_bytes(wfdb(*edges))
    refusal = found(root)["chb01_03"].refusal
    assert isinstance(refusal, chbmit.LabelsDisagree)
    assert "2996" in str(refusal)


def test_a_binary_file_labels_what_the_summary_leaves_out(root):
    (root / "chb24" / "chb24_02.edf.seizures").write_bytes(wfdb((32, 256), (33, 1024)))
    assert [(e.onset_s, e.offset_s) for e in found(root)["chb24_02"].events] == [(1.0, 4.0)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [(wfdb((32, 256))[:-2], "truncated"), (wfdb((32, 256)), "a start and an end")],
)
def test_a_damaged_binary_file_is_refused(tmp_path, content, fault):
    path = tmp_path / "x.edf.seizures"
    path.write_bytes(content)
    with pytest.raises(UnreadableLabels, match=fault):
        chbmit.read_seizures(path)


def test_an_entry_with_another_number_of_seizures_than_it_says_is_refused(root):
    (root / "chb21" / "chb21-summary.txt").write_text(HEAD + entry("chb21_01.edf", (1, 2), count=2))
    assert "the stated number of seizures is wrong" in str(found(root)["chb21_01"].refusal)


def test_channels_change_behind_the_recording_before(tmp_path):
    change = "Channels changed:\n****\nChannel 1: F7-CS2\nChannel 2: -\n\n"
    path = tmp_path / "chb12-summary.txt"
    path.write_text(HEAD + entry("chb12_01.edf") + change + entry("chb12_02.edf"))
    entries = chbmit.read_summary(path)
    assert entries["chb12_01.edf"].channels == ("FP1-F7", "F7-T7")
    assert entries["chb12_02.edf"].channels == ("F7-CS2", "-")


def test_all_summaries_tell_the_198_seizures_of_the_index(shared_data):
    folder = shared_data / "chbmit" / "annotations"
    entries = {}
    for path in sorted(folder.glob("*-summary.txt")):
        entries |= chbmit.read_summary(path)
    message = sorted(
        (name, e.onset_s, e.offset_s) for name, item in entries.items() for e in item.events
    )
    with (folder / "seizure_index.tsv").open() as file:
        index = csv.DictReader(file, delimiter="\t")
        expected = sorted((r["file"], float(r["start_s"]), float(r["end_s"])) for r in index)
    assert message == expected
    assert (len(message), len({name for name, *_ in message}), len(entries)) == (198, 141, 676)
    assert not [name for name, item in entries.items() if item.fault]
    durations = [item.duration_s for item in entries.values() if item.duration_s is not None]
    assert 0 < min(durations) < max(durations) < 4.1 * 3600


def test_binary_files_agree_with_the_summaries(shared_data):
    folder = shared_data / "chbmit" / "annotations"
    entries = chbmit.read_summary(folder / "chb03-summary.txt")
    binaries = sorted(folder.glob("*.seizures"))
    assert len(binaries) == 7
    for path in binaries:
        events = entries[path.name.removesuffix(".seizures")].events
        assert chbmit.read_seizures(path) == tuple((e.onset_s, e.offset_s) for e in events)
