"""`brainbrr synthesize`: make a corpus of synthetic EEG with planted seizures."""

from dataclasses import fields
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.terminal import results_console
from brainbrr.progress import progress_bar
from brainbrr.synthesis import SynthesisParameters, synthesize_corpus


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
    with progress_bar() as bar:
        task = bar.add_task("Synthesizing", total=None)
        recordings = synthesize_corpus(
            output,
            parameters,
            workers=cfg.workers,
            on_recording=lambda _, done, total: bar.update(task, completed=done, total=total),
        )
        bar.update(task, completed=len(recordings), total=len(recordings))
    hours = parameters.total_s / 3600
    results_console().print(
        f"{len(recordings)} recordings of {sum(parameters.n_subjects.values())} subjects, "
        f"{hours:.1f} h, in {output}"
    )
