"""A detector applied to recordings: EEG in, probability over time, events and their evidence out.

    Annotator.annotate(source)
      prepared_eeg   recording -> 19 electrodes at one rate, in memory or on disk
      tiling         where windows or long segments lie
      rollout        windows -> batches -> backend -> stitched trace; also for training and streams
      torch_backend  a network as a backend (exported forms bring their own)
      evidence       the electrodes and the graph behind each event
    annotate         many recordings into a folder: recordings, ledger, results

`annotator` and all it imports need no torch; `detector`, `torch_backend` and `compiled` do.
"""

__all__ = [
    "annotate",
    "annotator",
    "compiled",
    "detector",
    "evidence",
    "ledger",
    "prepared_eeg",
    "recordings",
    "results",
    "rollout",
    "tiling",
    "torch_backend",
]
