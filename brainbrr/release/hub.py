"""Detectors from the Hugging Face hub: five named files of a repository, and no listing of it."""

import re
from pathlib import Path

from brainbrr.errors import BrainbrrError
from brainbrr.release.refusals import shown
from brainbrr.release.released_files import DESCRIPTION, SELFTEST, WEIGHTS

HUB = "hf://"
ADDRESS = re.compile(
    r"hf://(?P<name>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})"
    r"(?:@(?P<revision>[A-Za-z0-9][\w./-]{0,95}))?",
    re.ASCII,
)
PAPERS = ("card.md", "scores.json")


class InvalidAddress(BrainbrrError):
    """Not the address of a repository on the hub."""


class HubUnavailable(BrainbrrError):
    """The hub, the repository or the package that speaks to it is out of reach."""


def parse_address(address: str) -> tuple[str, str | None]:
    """Repository and revision of `hf://user/name[@revision]`.

    Raises:
        InvalidAddress: it is none.
    """
    found = ADDRESS.fullmatch(address)
    if found is None or ".." in address:
        raise InvalidAddress(
            "hf://user/name or hf://user/name@revision", shown(address), "Correct the address."
        )
    return found["name"], found["revision"]


def fetch(
    address: str, *, cache: str | Path | None = None, endpoint: str | None = None
) -> tuple[Path, Path]:
    """Bring a detector into the hub's cache on this machine; what is there is not fetched again.

    Args:
        address: `hf://user/name[@revision]`.
        cache: folder; the hub's own where None.
        endpoint: address of another hub than huggingface.co.

    Returns:
        the folder with the files, and the one their links may lead into.

    Raises:
        InvalidAddress: the address is malformed.
        HubUnavailable: no package `huggingface_hub`, no network, or no such repository.
    """
    name, revision = parse_address(address)
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError
    except ImportError as error:
        raise HubUnavailable(
            "the package huggingface_hub", "none installed", 'pip install "brainbrr[hub]"'
        ) from error
    folder = Path()
    for file in (DESCRIPTION, WEIGHTS, SELFTEST, *PAPERS):
        try:
            path = hf_hub_download(
                name, file, revision=revision, cache_dir=cache, endpoint=endpoint
            )
        except EntryNotFoundError as error:
            if file in PAPERS:
                continue
            raise _unavailable(address, f"no {file} there", error) from error
        # The package's own errors are both, and say what the network below it met.
        except (OSError, ValueError) as error:
            raise _unavailable(address, type(error).__name__, error) from error
        folder = Path(path).parent
    # .../models--user--name/snapshots/REVISION links into .../models--user--name/blobs.
    return folder, folder.parents[1]


def _unavailable(address: str, fault: str, error: Exception) -> HubUnavailable:
    said = " ".join(str(error).split())[:120]
    return HubUnavailable(
        f"a detector at {address}",
        f"{fault} ({shown(said, 160)[1:-1]})",
        "Check the address and the network; a private repository needs `hf auth login`.",
    )
