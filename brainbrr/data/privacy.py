"""Keep what identifies a person inside the source file."""

import re
from collections.abc import Iterable
from pathlib import Path

_IDENTIFYING = ((8, 88), (88, 168), (168, 176), (176, 184), (192, 236))
"""EDF header bytes: patient, recording, start date, start time, reserved."""

_REMOVED = "[removed]"
_N_SIGNALS_AT = (252, 256)
_MAX_SIGNALS = 512
_LABEL, _TRANSDUCER, _BEFORE_FILTER, _FILTER, _BEFORE_REST, _REST = 16, 80, 40, 80, 8, 32


def without_identity(text: str, path: Path) -> str:
    """A message with every word removed that also stands in the free text of the recording's EDF header.

    Readers quote what they stumble over, and in a damaged header that may be a name. Words shorter than three letters
    stay, and so do numbers shorter than three digits.
    """
    for word in sorted(_header_words(path), key=len, reverse=True):
        text = re.sub(re.escape(word), _REMOVED, text, flags=re.IGNORECASE)
    return text


def _header_words(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            fixed = file.read(256)
            fields = [fixed[start:stop] for start, stop in _IDENTIFYING]
            count = fixed[slice(*_N_SIGNALS_AT)].strip()
            n_signals = min(int(count), _MAX_SIGNALS) if count.isdigit() else 0
            for width, identifies in (
                (_LABEL, True),
                (_TRANSDUCER, True),
                (_BEFORE_FILTER, False),
                (_FILTER, True),
                (_BEFORE_REST, False),
                (_REST, True),
            ):
                block = file.read(width * n_signals)
                if identifies:
                    fields += [block[i : i + width] for i in range(0, len(block), width)]
    except OSError:
        return set()
    texts = [field.decode("latin-1").strip(" \x00") for field in fields]
    words = {word for text in texts for word in re.split(r"[\W_]+", text)} | set(texts)
    return {word for word in words if len(word) >= 3}


def public_labels(labels: Iterable[str]) -> list[str]:
    """Channel labels as the file spells them; what is no channel name of any EEG vocabulary becomes `(other)`."""
    return [label if _is_channel_name(label) else "(other)" for label in labels]


_CHANNEL_WORDS = re.compile(
    r"""(eeg|ecog|seeg|pol|ecg|ekg|emg|eog|bio|misc|ref|reference|le|ar|avg|average|av|dc|vns|spo2|resp|photic|pho|stim
    |sti|trig|trigger|status|marker|event|events|annotations|edf|bdf|burst(s)?|suppr|ibi|rate|temp|pulse|pleth|chin|
    hr|pr|osat|etco2|sweep|loc|roc|luo|rlo|lue|rae|lleg|rleg|leg|arm|abd|thor|nasal|airflow|snore|mark|sensor|bte|sd|
    acc|gyr|cs|x|y|z|left|right|cross|
    [a-z]{1,3}\d{0,3}z?p?h?)""",
    re.IGNORECASE | re.VERBOSE,
)


def _is_channel_name(label: str) -> bool:
    words = [word for word in re.split(r"[\s\-_:.,()/+*#]+", label) if word]
    return all(_CHANNEL_WORDS.fullmatch(word) or word.isdigit() for word in words)
