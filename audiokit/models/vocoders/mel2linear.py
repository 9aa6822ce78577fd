"""Mel bands to linear magnitude: a small ConvNeXt over time that fills in what the filters averaged away.

The network corrects a smooth start (every bin gets the mean magnitude of the bands around it), in log magnitude.
`invert` then makes its answer fit the given bands exactly (`audiokit.dsp.spectrum.mel.mel_to_linear`).

References:
    Liu et al. (2022), A ConvNet for the 2020s (the block); Siuzdak (2023), Vocos (the same block over time).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.dsp.spectrum.mel import mel_filterbank
from audiokit.models.folder.graph import MAIN, Graph, Port, sizes_of

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
        self.settings: dict[str, Any] = {
            "rate": rate, "n_fft": n_fft, "n_mels": n_mels, "fmin": fmin, "fmax": fmax, "mel_norm": mel_norm,
            "htk": htk, "power": power, "width": width, "depth": depth,
        }  # fmt: skip
        filters = mel_filterbank(rate, n_fft, n_mels, fmin, fmax, mel_norm, htk)
        self.power = power
        self.register_buffer("smooth", torch.from_numpy(_smoothing(filters)), persistent=False)
        self.enter = nn.Conv1d(n_mels, width, 7, padding=3)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.leave = nn.Conv1d(width, n_fft // 2 + 1, 1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the whole network."""
        n_mels, n_fft = self.settings["n_mels"], self.settings["n_fft"]
        mel = Port(("batch", n_mels, "frames"), "mel bands, sums of |S| ** power of full-scale audio", 0, 2)
        bins = Port(("batch", n_fft // 2 + 1, "frames"), "natural logarithm of the magnitude of every bin")
        return {MAIN: Graph(self.forward, {"mel": mel}, {"magnitude": bins}, sizes_of("frames", 40, 9, 133))}

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
