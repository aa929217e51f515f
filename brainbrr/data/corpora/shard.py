"""A share of a corpus, so that several machines prepare it together."""

from collections.abc import Sequence
from typing import TypeVar

from brainbrr.errors import BrainbrrError

T = TypeVar("T")


class NoSuchShare(BrainbrrError):
    """A share that cannot be cut."""


def share_of(items: Sequence[T], share: str | None) -> list[T]:
    """Every N-th item from the K-th on for a share `K/N`; all of them without one.

    The shares `0/N` to `N-1/N` are disjoint and together hold every item.

    Raises:
        NoSuchShare: not two numbers with 0 <= K < N.
    """
    if share is None:
        return list(items)
    first, _, of = str(share).partition("/")
    if not (first.isdigit() and of.isdigit() and int(first) < int(of)):
        raise NoSuchShare("a share K/N with 0 <= K < N", str(share), "E.g. prepare.share=0/8.")
    return list(items[int(first) :: int(of)])
