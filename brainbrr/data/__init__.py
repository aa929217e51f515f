"""From files on disk to batches of windows.

    recordings   an EDF or other file -> Recording, RecordingBlocks (microvolts, native rate)
    preparation  -> PreparedSignal and its EEG (19 electrodes, average reference, 256 Hz)
    corpora      a folder of recordings -> cache and manifest (labels, splits, quarantine)
    windows      manifest and cache -> batches for training and inference

Each room imports only those above it.
"""

__all__ = ["corpora", "preparation", "recordings", "windows"]
