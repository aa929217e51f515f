import pytest

from brainbrr.events.codes import seizure_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("seiz", "sz"), ("SEIZ", "sz"), ("Seizure", "sz"), ("sz", "sz"), ("SZ", "sz"),
        ("fnsz", "sz_foc"), ("GNSZ", "sz_gen"), ("spsz", "sz_foc_a"), ("cpsz", "sz_foc_ia"),
        ("absz", "sz_gen_nm"), ("tnsz", "sz_gen_m_tonic"), ("cnsz", "sz_gen_m_clonic"),
        ("tcsz", "sz_gen_m_tonicClonic"), ("atsz", "sz_gen_m_atonic"),
        ("mysz", "sz_gen_m_myoclonic"), ("sz_foc_ia_m", "sz_foc_ia_m"), ("sz-foc", "sz_foc"),
        (" sz_gen_m_tonicClonic ", "sz_gen_m_tonicClonic"),
    ],
)  # fmt: skip
def test_seizures_of_every_vocabulary(text, code):
    assert seizure_code(text) == code


@pytest.mark.parametrize(
    "text",
    ["bckg", "BCKG", "impd", "", "n/a", "no seizure", "preictal", "szabo", "artf", "eyem", "nesz"],
)
def test_anything_else_is_no_seizure(text):
    assert seizure_code(text) is None
