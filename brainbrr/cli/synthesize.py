"""`brainbrr synthesize output=DIR`: a corpus of synthetic EEG with planted seizures."""

from dataclasses import fields
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from brainbrr.data.synthesis import SynthesisParameters, synthesize_corpus


def run(cfg: DictConfig) -> None:
    """Make the corpus, or complete one that was made with the same parameters.

    Raises:
        InvalidSynthesis: parameters that no corpus can have.
        OtherCorpus, ForeignFolder: the output folder holds something else.
    """
    values = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    names = [field.name for field in fields(SynthesisParameters)]
    parameters = SynthesisParameters(**{name: values[name] for name in names})
    output = Path(cfg.output)
    console = Console()
    with _progress(console) as progress:
        task = progress.add_task("Synthesising", total=None)

        def show(_: Path, done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        recordings = synthesize_corpus(output, parameters, workers=cfg.workers, on_recording=show)
        progress.update(task, completed=len(recordings), total=len(recordings))
    hours = len(recordings) * parameters.duration_s / 3600
    console.print(
        f"{len(recordings)} recordings, {hours:.1f} h of EEG, {sum(parameters.n_subjects.values())} subjects in {output}"
    )


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
