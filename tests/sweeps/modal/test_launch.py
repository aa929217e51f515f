from pathlib import Path

import pytest
from omegaconf import OmegaConf

from brainbrr.errors import InvalidOption
from brainbrr.sweeps.modal.launch import LaunchOptions, highest_usd_per_hour, make_job

PRICES = {"H100": 4.0, "A100-80GB": 2.5}


def price(gpu, cpu, memory_gib):
    """What a job's container costs an hour."""
    cfg = OmegaConf.create(
        {
            "sweep": {
                "usd_per_hour": PRICES, "usd_per_core_hour": 0.05, "usd_per_gib_hour": 0.01
            },
            "hydra": {"job": {"config_name": "train"}},
        }
    )  # fmt: skip
    container = {"cpu": cpu, "memory_gib": memory_gib}
    launcher = LaunchOptions(container, None, {}, "/results", "/data", Path("ledger"), {})
    return make_job(launcher, cfg, [], 0, gpu, "code").usd_per_hour


def test_an_hour_is_gpus_cores_and_memory():
    assert price(["H100:2"], cpu=4, memory_gib=10) == pytest.approx(8 + 0.2 + 0.1)
    assert price(["h100"], cpu=0, memory_gib=0) == 4.0
    assert price([], cpu=2, memory_gib=0) == pytest.approx(0.1)


def test_the_budget_assumes_the_most_expensive_option():
    assert price(["A100-80GB", "H100"], cpu=0, memory_gib=0) == 4.0
    assert price([], cpu=1, memory_gib=0) == pytest.approx(0.05)


@pytest.mark.parametrize("gpu", ["H1000", "H100:many", ""])
def test_a_gpu_without_a_price_is_refused(gpu):
    with pytest.raises(InvalidOption, match=r"H100, A100-80GB; got.*hydra\.launcher\.gpu"):
        highest_usd_per_hour(PRICES, [gpu])
