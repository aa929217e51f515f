"""The folder of the configuration: in an installed wheel, or next to the package in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
CONF_FOLDER = next(
    folder for folder in (_PACKAGE / "_conf", _PACKAGE.parent / "conf") if folder.is_dir()
)
