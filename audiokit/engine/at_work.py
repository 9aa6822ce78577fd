"""Which stage of a chain is computing in this process, and how far its source has been read: for who shows progress."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from audiokit.engine.sound import Sound

Item = TypeVar("Item")

_at_work: int | None = None


class Reading:
    """How far a source has been read.

    Attributes:
        seconds: of audio, read so far, all passes together.
        total: of audio, in all passes; None where nobody knows.

    >>> reading = Reading(8.0)
    >>> reading.seconds += 2.0
    >>> reading.share
    0.25
    """

    def __init__(self, total: float | None) -> None:
        self.seconds, self.total, self._since = 0.0, total, time.monotonic()

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where the length is not known."""
        return min(1.0, self.seconds / self.total) if self.total else None

    @property
    def speed(self) -> float:
        """Seconds of audio read per second."""
        return self.seconds / max(1e-9, time.monotonic() - self._since)

    @property
    def left_s(self) -> float | None:
        """Seconds until it has been read at this speed; None while nobody can say."""
        return max(0.0, self.total - self.seconds) / self.speed if self.total and self.seconds else None


_reading = Reading(None)


def reading() -> Reading:
    """How far the source that is read now has been read."""
    return _reading


def follow(sound: Sound, passes: int) -> None:
    """Note how far a source has been read from now on, of one at a time.

    Args:
        sound: the source.
        passes: how often it will be read.
    """
    global _reading
    now = _reading = Reading(None if sound.length is None else passes * sound.length / sound.rate)

    def watched(samples: int) -> None:
        now.seconds += samples / sound.rate

    sound.watched = watched


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
