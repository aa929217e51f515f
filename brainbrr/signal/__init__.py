"""Signal processing as pure functions on arrays; numpy and scipy alone.

labels -> montage (with spline, positions)   channel labels to weights for 19 electrodes
mains, quality                               what is not EEG
resampling -> filters                        to one rate and band, whole or as it arrives
quantization -> robust_scale                 the cache's int16 steps, center and spread
windows                                      tile a recording, stitch what windows gave
baselines                                    non-learned detectors to compare with
"""

__all__ = [
    "baselines", "causal_resampling", "electrodes", "filters", "labels", "mains", "montage",
    "positions", "quality", "quantization", "resampling", "robust_scale", "spline", "window_eeg",
    "windows",
]  # fmt: skip
