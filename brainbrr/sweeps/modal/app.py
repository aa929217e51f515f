"""Modal's side of a sweep: images by profile, volumes, functions."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import modal

import brainbrr
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import InvalidOption
from brainbrr.sweeps.modal import container

PACKAGE = Path(brainbrr.__file__).parent
COMMANDS = ("train", "evaluate", "predict", "prepare", "doctor")
"""What jobs run: one function of the app each, so that Modal's pages show them by name."""
NOT_CODE = ["**/__pycache__/**", "**/*.pyc"]

PYTHON = "3.11"
WANDB = "wandb==0.31.0"
EINOPS = "einops==0.8.1"
CONSTRAINTS = next(
    (folder for folder in (PACKAGE / "_constraints", PACKAGE.parent / "constraints")
     if folder.is_dir()),
    PACKAGE / "_constraints",
)  # fmt: skip
"""Exact versions of all that an image installs but what follows here: in an installed wheel, or
next to the package in a checkout."""
KERNEL_CHECK = Path(__file__).with_name("kernel_check.py")
CHECKED_ON = "L4"

CU128_CUDA = "nvidia/cuda:12.8.1-devel-ubuntu22.04"
# The newest torch for which both kernels have prebuilt wheels; a newer one would also move from
# CUDA 12 to 13, which this toolkit is not.
CU128_TORCH = "2.8.0+cu128"
# Their sdists fetch the wheel of upstream's release for this torch and build it only for lack of
# one. Of mamba-ssm only the Triton kernels are used, which nothing has to build.
CU128_KERNELS = ("causal-conv1d==1.6.0", "mamba-ssm==2.3.1")
CU128_TOOLS = ("setuptools==80.9.0", "wheel==0.45.1", "ninja==1.11.1.4", "packaging")

CU121_CUDA = "nvidia/cuda:12.1.1-devel-ubuntu22.04"
CU121_TORCH = "2.2.2+cu121"
# The sdists of these versions on PyPI carry no CUDA source, so they are built from their tags.
CAUSAL_CONV1D = "git+https://github.com/Dao-AILab/causal-conv1d.git@v1.4.0"
MAMBA = "git+https://github.com/state-spaces/mamba.git@v2.2.2"
# torch 2.2's build tools want the pkg_resources of older setuptools, mamba-ssm 2.2.2 the decoder
# outputs of older transformers.
CU121_TOOLS = (
    "setuptools==69.5.1",
    "packaging==26.3",
    "ninja==1.11.1.4",
    "wheel==0.45.1",
    EINOPS,
    "transformers==4.44.2",
)


@dataclass(frozen=True)
class Cloud:
    """What every container of an app has.

    Attributes:
        profile: of the image: `latest` or `cu121`.
        gpu: types to try in this order; empty for a container without GPU.
        cpu: cores.
        memory_gib: memory.
        attempt_h: hours that one attempt may take before it saves and continues in another.
        retries: further attempts, for runs longer than one attempt and machines that fail.
        max_containers: jobs at a time; None: as many as the account may.
        volumes: of each its `path` in containers, its `name`, whether to `create` it, and whether
            it is `read_only`.
        bucket: an S3 bucket to mount read-only: `name`, `path` and `secret`, or none.
        secrets: names of secrets whose variables jobs see.
        region: where containers may run; None: anywhere.
    """

    profile: str = "latest"
    gpu: Sequence[str] = ()
    cpu: float = 4.0
    memory_gib: float = 16.0
    attempt_h: float = 23.0
    retries: int = 5
    max_containers: int | None = None
    volumes: Sequence[Mapping[str, Any]] = ()
    bucket: Mapping[str, str] | None = None
    secrets: Sequence[str] = ()
    region: str | None = None


def latest_image() -> modal.Image:
    """Describe the current stack: torch 2.8 with the kernels that its CUDA takes."""
    pins = "-c /opt/constraints.txt"
    base = (
        modal.Image.from_registry(CU128_CUDA, add_python=PYTHON)
        .apt_install("git", "build-essential")
        .add_local_file(CONSTRAINTS / "cpu.txt", "/opt/constraints.txt", copy=True)
        .pip_install(
            f"torch=={CU128_TORCH}",
            "numpy",
            extra_index_url=_index(CU128_TORCH),
            extra_options=pins,
        )
        .pip_install(*requirements("train"), "huggingface_hub", WANDB, EINOPS, extra_options=pins)
        .pip_install(*CU128_TOOLS, extra_options=pins)
        .env({"MAMBA_SKIP_CUDA_BUILD": "TRUE", "MAMBA_FORCE_BUILD": "TRUE"})
        .run_commands(
            *(f"pip install --no-build-isolation --no-deps '{name}'" for name in CU128_KERNELS)
        )
    )
    return _checked(base, CU128_TORCH)


def _index(torch: str) -> str:
    """Return where torch's builds for a CUDA are."""
    return f"https://download.pytorch.org/whl/{torch.partition('+')[2]}"


def _checked(base: modal.Image, torch: str) -> modal.Image:
    """Let the build fail if a step replaced torch, or a kernel does not run on a GPU."""
    check = base.add_local_file(KERNEL_CHECK, "/opt/kernel_check.py", copy=True)
    return check.run_commands(f"python /opt/kernel_check.py {torch}", gpu=CHECKED_ON)


def requirements(*extras: str) -> list[str]:
    """List what the installed package and some of its extras require, without torch, which every
    image pins itself."""
    lines = [line.partition(";") for line in metadata.requires("brainbrr") or ()]
    of_extra = [(text.strip(), re.search(r"extra == .(\w+)", marker)) for text, _, marker in lines]
    return [
        text
        for text, extra in of_extra
        if (extra is None or extra[1] in extras) and not re.match(r"torch\b(?!-)", text)
    ]


def cu121_image() -> modal.Image:
    """Describe the pinned CUDA 12.1 stack: torch 2.2.2 with mamba-ssm 2.2.2, kernels included.

    Each step comes after what it needs: torch before the kernels compiled against it, and last a
    check on a GPU that fails the build.
    """
    torch, numpy = f"torch=={CU121_TORCH}", "numpy==1.26.4"
    index = _index(CU121_TORCH)
    base = (
        modal.Image.from_registry(CU121_CUDA, add_python=PYTHON)
        .apt_install("git", "build-essential")
        .pip_install(torch, numpy, extra_index_url=index)
        .add_local_file(CONSTRAINTS / "cu121.txt", "/opt/cu121.txt", copy=True)
        .run_commands("pip install --no-deps -r /opt/cu121.txt")
        .pip_install(WANDB, extra_options="-c /opt/cu121.txt")
        .pip_install(*CU121_TOOLS)
        # Earlier steps may have pulled in others; the kernels are built for this torch and numpy.
        .run_commands(
            f"pip install --force-reinstall --no-deps '{torch}' '{numpy}' --extra-index-url {index}"
        )
        .env(
            {
                "CAUSAL_CONV1D_FORCE_BUILD": "TRUE",
                "MAMBA_FORCE_BUILD": "TRUE",
                "TORCH_CUDA_ARCH_LIST": "8.0;8.6;8.9;9.0",
                "MAX_JOBS": "8",
            }
        )
        .run_commands(f"pip install --no-build-isolation --no-deps {CAUSAL_CONV1D}")
        .run_commands(f"pip install --no-build-isolation --no-deps {MAMBA}")
    )
    return _checked(base, CU121_TORCH)


PROFILES: dict[str, Callable[[], modal.Image]] = {"latest": latest_image, "cu121": cu121_image}


def image(profile: str) -> modal.Image:
    """Describe the image of a profile with this checkout's code on top.

    Raises:
        InvalidOption: no such profile.
    """
    if profile not in PROFILES:
        raise InvalidOption(
            f"a profile of {', '.join(PROFILES)}", profile, "Correct hydra.launcher.profile."
        )
    # Code comes last: changing it costs an upload, never a build.
    return (
        PROFILES[profile]()
        .add_local_dir(PACKAGE, "/root/brainbrr", ignore=NOT_CODE)
        .add_local_dir(CONF_FOLDER, "/root/conf", ignore=NOT_CODE)
    )


def mounts(cloud: Cloud) -> dict[str | PurePosixPath, Any]:
    """Return volumes and the bucket by the path where containers see them."""
    mounted: dict[str | PurePosixPath, Any] = {}
    for each in cloud.volumes:
        create = bool(each.get("create"))
        volume = modal.Volume.from_name(each["name"], create_if_missing=create)
        mounted[each["path"]] = volume.read_only() if each.get("read_only") else volume
    if cloud.bucket is not None:
        secret = cloud.bucket.get("secret")
        mounted[cloud.bucket["path"]] = modal.CloudBucketMount(
            bucket_name=cloud.bucket["name"],
            secret=None if secret is None else modal.Secret.from_name(secret),
            read_only=True,
        )
    return mounted


def build_app(cloud: Cloud, name: str = "brainbrr") -> tuple[modal.App, dict[str, Any]]:
    """Make the app and its functions, by the command that each of them runs.

    Raises:
        InvalidOption: no such image profile.
    """
    app = modal.App(name, include_source=False)
    options: dict[str, Any] = {
        "image": image(cloud.profile),
        "gpu": list(cloud.gpu) or None,
        "cpu": cloud.cpu,
        "memory": int(cloud.memory_gib * 1024),
        "timeout": max(int(cloud.attempt_h * 3600), 1) + 900,
        "retries": modal.Retries(
            max_retries=cloud.retries, initial_delay=1.0, backoff_coefficient=1.0
        ),
        "max_containers": cloud.max_containers,
        "scaledown_window": 2,  # an idle GPU is billed like a busy one
        "volumes": mounts(cloud),
        "secrets": [modal.Secret.from_name(name) for name in cloud.secrets],
        "region": cloud.region,
    }
    return app, {name: app.function(name=name, **options)(container.run_job) for name in COMMANDS}
