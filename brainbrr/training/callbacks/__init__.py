"""Lightning callbacks of a training run, in the order in which `callback_set` calls them.

    before a step   finite_guard: refuse or skip a non-finite step, with the evidence
    after a step    ema, monitoring, hard_negatives, progress; preemption: save and exit on a signal
    after an epoch  (validation) -> validation_figures, early_stopping -> checkpoints

`checkpoint_file` is the format of checkpoints, `metrics_file` the logger of a plain CSV file.
"""
