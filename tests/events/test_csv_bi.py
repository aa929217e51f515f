import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.errors import InvalidFile
from brainbrr.events.annotation import Annotation
from brainbrr.events.csv_bi import read_csv_bi, write_csv_bi
from brainbrr.events.event import Event

TUSZ = """# version = csv_v1.0.0
# bname = aaaaaaaq_s006_t000
# duration = 2348.00 secs
# montage_file = nedc_eas_default_montage.txt
#
channel,start_time,stop_time,label,confidence
TERM,0.0000,4.9724,bckg,1.0000
TERM,4.9724,36.3315,seiz,1.0000
"""


def file(tmp_path, text):
    path = tmp_path / "x.csv_bi"
    path.write_text(text)
    return path


def test_tusz_as_it_is(tmp_path):
    annotation = read_csv_bi(file(tmp_path, TUSZ))
    assert annotation.duration_s == 2348.0
    assert [event.event_type for event in annotation.events] == ["bckg", "sz"]
    assert annotation.seizure_intervals.tolist() == [[4.9724, pytest.approx(36.3315)]]


def test_what_nedc_reads_is_written(tmp_path):
    path = tmp_path / "aaaaaaaq_s006_t000.csv_bi"
    write_csv_bi(Annotation((Event(4.9724, 31.3591, "sz_foc", 0.5),), 2348.0), path)
    assert path.read_text() == (
        "# version = csv_v1.0.0\n# bname = aaaaaaaq_s006_t000\n# duration = 2348.0000 secs\n#\n"
        "channel,start_time,stop_time,label,confidence\nTERM,4.9724,36.3315,seiz,0.5000\n"
    )
    write_csv_bi(Annotation((Event(1.0, 2.0, "impd"),), 60.0), path)
    assert path.read_text().splitlines()[-1] == "TERM,0.0000,60.0000,bckg,1.0000"


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**5)), max_size=5))
def test_seizures_come_back(tmp_path_factory, pairs):
    events = tuple(Event(on / 1e4, long / 1e4) for on, long in pairs)
    path = tmp_path_factory.mktemp("csv") / "x.csv_bi"
    annotation = Annotation(events, 200.0)
    write_csv_bi(annotation, path)
    again = read_csv_bi(path)
    assert again.duration_s == 200.0
    expected = annotation.seizure_intervals.ravel().tolist()
    assert sorted(again.seizure_intervals.ravel().tolist()) == pytest.approx(sorted(expected))


def test_the_duration_may_come_from_elsewhere(tmp_path):
    text = "\n".join(line for line in TUSZ.splitlines() if "duration" not in line)
    assert read_csv_bi(file(tmp_path, text), 60.0).duration_s == 60.0
    with pytest.raises(InvalidFile, match="duration = "):
        read_csv_bi(file(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "without a table"),
        (TUSZ.replace("start_time", "begin"), "start_time"),
        (TUSZ.replace("36.3315", "soon"), "soon"),
        (TUSZ.replace("36.3315", "1.0"), "duration -3.9"),
        (TUSZ.replace("TERM,4", "FP1-F7,4"), "FP1-F7"),
        (TUSZ.replace("2348.00 secs", ""), "columns"),
    ],
)
def test_refusals(tmp_path, text, match):
    with pytest.raises(InvalidFile, match=match):
        read_csv_bi(file(tmp_path, text))
