"""Formats other than EDF and BDF, read by MNE: BrainVision, EEGLAB, FIF, Nihon Kohden and more."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.refusals import ForeignReaderFailed, JoinedBlocks, NoSignal
from brainbrr.events.annotation import mne_events
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
"""MNE's annotations where it concatenated segments regardless of the time between them."""
_JOINING = frozenset({".fif", ".set"})
"""Formats of MNE and EEGLAB, which concatenate recordings and cut segments out."""
_NARROW = 0.1
"""Length in samples of a gap of unknown duration: too short to hold a sample, but windows, filters
and events end at it."""


class MneBlocks:
    """An `mne.io.Raw` as `RecordingBlocks`: its EEG channels in microvolts.

    If recordings were concatenated, the time between them is unknown: a gap shorter than a sample
    separates them, and times are those of the concatenated signal, as in MNE.

    Raises:
        NoSignal: it has no channel of type EEG.
    """

    def __init__(self, raw: mne.io.BaseRaw) -> None:
        types = raw.get_channel_types()
        self._picks = [i for i, kind in enumerate(types) if kind == "eeg"]
        if not self._picks:
            raise NoSignal("MNE reports no channel of type EEG", "Set the channel types first.")
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
        repair = f"{n_joints + 1} recordings joined; times count recorded seconds only"
        self.repairs: tuple[str, ...] = (repair,) if n_joints else ()

    @property
    def gaps(self) -> Intervals:
        """Intervals that the acquisition skipped, and where recordings were joined, in seconds."""
        lengths_s = {_BOUNDARY: _NARROW / self.rate_hz}
        # A set: a FIF states a skipped interval twice, in its signal and in its annotations.
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
        # MNE counts onsets from the start of the acquisition, of which a crop removes `first_time`.
        lead_s = self._raw.first_time
        return list(mne_events(self._raw.annotations, lead_s=lead_s, shortest_s=1.0 / self.rate_hz))

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Read microvolts `(channels, last - first)` of samples `[first, last)`.

        Raises:
            ForeignReaderFailed: MNE fails at these samples, e.g. in a truncated file.
        """
        try:
            volts = self._raw.get_data(picks=self._picks, start=first, stop=last, verbose="ERROR")
        except Exception as error:
            raise ForeignReaderFailed(
                "samples that MNE can read", type(error).__name__, "Copy the file again."
            ) from error
        return (volts * 1e6).astype(np.float32)


def open_foreign(path: Path) -> MneBlocks:
    """Open a file through MNE, by its extension.

    Raises:
        ForeignReaderFailed: MNE refuses it.
        JoinedBlocks: its segments may not have been recorded without a break, so that its
            annotations may be on another time axis than the concatenated signal.
        NoSignal: it has no channel of type EEG.
        FileNotFoundError: the file does not exist.
    """
    import mne

    path.stat()

    try:
        raw = mne.io.read_raw(path, preload=False, verbose="ERROR")
        if path.suffix.lower() == ".set" and "boundary" in raw.annotations.description:
            raw.annotations.rename({"boundary": _BOUNDARY}, verbose="ERROR")
        # MNE and EEGLAB shift annotations when they concatenate recordings; other readers do not.
        if path.suffix.lower() not in _JOINING and _JOINED & set(raw.annotations.description):
            raise JoinedBlocks(
                "one unbroken recording",
                f"{list(raw.annotations.description).count(_BOUNDARY) + 1} blocks",
                "Export each block as its own recording, or all as EDF+D.",
            )
        if path.suffix.lower() == ".eeg":
            _restore_midline(raw)
        return MneBlocks(raw)
    except (NoSignal, JoinedBlocks):
        raise
    # MNE raises any type of exception for a damaged file, even a bare Exception.
    except Exception as error:
        raise ForeignReaderFailed(
            f"a {path.suffix} file that MNE can read",
            type(error).__name__,
            "Convert the recording to EDF.",
        ) from error


def _restore_midline(raw: mne.io.BaseRaw) -> None:
    """Restore the type of scalp channels that MNE's Nihon Kohden reader declares miscellaneous.

    It mistakes every name with a capital Z for the marker channel `Z`: FZ, CZ and PZ.
    """
    kinds = zip(raw.ch_names, raw.get_channel_types(), strict=True)
    scalp = [name for name, kind in kinds if kind == "misc" and kind_of(name) == "scalp"]
    raw.set_channel_types(dict.fromkeys(scalp, "eeg"), on_unit_change="ignore", verbose="ERROR")
