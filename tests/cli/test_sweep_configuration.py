"""Sweepers and launchers compose, build what they name, and refuse by name."""

import importlib.util
import inspect
import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_class, instantiate

from brainbrr.cli.app import prepare_arguments
from brainbrr.cli.override_check import check_overrides
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.sweeps.study import make_pruner, make_sampler


def composed(*overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        return compose("train", list(overrides), return_hydra_config=True)


@pytest.mark.parametrize("launcher", ["local", "slurm"])
def test_launchers_are_built_from_their_configuration(launcher):
    if launcher == "slurm":
        pytest.importorskip("submitit")
    node = composed(f"hydra/launcher={launcher}", "hydra.sweep.dir=x").hydra.launcher
    assert type(instantiate(node)) is get_class(node._target_)


def test_slurm_options_are_those_that_submitit_knows():
    submitit = pytest.importorskip("submitit")
    node = composed("hydra/launcher=slurm").hydra.launcher
    own = {"_target_", "submitit_folder", "max_num_timeout"}
    shared = {
        "name", "timeout_min", "nodes", "tasks_per_node", "gpus_per_node", "cpus_per_task",
        "mem_gb", "stderr_to_stdout",
    }  # fmt: skip
    slurm = inspect.signature(submitit.slurm.slurm._make_sbatch_string).parameters
    assert set(node) - own - shared <= set(slurm)
    assert composed("hydra/launcher=slurm", "trainer.devices=4").hydra.launcher.gpus_per_node == 4


def test_the_search_composes_with_every_experiment():
    pytest.importorskip("optuna")
    for file in sorted((CONF_FOLDER / "experiment").glob("*.yaml")):
        cfg = composed("hparams_search=optuna", f"experiment={file.stem}", "data.root=x")
        sweeper = cfg.hydra.sweeper
        assert make_pruner(dict(sweeper.pruner)) and make_sampler(dict(sweeper.sampler), 1)
        assert cfg.hydra.sweep.dir == "multirun/search"


def test_each_value_of_the_search_space_composes():
    params = composed("hparams_search=optuna").hydra.sweeper.params
    lines = [f"{key}={value}" for key, value in params.items()]
    assert len(OverridesParser.create().parse_overrides(lines)) == len(lines)
    assert check_overrides("train", lines) is not None
    for name in ("off", "light", "strong"):
        check_overrides("train", [f"augmentation={name}"])


def test_an_unknown_search_is_answered_with_the_known_ones(command):
    code, _, message = command("train", "-m", "hparams_search=optun")
    assert code == 2
    assert "expected hparams_search to be one of optuna; got optun. Did you mean optuna?" in message


def test_a_launcher_without_its_package_is_refused(command, monkeypatch):
    found = importlib.util.find_spec

    def without_submitit(name, *rest):
        return None if "submitit" in name else found(name, *rest)

    monkeypatch.setattr("brainbrr.cli.app.find_spec", without_submitit)
    code, _, message = command("train", "-m", "hydra/launcher=slurm", "seed=1,2")
    assert code == 2
    assert "Unavailable" in message and 'pip install "brainbrr[slurm]"' in message


def test_the_flag_of_a_sweep_may_stand_anywhere(command, monkeypatch):
    given = []

    def main(**_):
        return lambda task: lambda: given.extend(sys.argv)

    monkeypatch.setattr("brainbrr.cli.app.hydra.main", main)
    assert command("train", "seed=1,2", "-m", "model=v3_tiny", "hardware=cpu")[0] == 0
    assert given == ["brainbrr train", "-m", "seed=1,2", "model=v3_tiny", "hardware=cpu"]


def test_the_configuration_of_a_training_is_shown_with_its_hardware(command):
    code, printed, _ = command("train", "experiment=base", "--cfg", "job")
    assert code == 0
    assert "experiment_name: base" in printed


def test_a_sweep_table_takes_its_folder_as_it_is():
    assert prepare_arguments("sweep_table", ["multirun/it's 1"]) == ["folder='multirun/it\\'s 1'"]
    assert prepare_arguments("sweep_table", ["folder=x", "rows=3"]) == ["folder=x", "rows=3"]


def test_a_folder_without_runs_is_told_in_one_line(command, tmp_path):
    code, _, message = command("sweep-table", str(tmp_path))
    assert code == 2
    assert message.startswith("NotFound: expected folders of runs")


def test_the_table_of_a_sweep_on_the_terminal(command, tmp_path):
    for number, (lr, state) in enumerate([("1e-3", "finished"), ("1e-4", "failed")]):
        folder = tmp_path / "a b" / str(number)
        (folder / ".hydra").mkdir(parents=True)
        (folder / "config.yaml").write_text("monitor: val/m\n")
        (folder / ".hydra" / "overrides.yaml").write_text(f"- optimizer.lr={lr}\n")
        (folder / "outcome.json").write_text(f'{{"state": "{state}", "error": "ValueError: x"}}')
    (tmp_path / "a b" / "0" / "metrics.csv").write_text("step,name,value\n1,val/m,0.5\n")
    code, message, _ = command("sweep-table", str(tmp_path / "a b"))
    assert code == 0
    assert "2 runs: 1 finished, 1 failed" in message
    assert "run 1 failed: ValueError: x" in message
    assert (tmp_path / "a b" / "sweep.csv").is_file() and (
        tmp_path / "a b" / "sweep.html"
    ).is_file()
