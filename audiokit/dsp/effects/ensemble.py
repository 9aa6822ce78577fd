"""Make many players of one: copies that come a little later and waver in pitch, added to the sound.

What tells an ensemble from one player is that partials beat: no two players agree on pitch and time. A gain on a
spectrum cannot make that of tones that stand still; delays that swing can.

References:
    Dattorro (1997), Effect design 2: delay-line modulation and chorus.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiokit.errors import ModelError, ParameterError


@dataclass(frozen=True)
class Ensemble:
    """Who plays besides.

    Attributes:
        level: linear level of every copy; the sound itself has 1.
        players: of every copy the mean delay in ms, how far it swings to either side in ms, and how often, in Hz.

    Raises:
        ParameterError: a level or a number of swings that is no number of 0 to 20, or a swing of more than the delay
            less 1 ms, which is at most 200 ms.

    >>> Ensemble(0.7, ((15.0, 3.0, 0.7),)).longest_ms
    18.0
    """

    level: float
    players: tuple[tuple[float, float, float], ...]

    def __post_init__(self) -> None:
        fits = [0 <= depth <= delay - 1 and delay <= 200 and 0 <= hz <= 20 for delay, depth, hz in self.players]
        if not 0 <= self.level <= 20 or not all(fits):
            raise ParameterError(f"no ensemble: level {self.level}, (delay, swing, Hz) {self.players}")

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Ensemble:
        """Read it from a model card (ModelError for what is none).

        >>> Ensemble.from_dict({"level": 0.5, "players": [[15, 2, 0.7]]}).players
        ((15.0, 2.0, 0.7),)
        """
        try:
            players = tuple((float(delay), float(depth), float(hz)) for delay, depth, hz in given["players"])
            return cls(float(given["level"]), players)
        except (KeyError, TypeError, ValueError, ParameterError) as error:
            raise ModelError(f"the card's ensemble cannot be read: {given!r} ({error})") from None

    @property
    def longest_ms(self) -> float:
        """The longest delay in ms."""
        return max((delay + depth for delay, depth, _ in self.players), default=0.0)


class EnsembleStream:
    """Add the players to audio that comes in blocks; the result does not depend on where they end.

    Args:
        ensemble: who they are.
        rate: of the audio, in Hz.
        channels: C.
        strength: share of the copies' level.

    >>> stream = EnsembleStream(Ensemble(1.0, ((10.0, 0.0, 1.0),)), 1000, 1)
    >>> pulse = np.zeros((1, 16), np.float32)
    >>> pulse[0, 2] = 1
    >>> np.flatnonzero(stream.push(pulse)).tolist()
    [2, 12]
    """

    def __init__(self, ensemble: Ensemble, rate: int, channels: int, strength: float = 1.0) -> None:
        self.ensemble, self.rate, self.level = ensemble, rate, ensemble.level * strength
        self._held = np.zeros((channels, math.ceil(ensemble.longest_ms * rate / 1000) + 3), np.float32)
        self._count = 0
        self._scale = 1 / math.sqrt(1 + len(ensemble.players) * self.level**2)

    def push(self, y: np.ndarray) -> np.ndarray:
        """Take a block (C, n); returns (C, n), float32, of about the same loudness."""
        line, past = np.concatenate([self._held, y], axis=1), self._held.shape[1]
        time = (self._count + np.arange(y.shape[1])) / self.rate
        out = y.astype(np.float32)
        for k, (delay, depth, hz) in enumerate(self.ensemble.players):
            late = (delay + depth * np.sin(2 * np.pi * hz * time + 2 * k)) * self.rate / 1000
            out += np.float32(self.level) * _between(line, past + np.arange(y.shape[1]) - late)
        self._count += y.shape[1]
        self._held = line[:, line.shape[1] - past :]
        return out * np.float32(self._scale)


def _between(line: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Read a line (C, N) between its samples, by cubics through four of them (Catmull and Rom)."""
    below = np.floor(places).astype(np.int64)
    t = (places - below).astype(np.float32)
    a, b, c, d = (line[:, np.clip(below + k, 0, line.shape[1] - 1)] for k in (-1, 0, 1, 2))
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
