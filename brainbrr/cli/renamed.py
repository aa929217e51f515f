"""Names of former versions that stored configurations still hold, and what they are called now."""

TARGETS = {
    "brainbrr.data.artefact_augmentation.AddArtefact": "brainbrr.data.windows.artefact_augmentation.AddArtefact",
    "brainbrr.data.augmentation.BandStop": "brainbrr.data.windows.augmentation.BandStop",
    "brainbrr.data.augmentation.ChannelDropout": "brainbrr.data.windows.augmentation.ChannelDropout",
    "brainbrr.data.augmentation.Gain": "brainbrr.data.windows.augmentation.Gain",
    "brainbrr.data.augmentation.Mirror": "brainbrr.data.windows.augmentation.Mirror",
    "brainbrr.data.augmentation.Sequential": "brainbrr.data.windows.augmentation.Sequential",
    "brainbrr.data.augmentation.TimeShift": "brainbrr.data.windows.augmentation.TimeShift",
    "brainbrr.data.corpora.bids.find_recordings": "brainbrr.data.corpora.layouts.bids.find_recordings",
    "brainbrr.data.corpora.chbmit.find_recordings": "brainbrr.data.corpora.layouts.chbmit.find_recordings",
    "brainbrr.data.corpora.folder.find_recordings": "brainbrr.data.corpora.layouts.folder.find_recordings",
    "brainbrr.data.corpora.recognised.find_recordings": "brainbrr.data.corpora.layouts.detect_layout.find_recordings",
    "brainbrr.data.corpora.siena.find_recordings": "brainbrr.data.corpora.layouts.siena.find_recordings",
    "brainbrr.data.corpora.tusz.find_recordings": "brainbrr.data.corpora.layouts.tusz.find_recordings",
    "brainbrr.data.loader.LoaderOptions": "brainbrr.data.windows.loader.LoaderOptions",
    "brainbrr.data.preparation.Preparation": "brainbrr.data.preparation.preparation.Preparation",
    "brainbrr.data.prepare_corpus.prepare_corpus": "brainbrr.data.corpora.prepare_corpus.prepare_corpus",
    "brainbrr.data.sampler.Balance": "brainbrr.data.windows.sampler.Balance",
    "brainbrr.data.split.by_fold": "brainbrr.data.corpora.split.by_fold",
    "brainbrr.data.split.by_fractions": "brainbrr.data.corpora.split.by_fractions",
    "brainbrr.data.split.by_leaving_out": "brainbrr.data.corpora.split.by_leaving_out",
    "brainbrr.data.window_index.Windowing": "brainbrr.data.windows.index.Windowing",
    "brainbrr.training.callback_set.CallbackSet": "brainbrr.training.callbacks.callback_set.CallbackSet",
    "brainbrr.training.checkpoints.DurableCheckpoints": "brainbrr.training.callbacks.checkpoints.DurableCheckpoints",
    "brainbrr.training.early_stopping.EarlyStopping": "brainbrr.training.callbacks.early_stopping.EarlyStopping",
    "brainbrr.training.ema.Ema": "brainbrr.training.callbacks.ema.Ema",
    "brainbrr.training.finite_guard.FiniteGuard": "brainbrr.training.callbacks.finite_guard.FiniteGuard",
    "brainbrr.training.hard_negatives.HardNegatives": "brainbrr.training.callbacks.hard_negatives.HardNegatives",
    "brainbrr.training.metrics_file.MetricsFile": "brainbrr.training.callbacks.metrics_file.MetricsFile",
    "brainbrr.training.monitoring.Monitoring": "brainbrr.training.callbacks.monitoring.Monitoring",
    "brainbrr.training.monitoring.SpikeWatch": "brainbrr.training.callbacks.monitoring.SpikeWatch",
    "brainbrr.training.preemption.Preemption": "brainbrr.training.callbacks.preemption.Preemption",
    "brainbrr.training.progress.ProgressLine": "brainbrr.training.callbacks.progress.ProgressLine",
    "brainbrr.training.validation_figures.ValidationFigures": "brainbrr.training.callbacks.validation_figures.ValidationFigures",
}
"""`_target_` of runs trained before the package had its present rooms."""

REMOVED = {
    "model_settings",
    "signal.n_electrodes",
}
"""Options that stored configurations still hold and nothing reads."""
