import pytest

from brainbrr.errors import InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.codes import event_code, names_seizure
from brainbrr.events.csv_bi import write_csv_bi
from brainbrr.events.edf_annotations import write_edf_annotations
from brainbrr.events.event import Event
from brainbrr.events.formats import read_annotation
from brainbrr.events.tsv import write_tsv


@pytest.mark.parametrize(
    ("write", "name"),
    [(write_tsv, "x.tsv"), (write_csv_bi, "x.csv_bi"), (write_edf_annotations, "x.EDF")],
)
def test_the_suffix_chooses_the_reader(tmp_path, write, name):
    write(Annotation((Event(10.0, 20.0),), 60.0), tmp_path / name)
    again = read_annotation(tmp_path / name)
    assert again.seizure_intervals.tolist() == [[10.0, 30.0]]
    assert again.duration_s == 60.0


def test_another_suffix_is_refused():
    with pytest.raises(InvalidOption, match=r"x\.json"):
        read_annotation("x.json")


@pytest.mark.parametrize(
    ("label", "code", "seizure"),
    [
        ("sz", "sz", True),
        ("SZ", "sz", True),
        ("sz-foc", "sz_foc", True),
        ("sz_gen_m_tonicClonic", "sz_gen_m_tonicClonic", True),
        (" seiz ", "sz", True),
        ("Seizure", "sz", True),
        ("fnsz", "sz_foc", True),
        ("nesz", "nesz", False),
        ("bckg", "bckg", False),
        ("eyes-open", "eyes-open", False),
    ],
)
def test_labels(label, code, seizure):
    assert event_code(label) == code
    assert names_seizure(code) is seizure
