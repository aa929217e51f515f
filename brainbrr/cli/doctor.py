"""`brainbrr doctor`: is this machine fit?"""

from itertools import chain

from omegaconf import DictConfig
from rich.table import Table

from brainbrr.cli import health_checks as checkup
from brainbrr.cli.device import choose_device
from brainbrr.cli.terminal import results_console

STATES = {True: "[green]ok", None: "[dim]-", False: "[red]broken"}


def run(cfg: DictConfig) -> None:
    """Show every finding; exit 1 where something is broken."""
    device = choose_device(cfg.device)
    findings = list(
        chain(
            checkup.check_versions(),
            checkup.check_scans(device),
            checkup.check_fused_layer(device),
            checkup.check_corpora(list(cfg.corpora)),
            checkup.check_caches(cfg.paths.cache, verify=cfg.verify_cache),
            checkup.check_detector(cfg.detector, device),
            checkup.measure_ways(cfg.detector, cfg.input, device),
            checkup.check_szcore(cfg.szcore),
            checkup.check_modal(),
        )
    )
    table = Table("what", "state", "found", box=None)
    for finding in findings:
        table.add_row(finding.what, STATES[finding.healthy], finding.detail)
        if finding.healthy is False:
            table.add_row("", "", f"[yellow]{finding.remedy}")
    results_console().print(table)
    if any(finding.healthy is False for finding in findings):
        raise SystemExit(1)
