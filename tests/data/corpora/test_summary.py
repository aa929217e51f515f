from dataclasses import dataclass, field

import pytest

from brainbrr.data.corpora.summary import summarize
from brainbrr.signal.electrodes import ELECTRODES


@dataclass(frozen=True)
class Recorded:
    subject: str = "a"
    split: str = "train"
    duration_s: float = 3600.0
    gaps: list = field(default_factory=list)
    events: list | None = field(default_factory=list)
    source_rate_hz: float = 256.0
    reference: str = "common"
    mains_hz: float | None = 50.0
    observed: list = field(default_factory=lambda: [True] * 19)
    interpolated: list = field(default_factory=list)


def test_a_corpus_in_numbers():
    without_pz = [name != "Pz" for name in ELECTRODES]
    summary = summarize(
        [
            Recorded(events=[[0.0, 20.0, "sz"], [100.0, 90.0, "sz_foc"], [300.0, 30.0, "sz"]]),
            Recorded(gaps=[[0.0, 1800.0]], mains_hz=None, observed=without_pz),
            Recorded("b", "val", events=None, reference="bipolar", interpolated=["Fz"]),
        ],
        ["NotAnEdf", "AllFlat", "NotAnEdf"],
    )
    assert list(summary["splits"]) == ["train", "val", "all"]
    assert summary["splits"]["train"] == {
        "recordings": 2,
        "subjects": 1,
        "hours": 1.5,
        "subjects_with_seizures": 1,
        "seizures": 3,
        "seizure_minutes": pytest.approx(140 / 60),
        "unlabelled": 0,
    }
    assert summary["splits"]["all"]["hours"] == 2.5
    assert summary["splits"]["all"]["unlabelled"] == 1
    assert summary["seizure_types"] == {"sz": 2, "sz_foc": 1}
    assert summary["seizure_lengths"] == {"<30 s": 1, "30-90 s": 1, ">=90 s": 1}
    assert summary["references"] == {"common": 2, "bipolar": 1}
    assert summary["mains_hz"] == {"50": 2, "none": 1}
    assert summary["missing_electrodes"] == {"Pz": 1}
    assert summary["interpolated_electrodes"] == {"Fz": 1}
    assert list(summary["quarantined"].items()) == [("NotAnEdf", 2), ("AllFlat", 1)]


def test_nothing_usable_is_zero_of_everything():
    summary = summarize([], ["NotAnEdf"])
    assert summary["splits"]["all"]["recordings"] == 0
    assert summary["seizure_lengths"] == {}


def test_recordings_without_a_split_are_told_apart():
    assert list(summarize([Recorded(split="")], [])["splits"]) == ["unassigned", "all"]
