"""`brainbrr prepare`: convert a corpus to 19 electrodes and 256 Hz, once, into a cache."""

from omegaconf import DictConfig
from rich.table import Table

from brainbrr.cli.build import build
from brainbrr.cli.terminal import corpus_tables, results_console
from brainbrr.data.corpora.prepare_corpus import PreparedCorpus
from brainbrr.data.corpora.summary import summarize

QUARANTINED_SHOWN = 20


def run(cfg: DictConfig) -> None:
    """Prepare what the cache lacks and show a summary of the corpus."""
    corpus, preparation = build(cfg.data), build(cfg.signal.preparation)
    splits = () if cfg.split is None else (cfg.split,)
    prepared: PreparedCorpus = build(cfg.prepare)(corpus, preparation, splits=splits)
    console = results_console()
    reasons = [item.reason for item in prepared.quarantine]
    for table in corpus_tables(corpus.name, summarize(prepared.rows, reasons)):
        console.print(table)
    if prepared.quarantine:
        console.print(_quarantine_table(prepared))
    n_cached = len(prepared.rows) - prepared.n_prepared
    console.print(
        f"{prepared.n_prepared} prepared now, {max(n_cached, 0)} already cached: {prepared.folder}",
        soft_wrap=True,
    )


def _quarantine_table(prepared: PreparedCorpus) -> Table:
    table = Table()
    for heading in ("quarantined", "reason", "detail"):
        table.add_column(heading, overflow="fold")
    for item in prepared.quarantine[:QUARANTINED_SHOWN]:
        table.add_row(item.source, item.reason, item.detail)
    if len(prepared.quarantine) > QUARANTINED_SHOWN:
        table.caption = f"the first {QUARANTINED_SHOWN} of {len(prepared.quarantine)}"
    return table
