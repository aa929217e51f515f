"""Hydra's flags, where people type them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from brainbrr.cli.app import flags_first

Command = Callable[..., tuple[int, str, str]]


def test_flags_come_first_with_their_values() -> None:
    typed = ["a=1", "--config-dir", "own", "-m", "b=2", "-cn=x", "-c", "job"]
    assert flags_first(typed) == ["--config-dir=own", "-m", "-cn=x", "--cfg=job", "a=1", "b=2"]


@pytest.mark.parametrize("flag", [("--config-dir", "own"), ("--config-dir=own",), ("-cd", "own")])
def test_a_folder_of_ones_own_adds_choices(tmp_path: Path, command: Command, flag: tuple) -> None:
    (tmp_path / "own" / "scoring").mkdir(parents=True)
    (tmp_path / "own" / "scoring" / "short.yaml").write_text(
        "defaults: [default, _self_]\nn_resamples: 7\n"
    )
    code, printed, _ = command("score", *flag, "scoring=short", "--cfg", "job")
    assert (code, "n_resamples: 7" in printed) == (0, True)
    # Without `--cfg` it is checked and run.
    code, _, message = command("score", "scoring=short", *flag, "reference=no", "hypothesis=no")
    assert code == 2
    assert message.startswith("NotFound"), message
    code, _, message = command("score", "scoring=shrt", *flag, "reference=no", "hypothesis=no")
    assert code == 2
    assert "scoring to be one of" in message
