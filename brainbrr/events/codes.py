"""Labels of annotation files as HED-SCORE codes."""

from brainbrr.events.event import BACKGROUND, SEIZURE, Event

# Labels of NEDC's files (TUSZ v2) and of hand-made EDF+ annotations.
CODES = {
    "seiz": SEIZURE,
    "seizure": SEIZURE,
    "fnsz": "sz_foc",
    "spsz": "sz_foc_a",
    "cpsz": "sz_foc_ia",
    "gnsz": "sz_gen",
    "absz": "sz_gen_nm",
    "tnsz": "sz_gen_m_tonic",
    "cnsz": "sz_gen_m_clonic",
    "tcsz": "sz_gen_m_tonicClonic",
    "atsz": "sz_gen_m_atonic",
    "mysz": "sz_gen_m_myoclonic",
    # TUSZ's "non-epileptic seizure" is seen in the patient and has no electrographic signs.
    "nesz": "nesz",
    "background": BACKGROUND,
}


def event_code(label: str) -> str:
    """Return the HED-SCORE code of a label; unknown labels stay as they are.

    A seizure code written with dashes is returned with underscores.
    """
    label = label.strip()
    code = CODES.get(label.lower(), label)
    if code.lower().replace("-", "_").startswith(SEIZURE + "_"):
        return code.replace("-", "_")
    return SEIZURE if code.lower() == SEIZURE else code


def names_seizure(code: str) -> bool:
    """Whether a HED-SCORE code is that of a seizure."""
    return Event(0.0, 1.0, code).is_seizure


def seizure_code(label: str) -> str | None:
    """Return the HED-SCORE code of a label that names a seizure; None for any other label."""
    code = event_code(label)
    return code if names_seizure(code) else None
