"""`brainbrr synthesize`: make a corpus of synthetic EEG with planted seizures."""

from dataclasses import fields
from functools import partial
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.terminal import results_console
from brainbrr.data.corpora.backgrounds import find_backgrounds, read_background
from brainbrr.data.corpora.corpus import Finder
from brainbrr.data.corpora.layouts import detect_layout, folder
from brainbrr.progress import progress_bar
from brainbrr.synthesis import SynthesisParameters, synthesize_corpus
from brainbrr.synthesis.planting import Background


def run(cfg: DictConfig) -> None:
    """Make the corpus, or complete one with the same parameters.

    Raises:
        InvalidOption: parameters that no corpus can have.
        InUse: the output folder holds something else.
    """
    values = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(values, dict)
    parameters = SynthesisParameters(
        **{field.name: values[field.name] for field in fields(SynthesisParameters)}
    )
    output = Path(cfg.output)
    backgrounds = _backgrounds(cfg)
    with progress_bar() as bar:
        task = bar.add_task("Synthesizing", total=None)
        recordings = synthesize_corpus(
            output,
            parameters,
            backgrounds=backgrounds,
            read=read_background,
            workers=cfg.workers,
            on_recording=lambda _, done, total: bar.update(task, completed=done, total=total),
        )
        bar.update(task, completed=len(recordings), total=len(recordings))
    hours = parameters.total_s / 3600
    people = len({background.subject for background in backgrounds})
    results_console().print(
        f"{len(recordings)} recordings of {sum(parameters.n_subjects.values()) + people} subjects"
        + (f" ({people} real)" if people else f", {hours:.1f} h")
        + f", in {output}"
    )


def _backgrounds(cfg: DictConfig) -> tuple[Background, ...]:
    if cfg.backgrounds is None:
        return ()
    find: Finder = detect_layout.find_recordings
    if cfg.backgrounds_subject is not None:
        find = partial(folder.find_recordings, subject=cfg.backgrounds_subject)
    return find_backgrounds(cfg.backgrounds, find, **cfg.backgrounds_split, seed=cfg.seed)
