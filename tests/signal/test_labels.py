"""Labels to derivations, by grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import (
    Derivation,
    canonical_electrode,
    derivations,
    kind_of,
    parse_label,
)

FAMILIES = {
    "EEG FP1-REF": ("Fp1", "REF"),  # TUH, average reference and common
    "EEG T3-LE": ("T3", "LE"),  # TUH, linked ears
    "Fp1-Avg": ("Fp1", "AVG"),  # SzCORE
    "EEG Fp1": ("Fp1", "REF"),  # Siena, EEGMAT
    "FP1-F7": ("Fp1", "F7"),  # CHB-MIT
    "T8-P8": ("T4", "T6"),  # CHB-MIT, new names
    "T7-FT9": ("T3", "FT9"),
    "T8-P8-1": ("T4", "T6"),  # MNE's second copy
    "Fp1-1": ("Fp1", "REF"),
    "EEG FP1-F7": ("Fp1", "F7"),
    "fp1": ("Fp1", "REF"),
    "POL Fp1": ("Fp1", "REF"),  # Nihon Kohden
    "EEG Fp1-Ref": ("Fp1", "REF"),
    "EEG T3 - A2": ("T3", "A2"),
    "C3-A1A2": ("C3", "LE"),
    "C4-(A1+A2)/2": ("C4", "LE"),
    "C3M2": ("C3", "M2"),  # polysomnography
    "F3_REF": ("F3", "REF"),
    "Fp1 Cz": ("Fp1", "Cz"),
    "Fc5.": ("FC5", "REF"),  # PhysioNet's motor imagery
    "EEG Fpz-Cz": ("FPZ", "Cz"),
    "EEG A2-A1": ("A2", "A1"),
    "EEGP7-Ref": ("T5", "REF"),
    "O1\u2013O2": ("O1", "O2"),
    "EEG O2-M1M2\0\0": ("O2", "LM"),
    "C3-G": ("C3", "REF"),
}


@pytest.mark.parametrize(("label", "expected"), FAMILIES.items())
def test_families_of_labels(label, expected):
    assert parse_label(label) == Derivation(*expected)


@pytest.mark.parametrize(
    "label",
    [
        "EKG1", "EEG EKG1-REF", "ECG ECG", "EOG horizontal", "EMG submental", "PHOTIC-REF",
        "EEG LOC-REF", "EEG ROC-REF", "EEG 26-REF", "EDF Annotations", "Status", "STI 014", "SP1",
        "EEG SP1-REF", "IBI", "BURSTS", "SUPPR", "DC1", "Resp oro-nasal", "-", "", "BTEleft SD",
        "CROSStop SD", "F99", "Fp1-EKG", "EEG C3P-REF", "POL $A1", "Fpx", "X1", "VNS",
        "Temp rectal",
    ],
)  # fmt: skip
def test_what_is_no_derivation_of_the_scalp(label):
    assert parse_label(label) is None
    assert kind_of(label) == "other"


def test_kinds():
    assert [kind_of(label) for label in ("EEG Fp1-REF", "T7-P7", "FT9-FT10", "C3-A2")] == [
        "scalp"
    ] * 4
    assert [kind_of(label) for label in ("EEG A2-A1", "A1-REF", "M1")] == ["ear"] * 3
    assert [kind_of(label) for label in ("EEG C3-LAP", "C3-Laplacian")] == ["laplacian"] * 2


def test_lettered_caps_are_not_the_ten_twenty_system():
    cap = [f"{letter}{n}" for letter in "ABCD" for n in range(1, 33)]
    assert set(derivations(cap)) == {None}
    assert derivations(["C3", "C4", "A1", "A2"])[0] == Derivation("C3", "REF")


spelling = st.sampled_from([str.upper, str.lower, str.title, str])
prefix = st.sampled_from(["", "EEG ", "eeg ", "POL ", "EEG-", " "])


@given(
    st.sampled_from(ELECTRODES), spelling, prefix, st.sampled_from(["", "-REF", " - Ref", "-ref "])
)
def test_every_electrode_in_every_spelling(electrode, spell, before, after):
    assert parse_label(f"{before}{spell(electrode)}{after}") == Derivation(electrode, "REF")


@given(st.sampled_from(ELECTRODES), st.sampled_from(ELECTRODES), spelling, prefix)
def test_every_pair(plus, minus, spell, before):
    assert parse_label(f"{before}{spell(plus)}-{spell(minus)}") == Derivation(plus, minus)


@given(st.text(max_size=24))
def test_any_text_is_an_answer(label):
    derivation = parse_label(label)
    assert derivation is None or canonical_electrode(derivation.plus) == derivation.plus
