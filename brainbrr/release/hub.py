"""Detectors from the Hugging Face hub: named files of a repository, without listing it."""

import re
from pathlib import Path

from brainbrr.errors import InvalidOption, Unavailable
from brainbrr.release.description import SELFTEST, WEIGHTS
from brainbrr.release.released_files import CARD, DESCRIPTION, OLDER_DESCRIPTION, SCORES
from brainbrr.release.untrusted import sanitize

HUB = "hf://"
ADDRESS = re.compile(
    r"hf://(?P<name>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})"
    r"(?:@(?P<revision>[A-Za-z0-9][\w./-]{0,95}))?",
    re.ASCII,
)


def parse_address(address: str) -> tuple[str, str | None]:
    """Return repository and revision of `hf://user/name[@revision]`.

    Raises:
        InvalidOption: another form.
    """
    match = ADDRESS.fullmatch(address)
    if match is None or ".." in address:
        raise InvalidOption(
            "hf://user/name or hf://user/name@revision", sanitize(address), "Correct the address."
        )
    return match["name"], match["revision"]


def fetch(
    address: str, *, cache: str | Path | None = None, endpoint: str | None = None
) -> tuple[Path, Path]:
    """Download a detector into the hub's cache on this machine, unless it is there.

    Args:
        address: `hf://user/name[@revision]`.
        cache: folder; None for the hub's own.
        endpoint: address of another hub than huggingface.co.

    Returns:
        the folder with the files, and the one their links may lead into.

    Raises:
        InvalidOption: the address is malformed.
        Unavailable: no package `huggingface_hub`, no network, or no such repository.
    """
    name, revision = parse_address(address)
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError
    except ImportError as error:
        raise Unavailable(
            "the package huggingface_hub is not installed", 'pip install "brainbrr[hub]"'
        ) from error

    def download(file: str, *, optional: bool = False) -> Path | None:
        try:
            path = hf_hub_download(
                name, file, revision=revision, cache_dir=cache, endpoint=endpoint
            )
        except EntryNotFoundError as error:
            if optional:
                return None
            raise _unavailable(address, f"no {file} there", error) from error
        # The package's own errors derive from both, and state what the network reported.
        except (OSError, ValueError) as error:
            raise _unavailable(address, type(error).__name__, error) from error
        return Path(path)

    if download(DESCRIPTION, optional=True) is None:
        download(OLDER_DESCRIPTION)
    download(SELFTEST)
    for file in (CARD, SCORES):
        download(file, optional=True)
    weights = download(WEIGHTS)
    assert weights is not None
    # .../models--user--name/snapshots/REVISION links into .../models--user--name/blobs.
    return weights.parent, weights.parents[2]


def _unavailable(address: str, fault: str, error: Exception) -> Unavailable:
    message = sanitize(" ".join(str(error).split())[:120], 160)[1:-1]
    return Unavailable(
        f"a detector at {address}",
        f"{fault} ({message})",
        "Check the address and the network; a private repository needs `hf auth login`.",
    )
