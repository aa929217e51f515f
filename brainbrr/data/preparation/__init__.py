"""Prepare a recording for detectors, in two passes and constant memory.

RecordingBlocks -> survey        mains frequency, verdicts on channels by epoch
                -> plan          segments, each with weights from channels to 19 electrodes
                -> conditioning  resample, filter, mix, chunk by chunk
                -> preparation   PreparedSignal and int16 steps in a `.npy`
"""

__all__ = ["conditioning", "plan", "preparation", "survey"]
