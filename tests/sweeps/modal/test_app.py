"""The images as the control plane receives them, layer by layer."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from modal_proto import api_pb2
from packaging.requirements import Requirement

from brainbrr.errors import InvalidOption
from brainbrr.sweeps.modal.app import image, requirements

SEND = """
import sys
from brainbrr.sweeps.modal.app import Cloud, build_app
app, functions = build_app(Cloud(profile=sys.argv[1], gpu=["H100", "A100-80GB"]))
with app.run(detach=True):
    print(app.app_id)
"""


@pytest.fixture
def layers(plane, laptop):
    """Sends an app with a profile; the commands of each layer, and its GPU."""

    def of(profile):
        code, said = laptop.python("-c", SEND, profile)
        assert code == 0, said
        function = next(each for each in plane.world.functions.values() if each.name == "train")
        return function, plane.world.layers(function)

    return of


def test_the_pinned_image_builds_each_step_after_what_it_needs(layers, plane):
    _, found = layers("cu121")
    steps = ["\n".join(layer.dockerfile_commands) for layer in found]
    for number, step in enumerate(steps):
        print(number, " | ".join(step.splitlines()))
    text = "\n".join(steps)
    order = [
        r"FROM nvidia/cuda:12\.1\.\d-devel-ubuntu22\.04",
        r"apt-get install -y git build-essential",
        r"pip install .*numpy<2.*torch==2\.2\.2\+cu121.*whl/cu121",
        r"COPY \. /",
        r"pip install --no-deps -r /opt/cu121\.txt",
        r"setuptools<70",
        r"--force-reinstall --no-deps 'torch==2\.2\.2\+cu121' 'numpy==1\.26\.4'",
        r"FORCE_BUILD=TRUE",
        r"--no-build-isolation --no-deps git\+https://github.com/Dao-AILab/causal-conv1d.git@v1\.4\.0",
        r"--no-build-isolation --no-deps git\+https://github.com/state-spaces/mamba.git@v2\.2\.2",
        r"RUN python /opt/kernel_check\.py",
    ]
    at = 0
    for wanted in order:
        match = re.search(wanted, text[at:])
        assert match, f"{wanted} is not behind the layers before it:\n{text}"
        at += match.end()
    assert steps[-1].endswith("RUN python /opt/kernel_check.py"), "the check is the last step"
    assert found[-1].gpu_config.gpu_type == "L4"
    assert any("python-build" in name and ".3.11." in name for name in plane.world.received_mounts)


@pytest.mark.slow
def test_today_s_image_has_kernels_too(layers):
    _, found = layers("latest")
    text = "\n".join(line for layer in found for line in layer.dockerfile_commands)
    assert re.search(r"torch>=2\.6[\s\S]*causal-conv1d>=1\.5\.1[\s\S]*mamba-ssm>=2\.3\.0", text)


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


def test_a_failing_kernel_check_fails_its_step():
    check = Path(__file__).parents[3] / "brainbrr" / "sweeps" / "modal" / "kernel_check.py"
    done = subprocess.run([sys.executable, str(check)], capture_output=True, check=False)
    assert done.returncode != 0, "there are no CUDA kernels here, and it did not notice"
