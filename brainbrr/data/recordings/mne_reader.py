"""Formats other than EDF and BDF, read by MNE: BrainVision, EEGLAB, FIF, Nihon Kohden and more."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.refusals import ForeignReaderFailed, JoinedBlocks, NoSignal
from brainbrr.events.event import Event
from brainbrr.events.intervals import Intervals, as_intervals
from brainbrr.signal.labels import kind_of

if TYPE_CHECKING:
    import mne

FOREIGN_SUFFIXES = frozenset(
    {".vhdr", ".set", ".fif", ".eeg", ".cnt", ".gdf", ".mff", ".nxe", ".lay"}
)
_SKIPPED = "BAD_ACQ_SKIP"
_BOUNDARY = "BAD boundary"
_JOINED = frozenset({_BOUNDARY, "EDGE boundary"})
"""Marks of MNE where it put blocks one behind the other, whatever time passed between them."""
_JOINING = frozenset({".fif", ".set"})
"""What MNE and EEGLAB write, who join recordings and cut stretches out."""
_NARROW = 0.1
"""Samples that a gap of unknown length takes: none, but windows, filters and events end there."""


class MneBlocks:
    """An `mne.io.Raw` as `RecordingBlocks`: its EEG channels in microvolts.

    Where recordings were joined, nobody knows how far apart they were: a gap parts them that is
    shorter than a sample, and times are those of the joined signal, as MNE's are.

    Raises:
        NoSignal: MNE sees no EEG channel.
    """

    def __init__(self, raw: mne.io.BaseRaw) -> None:
        types = raw.get_channel_types()
        self._picks = [i for i, kind in enumerate(types) if kind == "eeg"]
        if not self._picks:
            raise NoSignal("a channel of type EEG", "none", "Set the channel types first.")
        self._raw = raw
        self.labels = tuple(raw.ch_names[i] for i in self._picks)
        self.rate_hz = float(raw.info["sfreq"])
        self.n_samples = int(raw.n_times)
        measured: datetime | None = raw.info["meas_date"]
        lead = timedelta(seconds=float(raw.first_time))
        self.start = None if measured is None else measured.replace(tzinfo=None) + lead
        n_joints = sum(
            event.event_type == _BOUNDARY and 0 < event.onset_s < self.n_samples / self.rate_hz
            for event in self._annotations()
        )
        told = f"{n_joints + 1} recordings joined; times count what was recorded"
        self.repairs: tuple[str, ...] = (told,) if n_joints else ()

    @property
    def gaps(self) -> Intervals:
        """Stretches that the acquisition skipped, and where recordings were joined, in seconds."""
        lengths_s = {_BOUNDARY: _NARROW / self.rate_hz}
        # A set: a FIF says a skipped stretch twice, in its signal and in its annotations.
        return as_intervals(
            sorted(
                {
                    (
                        event.onset_s,
                        event.onset_s + lengths_s.get(event.event_type, event.duration_s),
                    )
                    for event in self._annotations()
                    if event.event_type in {_SKIPPED, _BOUNDARY}
                }
            )
        )

    @property
    def events(self) -> tuple[Event, ...]:
        """The file's annotations, their text as the type."""
        marks = _JOINED | {_SKIPPED}
        return tuple(event for event in self._annotations() if event.event_type not in marks)

    def _annotations(self) -> list[Event]:
        notes = self._raw.annotations
        # Counted from where the acquisition began, which a crop leaves behind; dated or not.
        lead_s = self._raw.first_time
        return [
            Event(float(onset) - lead_s, float(duration) or 1.0 / self.rate_hz, str(text))
            for onset, duration, text in zip(
                notes.onset, notes.duration, notes.description, strict=True
            )
        ]

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Microvolts `(channels, last - first)` of samples `[first, last)`.

        Raises:
            ForeignReaderFailed: MNE fails at these samples, as in a file cut short.
        """
        try:
            volts = self._raw.get_data(picks=self._picks, start=first, stop=last, verbose="ERROR")
        except Exception as error:
            raise ForeignReaderFailed(
                "samples that MNE reads", type(error).__name__, "Copy the file again."
            ) from error
        return (volts * 1e6).astype(np.float32)


def open_foreign(path: Path) -> MneBlocks:
    """Open a file through MNE, by its extension.

    Raises:
        ForeignReaderFailed: MNE refuses it.
        JoinedBlocks: its blocks were not recorded one right after the other, or nobody knows, and
            its annotations may not be on the time of the joined signal.
        NoSignal: MNE sees no EEG channel.
        FileNotFoundError: there is no such file.
    """
    import mne

    path.stat()

    try:
        raw = mne.io.read_raw(path, preload=False, verbose="ERROR")
        if path.suffix.lower() == ".set" and "boundary" in raw.annotations.description:
            raw.annotations.rename({"boundary": _BOUNDARY}, verbose="ERROR")
        # They move annotations when they join recordings; a reader that joins blocks does not.
        if path.suffix.lower() not in _JOINING and _JOINED & set(raw.annotations.description):
            raise JoinedBlocks(
                "one unbroken recording",
                f"{list(raw.annotations.description).count(_BOUNDARY) + 1} blocks",
                "Export each block as a recording of its own, or all as EDF+D.",
            )
        if path.suffix.lower() == ".eeg":
            _restore_midline(raw)
        return MneBlocks(raw)
    except (NoSignal, JoinedBlocks):
        raise
    # MNE raises anything at a damaged file, bare Exception too.
    except Exception as error:
        raise ForeignReaderFailed(
            f"a {path.suffix} file that MNE reads",
            type(error).__name__,
            "Convert the recording to EDF.",
        ) from error


def _restore_midline(raw: mne.io.BaseRaw) -> None:
    """Make EEG again of scalp channels that MNE's Nihon Kohden reader calls miscellaneous.

    It takes every name with a capital Z for the marker channel `Z`: FZ, CZ and PZ.
    """
    kinds = zip(raw.ch_names, raw.get_channel_types(), strict=True)
    scalp = [name for name, kind in kinds if kind == "misc" and kind_of(name) == "scalp"]
    raw.set_channel_types(dict.fromkeys(scalp, "eeg"), on_unit_change="ignore", verbose="ERROR")
