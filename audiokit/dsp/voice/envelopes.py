"""Spectral envelopes of a voice, all of them or a few at a time, and how fast they change (WORLD's CheapTrick)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

import numpy as np

from audiokit.dsp.spectrum.samples import Wave
from audiokit.errors import MissingExtraError

#: Time between frames, in seconds.
HOP_S = 0.005
#: Lowest pitch the spectral analysis is made for; it fixes the FFT length.
FLOOR_HZ = 71.0
#: Frames that are analysed at once.
_PIECE = 2000
#: Frames before and after one between which its change is measured.
_REACH = 3


@cache
def world_library() -> ModuleType:
    """Load WORLD's compiled functions.

    The extension is loaded by itself: the package around it imports `pkg_resources`, which current setuptools no
    longer brings.

    Raises:
        MissingExtraError: pyworld is not installed.
    """
    spec = find_spec("pyworld")
    folders = (spec.submodule_search_locations if spec else None) or []
    for suffix in EXTENSION_SUFFIXES:
        for folder in folders:
            path = Path(folder) / f"pyworld{suffix}"
            if path.exists():
                loader = ExtensionFileLoader("pyworld.pyworld", str(path))
                module = module_from_spec(ModuleSpec("pyworld.pyworld", loader, origin=str(path)))
                loader.exec_module(module)
                return module
    raise MissingExtraError("taking a voice apart needs pyworld", hint="pip install pyworld")


class Envelopes:
    """Power spectral envelopes of speech (N, F), float32.

    Args:
        y: the speech (T,).
        rate: its sample rate in Hz.
        f0_hz: its pitch (N,), 0 where there is none.
        keep: keep them all once they are made. Otherwise the last two pieces of 2000 frames are kept, and frames that
            are taken later are made again: the same numbers, for the time that CheapTrick takes.

    Attributes:
        shape: frames N and bins F.
        f0_hz: the pitch that they were made with (N,): not below `FLOOR_HZ`.

    >>> t = np.arange(48000) / 16000
    >>> y, f0 = np.sign(np.sin(2 * np.pi * 150 * t)), np.full(601, 150.0)
    >>> kept, made = Envelopes(y, 16000, f0), Envelopes(y, 16000, f0, keep=False)
    >>> made.shape, np.array_equal(kept[:][20:30], made[20:30])
    ((601, 513), True)
    """

    def __init__(self, y: Wave, rate: int, f0_hz: np.ndarray, *, keep: bool = True) -> None:
        self._speech, self._rate = y, rate
        n_fft = world_library().get_cheaptrick_fft_size(rate, FLOOR_HZ)
        self.shape = len(f0_hz), n_fft // 2 + 1
        self.f0_hz = np.where(f0_hz > 0, np.maximum(f0_hz, FLOOR_HZ + 0.5), 0.0)
        self._all = np.empty(self.shape, np.float32) if keep else None
        self._pieces: dict[int, np.ndarray] = {}

    def parts(self) -> Iterator[slice]:
        """Frames that are made together, one part after the other."""
        for start in range(0, self.shape[0], _PIECE):
            yield slice(start, min(start + _PIECE, self.shape[0]))

    def around(self, part: slice) -> tuple[np.ndarray, int]:
        """The speech around a part of the frames (T,), float64, and the whole second at which it begins."""
        # Whole seconds, on which samples and frames meet, and one more on either side.
        from_s, to_s = max(0, part.start // round(1 / HOP_S) - 1), math.ceil(part.stop * HOP_S) + 1
        return np.ascontiguousarray(self._speech[from_s * self._rate : to_s * self._rate], np.float64), from_s

    def __getitem__(self, frames: slice) -> np.ndarray:
        """Some of them (n, F), that follow each other."""
        start, stop, _ = frames.indices(self.shape[0])
        pieces = [(k * _PIECE, self._piece(k)) for k in range(start // _PIECE, -(-stop // _PIECE))]
        if self._all is not None:
            return self._all[start:stop]
        found = [rows[max(start - first, 0) : max(stop - first, 0)] for first, rows in pieces]
        return found[0] if len(found) == 1 else np.concatenate([np.zeros((0, self.shape[1]), np.float32), *found])

    def take(self, frames: np.ndarray) -> np.ndarray:
        """Those of any frames (M,), in any order (M, F)."""
        taken = np.empty((len(frames), self.shape[1]), np.float32)
        for number in np.unique(frames // _PIECE):
            of_it = frames // _PIECE == number
            taken[of_it] = self._piece(int(number))[frames[of_it] - number * _PIECE]
        return taken

    def _piece(self, number: int) -> np.ndarray:
        if number not in self._pieces:
            part = slice(number * _PIECE, min((number + 1) * _PIECE, self.shape[0]))
            x, from_s = self.around(part)
            when = np.arange(part.start, part.stop) * (HOP_S * 1000) / 1000 - from_s
            fft = 2 * (self.shape[1] - 1)
            made = world_library().cheaptrick(x, self.f0_hz[part], when, self._rate, f0_floor=FLOOR_HZ, fft_size=fft)
            if self._all is not None:
                self._all[part] = made
                self._pieces[number] = self._all[part]
            else:
                while len(self._pieces) > 1:
                    self._pieces.pop(next(iter(self._pieces)))
                self._pieces[number] = made.astype(np.float32)
        return self._pieces[number]


class Steadiness:
    """How much the shape of envelopes (N, F) changes around each frame, as rows of them come in order.

    Attributes:
        change: root mean square of the difference of the logarithms in 25 bands, three frames before and after (N,).

    >>> steadiness = Steadiness((20, 513))
    >>> steadiness.hear(np.ones((10, 513), np.float32))
    >>> steadiness.hear(np.linspace(1, 9, 513, dtype=np.float32) * np.ones((10, 1), np.float32))
    >>> np.flatnonzero(steadiness.change).tolist()
    [7, 8, 9, 10, 11, 12]
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.change = np.zeros(shape[0])
        self._bins = np.unique(np.geomspace(2, shape[1] - 1, 25).astype(int))
        self._before = np.zeros((0, len(self._bins)), np.float32)
        self._heard = 0

    def hear(self, rows: np.ndarray) -> None:
        """Take the next rows (n, F)."""
        log = np.log(np.add.reduceat(rows, self._bins, axis=1) + 1e-9)
        log = np.concatenate([self._before, log - log.mean(axis=1, keepdims=True)])
        apart = 2 * _REACH
        self._heard += len(rows)
        if len(log) > apart:
            moved = np.sqrt(((log[apart:] - log[:-apart]) ** 2).mean(axis=1))
            stop = self._heard - _REACH
            self.change[stop - len(moved) : stop] = moved
        self._before = log[-apart:]
