import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.data.corpora.corrections import COLUMNS
from brainbrr.reporting.cases import Case
from brainbrr.reporting.review import review_section

EEG_UV = (50 * np.random.default_rng(0).standard_normal((19, 256))).astype(np.float32)
EVENT = Case("sub-01", "false alarm", 1.0, 2.0, confidence=0.9, eeg_uv=EEG_UV)


def events(*uncertainties, kind="hit"):
    return [
        Case("r", kind, float(index), 1.0, confidence=0.5 + (1 - value) / 2)
        for index, value in enumerate(uncertainties)
    ]


def test_without_events_there_is_nothing_to_review():
    body, n_left_out = review_section([], 10**6)
    assert "No events to show." in body and "<section" not in body
    assert n_left_out == 0


@given(st.integers(0, 400_000))
def test_figures_stay_within_the_limit_and_are_left_out_from_the_end(max_bytes):
    cases = [replace(EVENT, onset_s=float(index)) for index in range(4)]
    body, n_left_out = review_section(cases, max_bytes)
    bare, _ = review_section(cases, 0)
    assert len(body.encode()) - len(bare.encode()) <= max_bytes
    shown = ["<svg" in article for article in body.split("<article")[1:]]
    assert shown == sorted(shown, reverse=True)
    assert shown.count(False) == n_left_out
    assert body.count("No EEG in this file for this event.") == n_left_out


def test_an_event_without_eeg_and_probability_is_not_counted_as_left_out():
    body, n_left_out = review_section(events(0.5), 10**6)
    assert n_left_out == 0 and "No EEG in this file for this event." in body


def test_the_list_is_grouped_by_kind_and_ordered_by_uncertainty():
    cases = [*events(0.2, 0.9), *events(0.4, 0.6, kind="missed seizure")]
    body, _ = review_section(cases, 10**6)
    rows = re.findall(r'data-case="case-(\d+)" data-kind="([^"]*)"', body)
    kinds = ["missed seizure"] * 2 + ["hit"] * 2
    assert rows == list(zip(["3", "2", "1", "0"], kinds, strict=True))


def test_the_digest_depends_on_the_events_and_not_on_how_they_are_drawn():
    def digest(*cases):
        return re.search(r'data-digest="(\w{16})"', review_section(cases, 10**6)[0])[1]

    assert digest(EVENT) == digest(replace(EVENT, eeg_uv=None, confidence=0.1))
    assert digest(EVENT) != digest(replace(EVENT, onset_s=1.5))
    assert digest(EVENT) != digest(replace(EVENT, duration_s=2.5))
    assert digest(EVENT) != digest(EVENT, EVENT)


def test_the_columns_of_the_corrections_come_from_the_reader_of_them():
    columns = re.search(r'data-columns="([^"]*)"', review_section([EVENT], 10**6)[0])[1]
    assert columns == "[" + ",".join(f"&quot;{name}&quot;" for name in COLUMNS) + "]"


@pytest.mark.parametrize(
    ("kind", "label"), [("missed seizure", "highest probability"), ("hit", "confidence")]
)
def test_the_facts_name_what_the_number_is(kind, label):
    body, _ = review_section([replace(EVENT, kind=kind)], 10**6)
    assert f"2.0 s long; {label} 0.90; " in body
