"""`brainbrr doctor`: check this machine."""

from itertools import chain

from omegaconf import DictConfig
from rich.table import Table

from brainbrr.cli import health_checks
from brainbrr.cli.device import choose_device
from brainbrr.cli.terminal import results_console

STATES = {True: "[green]ok", None: "[dim]-", False: "[red]broken"}


def run(cfg: DictConfig) -> None:
    """Show every finding; exit 1 if something is broken."""
    device = choose_device(cfg.device)
    findings = list(
        chain(
            health_checks.check_versions(),
            health_checks.check_scans(device),
            health_checks.check_fused_layer(device),
            health_checks.check_corpora(list(cfg.corpora)),
            health_checks.check_caches(cfg.paths.cache, verify=cfg.verify_cache),
            health_checks.check_detector(cfg.detector, device),
            health_checks.measure_ways(cfg.detector, cfg.input, device),
            health_checks.check_szcore(cfg.szcore),
            health_checks.check_modal(),
        )
    )
    table = Table("check", "state", "finding", box=None)
    for finding in findings:
        table.add_row(finding.what, STATES[finding.healthy], finding.detail)
        if finding.healthy is False:
            table.add_row("", "", f"[yellow]{finding.remedy}")
    results_console().print(table)
    if any(finding.healthy is False for finding in findings):
        raise SystemExit(1)
