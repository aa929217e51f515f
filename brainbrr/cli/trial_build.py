"""Build and try once all that a command builds, before anything is prepared or sent."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.baselines import check_baselines
from brainbrr.cli.build import build, build_each, check_optimizer, plain
from brainbrr.cli.renamed import current
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.errors import InvalidOption
from brainbrr.events.trace import Trace
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import build_model, describe_model
from brainbrr.release.description import describe, read_description
from brainbrr.release.untrusted import InvalidDetector
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.training.event_score import LOWER_IS_BETTER, EventScore
from brainbrr.training.trainer_options import TrainerOptions, quiet_lightning

Part = Callable[[str], Any]
"""Returns the built object of a group."""

N_PATIENTS = 5
"""Recordings of a trial: the fewest for which intervals are computed."""


class TrialBuild:
    """Builds what runs would build; what several runs share is built and tried once."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def check(self, cfg: DictConfig) -> None:
        """Build one run's parts, and try those that training would try only hours later.

        Raises:
            BrainbrrError: a value that the code refuses.
        """

        def part(name: str) -> Any:
            key = f"{name} {_text(cfg, name)}"
            if key not in self._built:
                self._built[key] = build(OmegaConf.select(cfg, name))
            return self._built[key]

        for trial, names in TRIALS:
            key = f"{trial.__name__} {[_text(cfg, name) for name in names]}"
            # Another command has other groups, and some can be switched off.
            if key in self._built or any(not OmegaConf.select(cfg, name) for name in names):
                continue
            with _refused_values(*names):
                trial(cfg, part)
            self._built[key] = None


def _text(cfg: DictConfig, name: str) -> str:
    node = OmegaConf.select(cfg, name)
    return str(OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node)


@contextmanager
def _refused_values(*names: str) -> Iterator[None]:
    """Report what Python or numpy refuses as the user's error, and no warnings of a trial."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    except (TypeError, ValueError) as error:
        raise InvalidOption(
            f"values that fit {', '.join(names)}",
            str(error),
            "Compare with the comments in conf/.",
        ) from error
    finally:
        logging.disable(disabled)


def _try_data(cfg: DictConfig, part: Part) -> None:
    part("data"), part("prepare")


def _try_augmentation(cfg: DictConfig, part: Part) -> None:
    part("augmentation")


def _try_trainer(cfg: DictConfig, part: Part) -> None:
    """Make Lightning's trainer, of the CPU: the run may compute on another machine."""
    options = part("trainer")
    if isinstance(options, TrainerOptions):  # other commands have a profile's numbers only
        here = replace(
            options, accelerator="cpu", devices=1, strategy="auto", precision="32-true",
            benchmark=False, deterministic=False,
        )  # fmt: skip
        with quiet_lightning():
            here.trainer(Path(), [], [])


def _try_loggers(cfg: DictConfig, part: Part) -> None:
    build_each(cfg.logger)


def _try_baselines(cfg: DictConfig, part: Part) -> None:
    check_baselines(cfg.baselines)


def _try_report_cases(cfg: DictConfig, part: Part) -> None:
    if type(cfg.report_cases) is not int or cfg.report_cases < 0:
        raise InvalidOption(
            "a number of events, 0 or more", f"{cfg.report_cases}", "Correct report_cases=."
        )


def _try_optimizer(cfg: DictConfig, part: Part) -> None:
    check_optimizer(part("optimizer"), part("scheduler"))


def _try_release(cfg: DictConfig, part: Part) -> None:
    """Describe a release of the untrained network and read it back."""
    numbers = describe_model(current(plain(cfg.model)))
    windowing, preparation = part("signal.windowing"), part("signal.preparation")
    detector = Detector(
        build_model(**numbers), numbers, preparation, windowing, part("detect.base")
    )
    try:
        read_description(json.loads(json.dumps(describe(detector, {}))))
    except InvalidDetector as error:
        raise InvalidOption(
            error.expected, str(error.got), "Otherwise no release of the run could be loaded."
        ) from error


def _try_scoring(cfg: DictConfig, part: Part) -> None:
    rows, traces = _recordings()
    truth = {row.recording_id: row.annotation for row in rows}
    by_name = dict(zip(truth, traces, strict=True))
    subjects = {row.recording_id: row.subject for row in rows}
    part("scoring")(truth, truth, by_name, subjects=subjects)


def _try_validation(cfg: DictConfig, part: Part) -> None:
    """Score recordings as validation does, and compare each monitor with the names it gives."""
    rows, traces = _recordings()
    score, callbacks, folder = EventScore(rows, part("detect")), part("callbacks"), Path()
    checkpoints = callbacks.checkpoints(configuration={})
    callbacks.validation(
        rows, folder, windowing=part("signal.windowing"), options=part("dataloader"), score=score,
        loss=part("loss"), scratch=folder,
    )  # fmt: skip
    metrics = score(traces, [row.annotation for row in rows]).metrics
    names = sorted(f"val/{name}" for name in metrics if name not in LOWER_IS_BETTER)
    followed = [getattr(each, "monitor", None) for each in (checkpoints, *callbacks.others)]
    for monitor in (cfg.monitor, *followed):
        if monitor is not None and monitor not in names:
            raise InvalidOption(
                f"monitor= a validation metric of which more is better: {', '.join(names)}",
                str(monitor),
                "Correct monitor.",
            )


TRIALS: tuple[tuple[Callable[[DictConfig, Part], None], tuple[str, ...]], ...] = (
    (_try_optimizer, ("optimizer", "scheduler")),
    (_try_trainer, ("trainer",)),
    (_try_augmentation, ("augmentation",)),
    (_try_loggers, ("logger",)),
    (_try_baselines, ("baselines",)),
    (_try_report_cases, ("report_cases",)),
    (_try_data, ("data", "prepare")),
    (_try_scoring, ("scoring",)),
    (_try_validation, ("monitor", "callbacks", "detect", "loss", "dataloader", "signal")),
    (_try_release, ("model", "signal", "detect")),
)
"""Each trial and the groups it depends on."""


def _recordings() -> tuple[list[ManifestRow], list[Trace]]:
    """Return recordings with one seizure each, and traces that find it."""
    rows = [
        ManifestRow(
            recording_id=f"sub-{number}", corpus="trial", subject=f"sub-{number}", session="",
            split="val", source=f"sub-{number}.edf", source_sha256="", duration_s=120.0,
            source_rate_hz=256.0, source_channels=[], observed=[True] * N_ELECTRODES,
            interpolated=[], reference="average", mains_hz=None, gaps=[], bad_spans=[],
            center_uv=[0.0] * N_ELECTRODES, scale_uv=[10.0] * N_ELECTRODES,
            events=[[40.0, 30.0, "sz"]], cache_file="", cache_sha256="", preparation_digest="",
        )
        for number in range(N_PATIENTS)
    ]  # fmt: skip
    probability = np.full(120, 0.02, dtype=np.float32)
    probability[40:70] = 0.9
    return rows, [Trace(probability, 1.0, np.empty((0, 2))) for _ in rows]
