"""The pinned CUDA 12.1 stack as an image: torch 2.2.2 with mamba-ssm 2.2.2, kernels included."""

from pathlib import Path

import modal

CUDA = "nvidia/cuda:12.1.1-devel-ubuntu22.04"
PYTHON = "3.11"
TORCH = "torch==2.2.2+cu121"
TORCH_INDEX = "https://download.pytorch.org/whl/cu121"
# The sdists of these versions on PyPI carry no CUDA source, so they are built from their tags.
CAUSAL_CONV1D = "git+https://github.com/Dao-AILab/causal-conv1d.git@v1.4.0"
MAMBA = "git+https://github.com/state-spaces/mamba.git@v2.2.2"
ROOT = Path(__file__).resolve().parents[3]
CONSTRAINTS = ROOT / "constraints" / "cu121.txt"
KERNEL_CHECK = Path(__file__).with_name("kernel_check.py")
# torch 2.2's build tools want the pkg_resources of older setuptools, mamba-ssm 2.2.2 the decoder
# outputs of older transformers.
BUILD_TOOLS = ("setuptools<70", "packaging", "ninja", "wheel", "einops", "transformers==4.44.2")


def cu121_image() -> modal.Image:
    """Each step after what it needs: torch before the kernels that are compiled against it, and a
    check on a GPU that fails the build."""
    base = (
        modal.Image.from_registry(CUDA, add_python=PYTHON)
        .apt_install("git", "build-essential")
        .pip_install(TORCH, "numpy<2", extra_index_url=TORCH_INDEX)
        .add_local_file(CONSTRAINTS, "/opt/cu121.txt", copy=True)
        .run_commands("pip install --no-deps -r /opt/cu121.txt")
        .pip_install(*BUILD_TOOLS)
        # Whatever the steps before pulled in: the kernels are built for this torch and this numpy.
        .run_commands(
            f"pip install --force-reinstall --no-deps '{TORCH}' 'numpy==1.26.4'"
            f" --extra-index-url {TORCH_INDEX}"
        )
    )
    return (
        base.env(
            {
                "CAUSAL_CONV1D_FORCE_BUILD": "TRUE",
                "MAMBA_FORCE_BUILD": "TRUE",
                "TORCH_CUDA_ARCH_LIST": "8.0;8.6;8.9;9.0",
                "MAX_JOBS": "8",
            }
        )
        .run_commands(f"pip install --no-build-isolation --no-deps {CAUSAL_CONV1D}")
        .run_commands(f"pip install --no-build-isolation --no-deps {MAMBA}")
        .add_local_file(KERNEL_CHECK, "/opt/kernel_check.py", copy=True)
        .run_commands("python /opt/kernel_check.py", gpu="L4")
    )
