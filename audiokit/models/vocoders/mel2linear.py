"""Mel bands to linear magnitude: a small ConvNeXt over time that fills in what the filters averaged away.

The network corrects a smooth start (every bin gets the mean magnitude of the bands around it), in log magnitude.
`invert` then makes its answer fit the given bands exactly (`audiokit.dsp.spectrum.mel.mel_to_linear`).

References:
    Liu et al. (2022), A ConvNet for the 2020s (the block); Siuzdak (2023), Vocos (the same block over time).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.dsp.spectrum.mel import mel_filterbank, mel_to_linear
from audiokit.dsp.spectrum.transform import Transform

#: Log magnitudes are learnt down to this magnitude of a spectrum of full-scale audio.
FLOOR = 1e-3


class Block(nn.Module):
    """Depthwise convolution over time, then two layers per frame, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spread = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 3 * width)
        self.narrow = nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, N) -> the same."""
        y = self.norm(self.spread(x).transpose(1, 2))
        y = self.narrow(functional.gelu(self.widen(y)))
        return x + (self.scale * y).transpose(1, 2)


class Mel2Linear(nn.Module):
    """Predict the log magnitude of every bin from mel bands.

    Args:
        rate, n_fft, n_mels, fmin, fmax, mel_norm, htk: the filters, as in `audiokit.dsp.spectrum.mel.mel_filterbank`.
        power: the bands are sums of |S| ** power.
        width: channels.
        depth: blocks; each sees 3 frames more to both sides, the first layer too.

    >>> network = Mel2Linear(rate=22050, n_fft=1024, n_mels=80, width=16, depth=1)
    >>> network(torch.ones(2, 80, 10)).shape
    torch.Size([2, 513, 10])
    """

    smooth: Tensor

    def __init__(
        self,
        rate: int,
        n_fft: int,
        n_mels: int,
        fmin: float = 0.0,
        fmax: float | None = None,
        mel_norm: str | None = "slaney",
        htk: bool = False,
        power: float = 1.0,
        width: int = 256,
        depth: int = 5,
    ) -> None:
        super().__init__()
        filters = mel_filterbank(rate, n_fft, n_mels, fmin, fmax, mel_norm, htk)
        self.power = power
        self.context = 3 * (depth + 1)
        self.register_buffer("smooth", torch.from_numpy(_smoothing(filters)), persistent=False)
        self.enter = nn.Conv1d(n_mels, width, 7, padding=3)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.leave = nn.Conv1d(width, n_fft // 2 + 1, 1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, mel: Tensor) -> Tensor:
        """Linear mel bands (B, n_mels, N) -> log magnitude (B, F, N), natural."""
        mean = self.smooth @ mel  # (B, F, N)
        start = mean.clamp(min=FLOOR**self.power).log() / self.power
        bands = mel.clamp(min=(0.01 * FLOOR) ** self.power).log() / self.power
        x = self.enter((bands + 4) / 3)  # (B, width, N)
        return start + self.leave(self.blocks(x))


def _smoothing(filters: np.ndarray) -> np.ndarray:
    """Matrix (F, n_mels) that gives every bin the mean of the bands around it."""
    sums = filters.sum(axis=1, keepdims=True)
    spread = (filters / np.maximum(sums, 1e-12)).T
    reach = spread.sum(axis=1, keepdims=True)
    # Bins outside all filters take the nearest band's value.
    seen = np.flatnonzero(reach[:, 0] > 0)
    nearest = seen[np.abs(np.arange(len(spread))[:, None] - seen[None, :]).argmin(axis=1)]
    spread = spread[nearest] / reach[nearest]
    return (spread / np.maximum(sums, 1e-12).T).astype(np.float32)


@torch.no_grad()
def linear_magnitude(
    mel: np.ndarray,
    network: Mel2Linear,
    transform: Transform,
    *,
    keep: tuple[int, int] | None = None,
    iterations: int = 20,
) -> np.ndarray:
    """Find the linear magnitude behind mel bands: the network's answer, made to fit the bands.

    Args:
        mel: linear mel bands (C, n_mels, N) of |S| ** power.
        network: a Mel2Linear for these bands.
        transform: what the bands are.
        keep: return only these frames (start, stop); the others are what the network looks at around them.
        iterations: steps that fit the answer to the bands.

    Returns:
        Magnitude (C, F, n), float32.
    """
    start, stop = keep or (0, mel.shape[2])
    # One channel at a time: memory stays that of mono.
    answers = [network(torch.from_numpy(np.ascontiguousarray(one[None], np.float32)))[0] for one in mel]
    answer = torch.stack(answers)[:, :, start:stop].clamp(max=12).exp().numpy()
    bands = np.ascontiguousarray(mel[:, :, start:stop])
    found = mel_to_linear(bands, transform.filters, start=answer**transform.power, iterations=iterations)
    return found if transform.power == 1 else np.sqrt(found)


class NetworkLinear:
    """Linear magnitudes by a network, of mel bands that arrive in blocks.

    A block waits for the frames after it that the network looks at, so the result is that of the whole.
    """

    def __init__(self, transform: Transform, network: Mel2Linear, *, name: str = "mel2linear") -> None:
        self.name = name
        self._transform, self._network = transform, network
        self._held: np.ndarray | None = None
        self._before = 0

    def push(self, mel: np.ndarray) -> np.ndarray:
        """Mel bands (C, n_mels, k) -> magnitude (C, F, n)."""
        self._held = mel if self._held is None else np.concatenate([self._held, mel], axis=2)
        return self._take(self._held.shape[2] - self._before - self._network.context)

    def finish(self) -> np.ndarray | None:
        """Return what waited."""
        if self._held is None:
            return None
        return self._take(self._held.shape[2] - self._before)

    def _take(self, count: int) -> np.ndarray:
        assert self._held is not None
        if count <= 0:
            return np.zeros((self._held.shape[0], self._transform.n_fft // 2 + 1, 0), np.float32)
        context, last = self._network.context, self._before + count
        found = linear_magnitude(
            self._held[:, :, : last + context],
            self._network,
            self._transform,
            keep=(self._before, last),
        )
        kept = min(context, last)
        self._held, self._before = self._held[:, :, last - kept :], kept
        return found
