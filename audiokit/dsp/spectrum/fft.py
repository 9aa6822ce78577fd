"""Fourier transforms of real frames in float32, several at a time: scipy's, without what importing scipy.fft costs.

numpy transforms frame after frame; scipy's build of the same library (pocketfft) takes four or more side by side, in
half the time. `import scipy.fft` takes 0.12 s of processor time, for parts that nothing here needs; the compiled module
alone takes a millisecond. Where it does not lie where it has lain since scipy 1.4, scipy.fft is imported.

References:
    Reinecke, pocketfft (in numpy and scipy).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from audiokit.dsp.spectrum.compiled import compiled


def rfft(frames: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Transform real frames (..., n), float32, to spectra (..., n // 2 + 1), complex64: new ones, or `out`.

    >>> rfft(np.ones((2, 4), np.float32)).real.tolist()
    [[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]]
    """
    found: np.ndarray = _library().r2c(frames, (frames.ndim - 1,), True, 0, out, 1)
    return found


def irfft(spectra: np.ndarray, n: int, out: np.ndarray | None = None) -> np.ndarray:
    """Transform spectra (..., n // 2 + 1), complex64, back to real frames (..., n), float32: new ones, or `out`.

    >>> irfft(rfft(np.array([[1, 2, 3, 4]], np.float32)), 4).tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    """
    found: np.ndarray = _library().c2r(spectra, (spectra.ndim - 1,), n, False, 2, out, 1)
    return found


@lru_cache(maxsize=1)
def _library() -> Any:
    return compiled("scipy.fft._pocketfft.pypocketfft") or _Public()


class _Public:
    """The same two functions by scipy's public ones, for a scipy that is laid out in another way."""

    def r2c(self, frames: np.ndarray, axes: tuple[int], _way: bool, _norm: int, out: Any, _workers: int) -> Any:
        """Forward."""
        import scipy.fft

        return _into(out, scipy.fft.rfft(frames, axis=axes[0]))

    def c2r(
        self, spectra: np.ndarray, axes: tuple[int], n: int, _way: bool, _norm: int, out: Any, _workers: int
    ) -> Any:
        """Back."""
        import scipy.fft

        return _into(out, scipy.fft.irfft(spectra, n, axis=axes[0]))


def _into(out: Any, found: Any) -> Any:
    if out is None:
        return found
    out[...] = found
    return out
