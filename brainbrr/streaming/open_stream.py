"""A detector opened on a signal that is still arriving."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from brainbrr.inference.detector import TRACE_RATE_HZ, Annotator
from brainbrr.signal.window_model import run_windows
from brainbrr.streaming.detector_stream import DetectorStream
from brainbrr.streaming.live_windows import Values


def open_stream(
    detector: Annotator,
    labels: Sequence[str],
    rate_hz: float,
    *,
    unit: str = "uV",
    hop_s: float | None = None,
    settle_s: float | None = None,
    mains: float | str | None = "auto",
    evidence: bool = False,
) -> DetectorStream:
    """A stream that gives the detector's probability and events while the signal arrives.

    Args:
        detector: a released detector, in any form.
        labels: one a channel, in any montage that determines enough electrodes.
        rate_hz: samples a second.
        unit: of the values: V, mV, uV or nV.
        hop_s: seconds between windows; the detector's stride where None.
        settle_s: seconds behind the newest window's end at which the trace is fixed; all windows
            that cover a moment are awaited where None, as in a recording.
        mains: a frequency in Hz, None for no notch, or `auto`: what the detector's preparation
            says, found in the first 30 s where that is `auto` too.
        evidence: name each event's electrodes, as `annotate` does; costs 20 windows an event, all
            of them at one look.

    Raises:
        MissingElectrodes, UnsupportedRate, UnitNotVoltage, InvalidWindowing, UnsettledTrace: what
            cannot work, told before the first sample.
    """
    length = detector.windowing.length
    model = detector.window_model

    def score(
        eeg: NDArray[np.int16], observed: NDArray[np.bool_], center_uv: Values, scale_uv: Values
    ) -> Values:
        n_samples = eeg.shape[1]
        probabilities = run_windows(
            model,
            eeg,
            np.array([[0, n_samples]]),
            observed=observed[None],
            center_uv=center_uv,
            scale_uv=scale_uv,
            length=length,
            batch_size=1,
        )
        return probabilities[0, :n_samples]

    preparation = detector.preparation
    if mains != "auto":
        preparation = replace(preparation, mains=mains)
    return DetectorStream(
        labels,
        rate_hz,
        unit=unit,
        preparation=preparation,
        windowing=detector.windowing,
        detection=detector.detection,
        calibration=detector.calibration,
        score=score,
        trace_rate_hz=TRACE_RATE_HZ,
        hop_s=hop_s,
        settle_s=settle_s,
        evidence=evidence,
    )
