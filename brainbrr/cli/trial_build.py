"""Build a training job's parts to see that its values are what the code takes, and drop them."""

import torch
from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.build import build
from brainbrr.errors import InvalidOption

BUILT = ("loss", "dataloader", "augmentation", "trainer", "detect", "model")


class TrialBuild:
    """Builds what jobs would build; a part that several jobs share is built once."""

    def __init__(self) -> None:
        self._fine: set[str] = set()

    def check(self, cfg: DictConfig) -> None:
        """Build one job's parts.

        Raises:
            BrainbrrError: a value that the code behind it refuses.
        """
        for name in BUILT:
            if cfg.get(name) and self._is_new(name, cfg):
                build(cfg[name])
        if cfg.get("optimizer") and self._is_new("optimizer", cfg):
            self._step(cfg)

    def _is_new(self, name: str, cfg: DictConfig) -> bool:
        nodes = [
            OmegaConf.to_container(cfg.get(each), resolve=True) for each in (name, "scheduler")
        ]
        text = f"{name}: {nodes if name == 'optimizer' else nodes[:1]}"
        known = text in self._fine
        self._fine.add(text)
        return not known

    def _step(self, cfg: DictConfig) -> None:
        """The optimiser and its schedule on one weight; they are only called when training."""
        weight = torch.nn.Parameter(torch.zeros(1))
        weight.grad = torch.zeros(1)
        try:
            optimizer = build(cfg.optimizer)([{"params": [weight]}])
            scheduler = build(cfg.scheduler)(optimizer, 100)
            optimizer.step()
            scheduler.step()
        except (TypeError, ValueError) as error:
            raise InvalidOption(
                "values that the optimizer and its schedule take",
                str(error),
                "Compare with the comments in conf/.",
            ) from error
