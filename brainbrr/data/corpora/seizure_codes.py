"""What label files call a seizure, in HED-SCORE codes."""

_CODES = {
    "seiz": "sz",
    "seizure": "sz",
    "fnsz": "sz_foc",
    "gnsz": "sz_gen",
    "spsz": "sz_foc_a",
    "cpsz": "sz_foc_ia",
    "absz": "sz_gen_nm",
    "tnsz": "sz_gen_m_tonic",
    "cnsz": "sz_gen_m_clonic",
    "tcsz": "sz_gen_m_tonicClonic",
    "atsz": "sz_gen_m_atonic",
    "mysz": "sz_gen_m_myoclonic",
    "nesz": "sz",
}
"""The codes of the TUH corpus (TUSZ v2 annotation guide) and the plain word."""


def seizure_code(text: str) -> str | None:
    """The HED-SCORE code of a seizure label in any vocabulary and case; None for anything else.

    HED-SCORE codes (`sz`, `sz_foc_ia`, dashes for underscores too) keep their own spelling.
    """
    word = text.strip()
    code = word.lower().replace("-", "_")
    if code == "sz" or (code.startswith("sz_") and code.replace("_", "").isalnum()):
        return word.replace("-", "_") if code != "sz" else "sz"
    return _CODES.get(code)
