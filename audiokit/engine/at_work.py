"""Which stage of a chain is computing in this process, for whoever shows progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_at_work: int | None = None


def at_work() -> int | None:
    """The number of the stage that is computing, from 0; None while none is."""
    return _at_work


def enter(number: int | None) -> int | None:
    """Say which stage computes from now on; gives the one that did, to return to."""
    global _at_work
    before, _at_work = _at_work, number
    return before


def followed(items: Iterable[Item], number: int | None) -> Iterator[Item]:
    """Items as they are; while one is being made, stage `number` is at work.

    >>> [(item, at_work()) for item in followed((at_work() for _ in range(2)), 3)]
    [(3, None), (3, None)]
    """
    source = iter(items)
    while True:
        before = enter(number)
        try:
            item = next(source)
        except StopIteration:
            return
        finally:
            enter(before)
        yield item
