"""Modal's side of a sweep: images by profile, volumes, functions. Only here is `modal` known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import modal

import brainbrr
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError
from brainbrr.sweeps.modal import container
from brainbrr.sweeps.modal.cu121 import cu121_image

PACKAGE = Path(brainbrr.__file__).parent
FUNCTIONS = (
    container.train,
    container.evaluate,
    container.predict,
    container.prepare,
    container.doctor,
)
NOT_CODE = ["**/__pycache__/**", "**/*.pyc"]


class UnknownProfile(BrainbrrError):
    """An image profile that does not exist."""


@dataclass(frozen=True)
class Cloud:
    """What every container of an app is made of.

    Attributes:
        profile: of the image: `latest` or `cu121`.
        gpu: types to try in this order; none for a container without GPU.
        cpu: cores.
        memory_gib: memory.
        attempt_h: hours that one attempt may take before it saves and continues in another.
        retries: further attempts, for runs longer than one attempt and machines that fail.
        max_containers: at most so many jobs at a time; None: as many as the account may.
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
    """Today's stack, with the CUDA kernels that its torch takes."""
    return (
        modal.Image.from_registry("nvidia/cuda:12.8.1-devel-ubuntu22.04", add_python="3.11")
        .apt_install("git", "build-essential", "ninja-build")
        .pip_install("torch>=2.6", "ninja", "packaging", "wheel", "setuptools<82")
        .pip_install(*requirements(), "lightning>=2.4", "tensorboard>=2.15", "torch-geometric>=2.5")
        .pip_install("einops", "triton", "huggingface_hub")
        .env({"MAMBA_SKIP_CUDA_BUILD": "TRUE", "MAMBA_FORCE_BUILD": "TRUE"})
        .run_commands(
            "pip install --no-build-isolation --no-deps 'causal-conv1d>=1.5.1'",
            "pip install --no-build-isolation --no-deps 'mamba-ssm>=2.3.0'",
        )
    )


def requirements() -> list[str]:
    """What the package itself needs, without torch, which every image chooses itself."""
    return [
        "numpy>=1.26", "scipy>=1.11", "edfio>=0.4.6", "mne>=1.7", "hydra-core>=1.3.6,<1.5",
        "omegaconf>=2.3", "safetensors>=0.4", "rich>=13", "pyyaml>=6",
    ]  # fmt: skip


PROFILES: dict[str, Callable[[], modal.Image]] = {"latest": latest_image, "cu121": cu121_image}


def image(profile: str) -> modal.Image:
    """The image of a profile with this checkout's code on top.

    Raises:
        UnknownProfile: there is none of that name.
    """
    if profile not in PROFILES:
        raise UnknownProfile(
            f"a profile of {', '.join(PROFILES)}", profile, "Correct hydra.launcher.profile."
        )
    # Code comes last: a change of it costs an upload, never a build.
    return (
        PROFILES[profile]()
        .add_local_dir(PACKAGE, "/root/brainbrr", ignore=NOT_CODE)
        .add_local_dir(CONF_FOLDER, "/root/conf", ignore=NOT_CODE)
    )


def mounts(cloud: Cloud) -> dict[str | PurePosixPath, Any]:
    """Volumes and the bucket by the path where containers see them."""
    found: dict[str | PurePosixPath, Any] = {}
    for each in cloud.volumes:
        create = bool(each.get("create"))
        volume = modal.Volume.from_name(each["name"], create_if_missing=create)
        found[each["path"]] = volume.read_only() if each.get("read_only") else volume
    if cloud.bucket is not None:
        secret = cloud.bucket.get("secret")
        found[cloud.bucket["path"]] = modal.CloudBucketMount(
            bucket_name=cloud.bucket["name"],
            secret=None if secret is None else modal.Secret.from_name(secret),
            read_only=True,
        )
    return found


def build_app(cloud: Cloud, name: str = "brainbrr") -> tuple[modal.App, dict[str, Any]]:
    """The app and its functions, by the command that each of them runs.

    Raises:
        UnknownProfile: no such image.
    """
    app = modal.App(name, include_source=False)
    make = app.function(
        image=image(cloud.profile),
        gpu=list(cloud.gpu) or None,
        cpu=cloud.cpu,
        memory=int(cloud.memory_gib * 1024),
        timeout=max(int(cloud.attempt_h * 3600), 1) + 900,
        retries=modal.Retries(
            max_retries=cloud.retries, initial_delay=1.0, backoff_coefficient=1.0
        ),
        max_containers=cloud.max_containers,
        scaledown_window=2,  # an idle GPU is billed as a busy one
        volumes=mounts(cloud),
        secrets=[modal.Secret.from_name(name) for name in cloud.secrets],
        region=cloud.region,
    )
    return app, {function.__name__: make(function) for function in FUNCTIONS}
