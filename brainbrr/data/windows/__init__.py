"""Windows of prepared recordings, and training batches of them.

    index (where windows lie) -> dataset -> sampler (which ones an epoch holds) -> loader
      augmentation, artefact_augmentation   random changes of a batch

Whoever needs windows for a network alone reads them by `brainbrr.inference.rollout`.
"""

__all__ = [
    "artefact_augmentation",
    "augmentation",
    "dataset",
    "index",
    "loader",
    "sampler",
]
