"""Write a synthetic recording: EDF, its event table, and the BIDS sidecars."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from edfio import Edf, EdfSignal, Patient, Recording

from brainbrr.atomic_io import atomic_write
from brainbrr.synthesis.recording import SyntheticRecording

_PHYSICAL_UV = (-3276.8, 3276.7)
"""0.1 microvolts per step over the int16 range."""


def write_edf(recording: SyntheticRecording, path: Path, participant_id: str) -> None:
    """Write the signals as EDF: steps of 0.1 microvolts, records of one second, no identity."""
    signals = [
        EdfSignal(
            np.clip(signal_uv.astype(np.float64), *_PHYSICAL_UV),
            recording.rate_hz,
            label=label,
            physical_dimension="uV",
            physical_range=_PHYSICAL_UV,
            transducer_type="synthetic",
        )
        for label, signal_uv in zip(recording.labels, recording.signals_uv, strict=True)
    ]
    start = recording.annotation.start
    assert start is not None
    edf = Edf(
        signals,
        patient=Patient(code=participant_id),
        recording=Recording(startdate=start.date(), equipment_code="brainbrr_synthesize"),
        starttime=start.time(),
        data_record_duration=1,
    )
    content = BytesIO()
    edf.write(content)
    with atomic_write(path, "wb") as file:
        file.write(content.getbuffer())


def write_recording(
    recording: SyntheticRecording,
    stem: Path,
    participant_id: str,
    mains_hz: float | None,
    montage: str,
) -> None:
    """Write the EDF, its JSON sidecar, `<stem>_channels.tsv` and, last, `<stem>_events.tsv`."""
    write_edf(recording, named(stem, "eeg.edf"), participant_id)
    sidecar = {
        "TaskName": "szMonitoring",
        "SamplingFrequency": recording.rate_hz,
        "PowerLineFrequency": mains_hz or "n/a",
        "EEGReference": montage,
        "SoftwareFilters": "n/a",
        "RecordingDuration": recording.annotation.duration_s,
    }
    write_json(sidecar, named(stem, "eeg.json"))
    with atomic_write(named(stem, "channels.tsv")) as file:
        file.write("name\ttype\tunits\n")
        file.writelines(f"{label}\t{_kind(label)}\tuV\n" for label in recording.labels)
    # Artifacts and patterns are rows of type bckg, which scorers leave out; `class` names each.
    recording.annotation.to_tsv(named(stem, "events.tsv"), {"class": recording.classes})


def named(stem: Path, ending: str) -> Path:
    """Return `<stem>_<ending>`."""
    return stem.with_name(f"{stem.name}_{ending}")


def write_json(content: object, path: Path) -> None:
    """Write indented JSON, atomically."""
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=2) + "\n")


def _kind(label: str) -> str:
    return "ECG" if label.startswith("ECG") else "EEG"
