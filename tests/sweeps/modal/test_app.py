"""The images as the control plane receives them, layer by layer."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from modal_proto import api_pb2
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from brainbrr.errors import InvalidOption
from brainbrr.sweeps.modal import kernel_check
from brainbrr.sweeps.modal.app import CONSTRAINTS, image, requirements

SEND = """
import json, sys
from brainbrr.sweeps.modal.app import Cloud, build_app
app, functions = build_app(Cloud(gpu=["H100", "A100-80GB"], **json.loads(sys.argv[1])))
with app.run(detach=True):
    print(app.app_id)
"""


@pytest.fixture
def sent(plane, laptop):
    """Sends an app; its function `train`."""

    def of(**options):
        code, said = laptop.python("-c", SEND, json.dumps(options))
        assert code == 0, said
        return next(each for each in plane.world.functions.values() if each.name == "train")

    return of


@pytest.fixture
def layers(plane, sent):
    """Sends an app with a profile; the commands of each layer, and its GPU."""

    def of(profile):
        function = sent(profile=profile)
        return function, plane.world.layers(function)

    return of


def test_containers_have_what_the_launcher_s_options_say(plane, sent):
    for name in ("runs", "corpora"):
        plane.add_volume(name)
    plane.world.secrets["st-aws"] = {}
    volumes = [
        {"path": "/results/runs", "name": "runs"},
        {"path": "/data/edf", "name": "corpora", "read_only": True},
    ]
    bucket = {"name": "eeg", "path": "/data/s3", "secret": "aws"}
    function = sent(volumes=volumes, bucket=bucket, region="eu-west", max_containers=3)
    definition = function.definition
    assert {mount.mount_path: mount.read_only for mount in definition.volume_mounts} == {
        "/results/runs": False,
        "/data/edf": True,
    }
    (mounted,) = definition.cloud_bucket_mounts
    assert (mounted.bucket_name, mounted.mount_path) == ("eeg", "/data/s3")
    assert mounted.read_only and mounted.credentials_secret_id == "st-aws"
    assert list(definition.scheduler_placement.regions) == ["eu-west"]
    assert definition.autoscaler_settings.max_containers == 3


def test_without_those_options_containers_run_anywhere_and_as_many_as_there_are_jobs(sent):
    definition = sent().definition
    assert not definition.volume_mounts and not definition.cloud_bucket_mounts
    assert not definition.scheduler_placement.regions
    assert not definition.autoscaler_settings.max_containers


def test_the_pinned_image_builds_each_step_after_what_it_needs(layers, plane):
    _, found = layers("cu121")
    steps = ["\n".join(layer.dockerfile_commands) for layer in found]
    for number, step in enumerate(steps):
        print(number, " | ".join(step.splitlines()))
    text = "\n".join(steps)
    order = [
        r"FROM nvidia/cuda:12\.1\.\d-devel-ubuntu22\.04",
        r"apt-get install -y git build-essential",
        r"pip install .*numpy==1\.26\.4.*torch==2\.2\.2\+cu121.*whl/cu121",
        r"COPY \. /",
        r"pip install --no-deps -r /opt/cu121\.txt",
        r"pip install .*wandb==[\d.]+ .*-c /opt/cu121\.txt",
        r"setuptools==69\.5\.1",
        r"--force-reinstall --no-deps 'torch==2\.2\.2\+cu121' 'numpy==1\.26\.4'",
        r"FORCE_BUILD=TRUE",
        r"--no-build-isolation --no-deps git\+https://github.com/Dao-AILab/causal-conv1d.git@v1\.4\.0",
        r"--no-build-isolation --no-deps git\+https://github.com/state-spaces/mamba.git@v2\.2\.2",
        r"RUN python /opt/kernel_check\.py 2\.2\.2\+cu121",
    ]
    at = 0
    for wanted in order:
        match = re.search(wanted, text[at:])
        assert match, f"{wanted} is not behind the layers before it:\n{text}"
        at += match.end()
    assert "kernel_check.py" in steps[-1], "the check is the last step"
    assert found[-1].gpu_config.gpu_type == "L4"
    assert any("python-build" in name and ".3.11." in name for name in plane.world.received_mounts)


def test_today_s_image_is_pinned_and_checked_too(layers):
    _, found = layers("latest")
    text = "\n".join(line for layer in found for line in layer.dockerfile_commands)
    order = [
        r"FROM nvidia/cuda:12\.8\.1-devel-ubuntu22\.04",
        r"COPY \. /",
        r"pip install .*torch==2\.8\.0\+cu128.*whl/cu128.*-c /opt/constraints\.txt",
        r"pip install .*wandb==[\d.]+ .*-c /opt/constraints\.txt",
        r"pip install .*setuptools==.*wheel==.*-c /opt/constraints\.txt",
        r"--no-build-isolation --no-deps 'causal-conv1d==1\.6\.0'",
        r"--no-build-isolation --no-deps 'mamba-ssm==2\.3\.1'",
        r"RUN python /opt/kernel_check\.py 2\.8\.0\+cu128",
    ]
    at = 0
    for wanted in order:
        match = re.search(wanted, text[at:])
        assert match, f"{wanted} is not behind the layers before it:\n{text}"
        at += match.end()
    assert found[-1].gpu_config.gpu_type == "L4"
    # A wheel that is built in place of upstream's would take half an hour.
    assert "CAUSAL_CONV1D_FORCE_BUILD" not in text


@pytest.mark.parametrize("name", ["cpu.txt", "cu121.txt"])
def test_constraints_give_each_requirement_one_version(name):
    lines = (CONSTRAINTS / name).read_text().splitlines()
    pinned = [Requirement(line.split(" #")[0]) for line in lines if line and line[0] not in "# "]
    assert all(str(each.specifier).startswith("==") for each in pinned)
    names = {canonicalize_name(each.name) for each in pinned}
    wanted = {canonicalize_name(Requirement(line).name) for line in requirements("train")}
    assert wanted | {"numpy"} <= names


@pytest.mark.slow
def test_code_comes_last_as_mounts_and_gpus_fall_back(layers, plane):
    function, _ = layers("cu121")
    names = {
        file.filename
        for mount_id in function.definition.mount_ids
        for file in plane.world.mounts[mount_id]
    }
    assert {"/root/brainbrr/sweeps/modal/container.py", "/root/conf/train.yaml"} <= names
    assert not [name for name in names if "__pycache__" in name]
    gpus = [choice.resources.gpu_config.gpu_type for choice in function.choices]
    assert gpus == ["H100", "A100-80GB"]
    assert function.definition.retry_policy.retries == 5
    assert function.definition.timeout_secs <= 24 * 3600
    modules = {each.definition.module_name for each in plane.world.functions.values()}
    assert modules == {"brainbrr.sweeps.modal.container"}
    assert len(plane.world.functions) == 5
    assert function.definition.definition_type == api_pb2.Function.DEFINITION_TYPE_FILE


def test_requirements_are_those_of_the_package():
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    package = [text for text in project["dependencies"] if not text.startswith("torch>")]
    assert len(package) == len(project["dependencies"]) - 1

    def parsed(lines):
        return {Requirement(line) for line in lines}

    assert parsed(requirements()) == parsed(package)
    train = project["optional-dependencies"]["train"]
    assert parsed(requirements("train")) == parsed([*package, *train])


def test_an_unknown_profile_is_refused():
    with pytest.raises(InvalidOption, match=r"latest, cu121; got cu999.*hydra\.launcher\.profile"):
        image("cu999")


@pytest.mark.parametrize(("version", "reason"), [("", "causal_conv1d"), ("0.1", "replaced it")])
def test_a_failing_kernel_check_fails_its_step(version, reason):
    check = Path(kernel_check.__file__)
    done = subprocess.run(
        [sys.executable, str(check), version or torch.__version__],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert done.returncode != 0, "there are no CUDA kernels here, and it did not notice"
    assert reason in done.stderr


def test_the_check_loads_the_scan_of_a_package_that_does_not_load(tmp_path, monkeypatch):
    folder = tmp_path / "mamba_ssm" / "ops" / "triton"
    folder.mkdir(parents=True)
    (tmp_path / "mamba_ssm" / "__init__.py").write_text("import selective_scan_cuda\n")
    (folder / "ssd_combined.py").write_text("def mamba_chunk_scan_combined(): return 'scan'\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    try:
        assert kernel_check.load_scan()() == "scan"
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
