"""The mel inverter at work: the network's answer made to fit the bands, whole or block by block."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.spectrum.mel import mel_to_linear
from audiokit.dsp.spectrum.transform import Transform
from audiokit.models.folder.runtime import Network


def linear_magnitude(
    mel: np.ndarray,
    network: Network,
    transform: Transform,
    *,
    keep: tuple[int, int] | None = None,
    iterations: int = 20,
) -> np.ndarray:
    """Find the linear magnitude behind mel bands: the network's answer, made to fit the bands.

    Args:
        mel: linear mel bands (C, n_mels, N) of |S| ** power.
        network: a mel2linear for these bands.
        transform: what the bands are.
        keep: return only these frames (start, stop); the others are what the network looks at around them.
        iterations: steps that fit the answer to the bands.

    Returns:
        Magnitude (C, F, n), float32.
    """
    start, stop = keep or (0, mel.shape[2])
    # One channel at a time: memory stays that of mono.
    answers = [network.run(one[None])[0][0, :, start:stop] for one in mel]
    answer = np.exp(np.minimum(np.stack(answers), np.float32(12)))
    bands = np.ascontiguousarray(mel[:, :, start:stop])
    found = mel_to_linear(bands, transform.filters, start=answer**transform.power, iterations=iterations)
    return found if transform.power == 1 else np.sqrt(found)


class NetworkLinear:
    """Linear magnitudes by a network, of mel bands that arrive in blocks.

    A block waits for the frames after it that the network looks at, so the result is that of the whole.
    """

    def __init__(self, transform: Transform, network: Network, *, name: str = "mel2linear") -> None:
        self.name = name
        self._transform, self._network = transform, network
        # Each block sees three frames more to both sides, and so does the first layer.
        self._context = 3 * (network.settings["depth"] + 1)
        self._held: np.ndarray | None = None
        self._before = 0

    def push(self, mel: np.ndarray) -> np.ndarray:
        """Mel bands (C, n_mels, k) -> magnitude (C, F, n)."""
        self._held = mel if self._held is None else np.concatenate([self._held, mel], axis=2)
        return self._take(self._held.shape[2] - self._before - self._context)

    def finish(self) -> np.ndarray | None:
        """Return what waited."""
        if self._held is None:
            return None
        return self._take(self._held.shape[2] - self._before)

    def _take(self, count: int) -> np.ndarray:
        assert self._held is not None
        if count <= 0:
            return np.zeros((self._held.shape[0], self._transform.n_fft // 2 + 1, 0), np.float32)
        context, last = self._context, self._before + count
        found = linear_magnitude(
            self._held[:, :, : last + context],
            self._network,
            self._transform,
            keep=(self._before, last),
        )
        kept = min(context, last)
        self._held, self._before = self._held[:, :, last - kept :], kept
        return found
