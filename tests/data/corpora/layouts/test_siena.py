import pytest

from brainbrr.data.corpora.layouts import siena
from brainbrr.data.corpora.layouts.source import UnreadableLabels


def write_recording(folder, name, clock):
    folder.mkdir(parents=True, exist_ok=True)
    header = bytearray(b" " * 256)
    header[176:184] = clock.encode()
    (folder / name).write_bytes(bytes(header))


def block(name="", start="", onset="19.58.36", end="19.59.46", word="Seizure "):
    lines = ["Seizure n 1 "]
    lines += [f"File name: {name}  "] if name else []
    lines += [f"Registration start time: {start}"] if start else []
    lines += [f"{word}start time: {onset} ", f"{word}end time:{end}", ""]
    return "\n".join(lines)


def labelled(tmp_path, recordings, text, patient="PN00"):
    folder = tmp_path / patient
    for name, clock in recordings.items():
        write_recording(folder, name, clock)
    (folder / f"Seizures-list-{patient}.txt").write_text(
        "Data Sampling Rate: 512 Hz\nChannel 5: 1\n\n" + text
    )
    return {source.path.name: source for source in siena.find_recordings(tmp_path)}


def spans(source):
    assert source.refusal is None, source.refusal
    return [(event.onset_s, event.offset_s) for event in source.events]


def test_clock_times_count_from_the_header(tmp_path):
    found = labelled(
        tmp_path,
        {"PN00-1.edf": "19.39.33", "PN00-2.edf": "02.18.17"},
        block("PN00-1.edf", "19.39.33"),
    )
    assert spans(found["PN00-1.edf"]) == [(1143.0, 1213.0)]
    assert found["PN00-1.edf"].subject == "PN00"
    assert found["PN00-2.edf"].events == ()


def test_the_header_outweighs_a_start_told_by_hand(tmp_path):
    found = labelled(
        tmp_path,
        {"PN14-3.edf": "19.17.45"},
        block("PN14-3.edf", "16.17.45", "00.10.05", "00.10.46"),
        "PN14",
    )
    assert spans(found["PN14-3.edf"]) == [(17540.0, 17581.0)]


def test_without_a_clock_in_the_header_the_list_counts(tmp_path):
    found = labelled(tmp_path, {"PN00-1.edf": "        "}, block("PN00-1.edf", "19.39.33"))
    assert spans(found["PN00-1.edf"]) == [(1143.0, 1213.0)]


def test_past_midnight(tmp_path):
    found = labelled(
        tmp_path,
        {"PN07-1.edf": "23.18.10"},
        block("PN07-1.edf", "23.18.10", "05.25.49", "05.26.51"),
        "PN07",
    )
    assert spans(found["PN07-1.edf"]) == [(22059.0, 22121.0)]
    over = labelled(
        tmp_path,
        {"PN07-1.edf": "23.18.10"},
        block("PN07-1.edf", "23.18.10", "23.59.50", "00.00.20"),
        "PN07",
    )
    assert spans(over["PN07-1.edf"]) == [(2500.0, 2530.0)]


@pytest.mark.parametrize(
    ("onset", "end", "expected"),
    [
        ("16:13.23", "16:14:23", (23.0, 83.0)),
        ("1 6.13.23", "16.14.23 ", (23.0, 83.0)),
        ("16.13.23 (CLINICAL ONSET); 16.13.29 (ELECTRIC ONSET)", "16.14.23", (29.0, 83.0)),
        ("16.13.23 (CLINICAL ONSET)", "16.14.23", (23.0, 83.0)),
        ("16.13.23", "16.14.23 opure 16.14.02", (23.0, 83.0)),
    ],
)
def test_times_written_by_hand(tmp_path, onset, end, expected):
    found = labelled(
        tmp_path, {"PN10-2.edf": "16.13.00"}, block("PN10-2.edf", "16.13.00", onset, end), "PN10"
    )
    assert spans(found["PN10-2.edf"]) == [expected]


def test_one_file_name_for_two_seizures_and_bare_keys(tmp_path):
    text = (
        "File name: PN01.edf\nRegistration start time: 19:00:44\nRegistration end time: 08:16:27\n"
        + block(onset="21:51:02", end="21:51:56", word="")
        + block(onset="07:53:17", end="07:54:31", word="Seizure ")
    )
    found = labelled(tmp_path, {"PN01-1.edf": "19.00.44"}, text, "PN01")
    assert spans(found["PN01-1.edf"]) == [(10218.0, 10272.0), (46353.0, 46427.0)]


def test_a_letter_o_for_a_zero_and_a_name_without_number(tmp_path):
    found = labelled(
        tmp_path,
        {"PN06-1.edf": "04.21.22", "PN06-2.edf": "04.21.22"},
        block("PNO6-1.edf", "04.21.22", "05.54.25", "05.55.29"),
        "PN06",
    )
    assert spans(found["PN06-1.edf"]) == [(5583.0, 5647.0)]
    assert found["PN06-2.edf"].events == ()
    only = labelled(
        tmp_path / "other",
        {"PN11-1.edf": "11.31.25"},
        block("PN11-.edf", "11.31.25", "13.37.19", "13.38.14"),
        "PN11",
    )
    assert spans(only["PN11-1.edf"]) == [(7554.0, 7609.0)]


def test_a_name_that_fits_no_recording_leaves_none_of_them_free_of_seizures(tmp_path):
    found = labelled(
        tmp_path,
        {"PN00-1.edf": "19.39.33", "PN00-2.edf": "02.18.17"},
        block("PN00-.edf", "19.39.33"),
    )
    for source in found.values():
        assert isinstance(source.refusal, UnreadableLabels)
        assert "may mean" in str(source.refusal)


def test_a_listed_recording_that_is_absent_is_no_stranger(tmp_path):
    found = labelled(tmp_path, {"PN00-2.edf": "02.18.17"}, block("PN00-1.edf", "19.39.33"))
    assert found["PN00-2.edf"].events == ()


def test_a_time_that_cannot_be_read_refuses_the_recording(tmp_path):
    found = labelled(tmp_path, {"PN00-1.edf": "19.39.33"}, block("PN00-1.edf", "19.39.33", "soon"))
    assert "an unreadable one" in str(found["PN00-1.edf"].refusal)


def test_a_known_misprint_is_corrected(tmp_path):
    found = labelled(
        tmp_path,
        {"PN00-3.edf": "18.15.44"},
        block("PN00-3.edf", "18.15.44", "18.28.29", "19.29.29"),
    )
    assert spans(found["PN00-3.edf"]) == [(765.0, 825.0)]


def test_without_a_list_nothing_is_labelled(tmp_path):
    write_recording(tmp_path / "PN00", "PN00-1.edf", "19.39.33")
    assert [source.events for source in siena.find_recordings(tmp_path)] == [None]
