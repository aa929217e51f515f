"""One command on Modal, by its own launcher: `modal run modal_launch.py --command "train ..."`.

It is a sweep of one job, or of `--shares` jobs for `prepare`, so all options of
`conf/hydra/launcher/modal.yaml` apply: the same command again re-attaches, the cap holds, and the
job continues while this computer sleeps. Images, volumes and functions: `brainbrr/sweeps/modal`.
"""

import shlex
import sys

import modal

from brainbrr.cli.main import main as brainbrr

app = modal.App("brainbrr-launch", include_source=False)


def arguments(
    command: str, *, profile: str = "latest", gpu: str = "", shares: int = 0
) -> list[str]:
    """Return the sweep that runs a command: `train experiment=tusz_v3` becomes
    `train -m hydra/launcher=modal experiment=tusz_v3`.

    Args:
        gpu: types to try in this order, e.g. `H100,A100-80GB`; by the hardware profile if empty;
            `none` for a container without GPU.
        shares: jobs among which `prepare` divides a corpus.
    """
    name, *options = shlex.split(command.removeprefix("brainbrr "))
    steering = ["-m", "hydra/launcher=modal", f"hydra.launcher.profile={profile}"]
    if gpu:
        steering.append(f"hydra.launcher.gpu=[{'' if gpu == 'none' else gpu}]")
    if shares:
        all_shares = ",".join(f"{number}/{shares}" for number in range(shares))
        steering.append(f"prepare.share={all_shares}")
    return [name, *steering, *options]


@app.local_entrypoint()
def main(command: str, profile: str = "latest", gpu: str = "", shares: int = 0) -> None:
    """Run one brainbrr command on Modal and download its small files."""
    sys.argv = ["brainbrr"]
    brainbrr(arguments(command, profile=profile, gpu=gpu, shares=shares))
