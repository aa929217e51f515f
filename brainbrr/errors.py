"""Every error a user can act on, under one root.

A class of its own is for what somebody catches by name and for reasons of the quarantine
(`StaleCache`, `MissingElectrodes`); it lives next to the code that raises it. All else is one of
the general classes below.
"""

from typing import overload


class BrainbrrError(Exception):
    """An error that states the problem and its remedy: one line and exit code 2 on the terminal.

    Args:
        parts: for a value `expected, got, remedy`; for a state `what happened, remedy`.
    """

    @overload
    def __init__(self, expected: str, got: str, remedy: str, /) -> None: ...
    @overload
    def __init__(self, happened: str, remedy: str, /) -> None: ...
    def __init__(self, *parts: str) -> None:
        super().__init__(*parts)
        self.expected = parts[0] if len(parts) == 3 else ""
        *_, self.got, self.remedy = parts

    @property
    def detail(self) -> str:
        """The problem and its remedy, without the name."""
        problem = f"expected {self.expected}; got {self.got}" if self.expected else self.got
        return f"{problem}. {self.remedy}"

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.detail}"


class InvalidOption(BrainbrrError):
    """An option or argument outside what it accepts, or one that contradicts another."""


class InvalidInput(BrainbrrError):
    """Data in memory that a function cannot use: its shape, type, unit or values."""


class InvalidFile(BrainbrrError):
    """A file or folder whose content cannot be used."""


class NotFound(BrainbrrError):
    """A file, folder or name that does not exist."""


class InUse(BrainbrrError):
    """A file, folder or run that holds something else or belongs to another process."""


class Unavailable(BrainbrrError):
    """A package, device, kernel or service that this machine does not have."""


class Failed(BrainbrrError):
    """Work that was started and did not succeed."""
