import pytest

from brainbrr.errors import InvalidOption
from brainbrr.sweeps.modal.launch import Prices

PRICES = Prices({"H100": 4.0, "A100-80GB": 2.5}, cpu_core=0.05, memory_gib=0.01)


def test_an_hour_is_gpus_cores_and_memory():
    assert PRICES.usd_per_hour("H100:2", cpu=4, memory_gib=10) == pytest.approx(8 + 0.2 + 0.1)
    assert PRICES.usd_per_hour("h100", cpu=0, memory_gib=0) == 4.0
    assert PRICES.usd_per_hour(None, cpu=2, memory_gib=0) == pytest.approx(0.1)


def test_the_budget_assumes_the_most_expensive_option():
    assert PRICES.highest_usd_per_hour(["A100-80GB", "H100"], cpu=0, memory_gib=0) == 4.0
    assert PRICES.highest_usd_per_hour([], cpu=1, memory_gib=0) == pytest.approx(0.05)


@pytest.mark.parametrize("gpu", ["H1000", "H100:many", ""])
def test_a_gpu_without_a_price_is_refused(gpu):
    with pytest.raises(InvalidOption, match=r"H100, A100-80GB; got.*hydra\.launcher\.gpu"):
        PRICES.usd_per_hour(gpu, cpu=1, memory_gib=1)
