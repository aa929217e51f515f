"""Live detection: a detector on EEG that is still arriving.

edf_source, lsl_source -> source.listen -> detector_stream.DetectorStream -> event_table
  chunks            checked, in microvolts, cut at gaps
  live_preparation  19 electrodes at one rate; which are usable: live_quality
  live_windows      the newest window, scored by `brainbrr.inference.rollout` and stitched
  live_trace        the trace's rate; events: event_tracker, their electrodes: live_evidence
"""

__all__ = [
    "chunks",
    "detector_stream",
    "edf_source",
    "event_table",
    "event_tracker",
    "live_evidence",
    "live_preparation",
    "live_quality",
    "live_trace",
    "live_windows",
    "lsl_source",
    "source",
]
