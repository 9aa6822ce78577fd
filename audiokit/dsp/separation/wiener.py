"""Multichannel Wiener filtering of stems: one step of expectation-maximisation over a whole recording.

Two passes in bounded memory: `WienerModel.learn` collects from all frames how every stem is spread over left and right;
`WienerModel.apply` then filters frames one stretch at a time.

References:
    Nugraha, Liutkus and Vincent (2016), Multichannel audio source separation with deep neural networks;
    Liutkus and Stöter (2019), norbert (the order of operations and constants, which Spleeter relies on).
"""

from __future__ import annotations

import numpy as np

EPS = float(np.finfo(np.float32).eps)


class WienerModel:
    """Spatial covariances of the stems, learnt from a first estimate of their magnitudes.

    Args:
        stems, channels, bins: sizes S, C, F.
    """

    def __init__(self, stems: int, channels: int, bins: int) -> None:
        self._spread = np.zeros((stems, bins, channels, channels), np.complex128)
        self._weight = np.zeros((stems, bins))
        self._loudest = 0.0

    def learn(self, X: np.ndarray, magnitudes: np.ndarray) -> None:
        """Take spectra of the mix (C, F, n) and estimated magnitudes (S, C, F, n) of the next frames."""
        self._loudest = max(self._loudest, float(np.abs(X).max(initial=0)))
        y = _shared_out(X, magnitudes)
        self._spread += np.einsum("scfn,sdfn->sfcd", y, y.conj())
        self._weight += _power(y).sum(axis=2)

    def apply(self, X: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
        """Filter frames of the mix (C, F, n): stems (S, C, F, n), complex64."""
        scale = max(1.0, self._loudest / 10)
        covariance = self._spread / scale**2 / (EPS + self._weight / scale**2)[..., None, None]
        power = _power(_shared_out(X, magnitudes)) / scale**2  # (S, F, n)
        channels = X.shape[0]
        total = np.einsum("sfn,sfcd->fncd", power, covariance) + np.sqrt(EPS) * np.eye(channels)
        whitened = np.einsum("fncd,dfn->cfn", np.linalg.inv(total), X)
        return np.einsum("sfn,sfcd,dfn->scfn", power, covariance, whitened, optimize=True).astype(np.complex64)


def _shared_out(X: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
    return magnitudes / (EPS + magnitudes.sum(axis=0)) * X


def _power(y: np.ndarray) -> np.ndarray:
    return (y.real.astype(np.float64) ** 2 + y.imag.astype(np.float64) ** 2).mean(axis=1)
