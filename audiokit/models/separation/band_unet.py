"""A small separator: a U-Net on banded mid/side spectra whose masks share every bin out among the stems.

The spectrum is gathered into bands, one bin wide where harmonics lie and wider above, and the network sees their
levels for mid (L + R) and side (L - R). Two-dimensional convolutions follow lines through time, and a bottlenecked
linear layer across all bands in every block sees a whole harmonic series at once. The masks of all stems sum to 1 in
every bin, so that the separated stems sum to the mix.

References:
    Ronneberger, Fischer and Brox (2015), U-Net; Choi, Kim, Chung, Lee and Jung (2020), Investigating U-Nets with
    various intermediate blocks for spectrogram-based singing voice separation (linear layers across frequency).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.errors import ParameterError
from audiokit.models.separation.repetition import AROUND, repeated_levels


@dataclass(frozen=True)
class BandUnetConfig:
    """Settings of the separator.

    Attributes:
        stems: names, in the order of the masks.
        rate: Hz.
        n_fft, hop: of the periodic Hann short-time spectra.
        bands: bands per spectrum, a multiple of 2 ** len(widths).
        single: lowest bands that are one bin wide.
        widths: channels of each level; each level halves bands and frames.
        squeeze: the linear layers across bands shrink them to a `squeeze`-th.
        norm: "frame" (each frame by itself) or "batch" (by what was seen in training).
        memory: how many frames away to look for what a recording repeats; 0 for not at all.
        novelty: how far (0..1) the first stem is held, after training, to what does not repeat.
    """

    stems: Sequence[str] = ("vocals", "accompaniment")
    rate: int = 44_100
    n_fft: int = 4096
    hop: int = 1024
    bands: int = 256
    single: int = 150
    widths: Sequence[int] = (24, 48, 72)
    squeeze: int = 8
    norm: str = "frame"
    memory: int = 0
    novelty: float = 0.0

    def __post_init__(self) -> None:
        if self.bands % 2 ** len(self.widths):
            raise ParameterError(f"{self.bands} bands cannot be halved {len(self.widths)} times")
        if self.memory < 0 or (self.memory and self.bands % 4):
            raise ParameterError("memory must not be negative, and with it bands must be a multiple of 4")
        if self.norm not in ("frame", "batch"):
            raise ParameterError(f"norm is frame or batch, not {self.norm!r}")
        if not 0 <= self.novelty <= 1 or (self.novelty and not self.memory):
            raise ParameterError("novelty must lie between 0 and 1, and needs memory")
        if not 1 <= self.single < self.bands < self.n_fft // 2:
            raise ParameterError("bands must be more than the single ones and fewer than the bins")


def band_filters(*, n_fft: int, bands: int, single: int) -> np.ndarray:
    """Build overlapping triangles that share every bin out among neighbouring bands.

    Centres lie on the first `single` bins, then at distances that grow by a constant factor up to the last bin.

    Returns:
        Filters (bands, F), float32, whose columns sum to 1.

    >>> bool(np.allclose(band_filters(n_fft=512, bands=64, single=16).sum(axis=0), 1))
    True
    """
    last, more = n_fft // 2, bands - single
    low, high = 1.0, 2.0
    for _ in range(60):  # bisect the growth factor with which the last centre falls on the last bin
        growth = (low + high) / 2
        reach = single - 1 + np.sum(growth ** np.arange(1, more + 1))
        low, high = (growth, high) if reach < last else (low, growth)
    centers = np.concatenate([np.arange(single), single - 1 + np.cumsum(low ** np.arange(1, more + 1))])
    centers[-1] = last
    bins = np.arange(last + 1)
    return np.stack([np.interp(bins, centers, np.eye(bands)[band]) for band in range(bands)]).astype(np.float32)


class FrameNorm(nn.Module):
    """Normalise every frame over channels and bands, then scale and shift each channel.

    Nothing is remembered between frames or songs: a quiet or a dull recording looks like any other, and the answer
    does not depend on how a recording is cut.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c, N, bands) to the same shape."""
        frames = x.permute(0, 2, 3, 1)  # (B, N, bands, c): contiguous where x is stored with channels last
        frames = nn.functional.layer_norm(frames, frames.shape[2:], eps=1e-4)
        # In the type of x, which is a narrow one where a training asks for it.
        return torch.addcmul(self.bias.to(x.dtype), frames, self.weight.to(x.dtype)).permute(0, 3, 1, 2)


class BandMixing(nn.Module):
    """Two linear layers across all bands, with a bottleneck between them."""

    def __init__(self, channels: int, bands: int, squeeze: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        inner = max(4, bands // squeeze)
        self.down = nn.Linear(bands, inner, bias=False)
        self.norm_inner = norm(channels)
        self.up = nn.Linear(inner, bands, bias=False)
        self.norm = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c, N, bands) to the same shape."""
        y = torch.relu(self.norm_inner(_across(self.down, x)))
        return self.norm(_across(self.up, y))


def _across(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a layer across the bands of (B, c, N, bands), which lie apart where channels are stored last."""
    return torch.matmul(layer.weight, x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Two 3x3 convolutions and a mixing of bands, added to the input; `reach` spreads the second one in time."""

    def __init__(
        self, channels: int, bands: int, squeeze: int, norm: Callable[[int], nn.Module], reach: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=(reach, 1), dilation=(reach, 1), bias=False)
        self.norm2 = norm(channels)
        self.mixing = BandMixing(channels, bands, squeeze, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c, N, bands) to the same shape."""
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return torch.relu(x + y + self.mixing(x))


class BandUnet(nn.Module):
    """Map magnitudes of mid and side (B, 2, F, N) to masks (B, S, 2, F, N) that sum to 1 over the stems.

    >>> net = BandUnet(n_fft=512, bands=64, single=16, widths=(4, 4)).eval()
    >>> net(torch.rand(1, 2, 257, 12)).shape
    torch.Size([1, 2, 2, 257, 12])
    """

    filters: Tensor
    height: Tensor
    centers: Tensor  # of the bands, in bins

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = config = BandUnetConfig(**settings)
        self.settings = {**asdict(config), "stems": list(config.stems), "widths": list(config.widths)}
        filters = torch.from_numpy(band_filters(n_fft=config.n_fft, bands=config.bands, single=config.single))
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("height", torch.linspace(-1, 1, config.bands), persistent=False)
        self.register_buffer("centers", filters.argmax(dim=1).float(), persistent=False)
        widths, squeeze = list(config.widths), config.squeeze
        inputs = 7 if config.memory else 3
        norm = FrameNorm if config.norm == "frame" else nn.BatchNorm2d
        sizes = [config.bands >> level for level in range(1, len(widths) + 1)]
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), norm(b), nn.ReLU())
            for a, b in zip([inputs, *widths[:-1]], widths, strict=True)
        )
        self.encoder = nn.ModuleList(Block(c, size, squeeze, norm) for c, size in zip(widths, sizes, strict=True))
        self.bottom = nn.Sequential(*(Block(widths[-1], sizes[-1], squeeze, norm, reach) for reach in (2, 4)))
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(b, a, 4, stride=2, padding=1, bias=False), norm(a), nn.ReLU())
            for a, b in pairwise(widths)
        )
        self.decoder = nn.ModuleList(
            Block(c, size, squeeze, norm) for c, size in zip(widths[:-1], sizes[:-1], strict=True)
        )
        self.last = nn.ConvTranspose2d(widths[0], 16, 4, stride=2, padding=1)
        self.head = nn.Conv2d(16 + inputs, 2 * len(config.stems), 3, padding=1)

    @property
    def multiple(self) -> int:
        """The number of frames must be a multiple of this; segments must start at one."""
        return 2 ** len(self.config.widths)

    @property
    def reach(self) -> int:
        """Frames that can influence a frame of the result, before and after it, in multiples of `multiple`."""
        levels = len(self.config.widths)
        convolutions = sum(3 * 2**level for level in range(1, levels + 1)) + 8 * 2**levels  # down, and at the bottom
        back = sum(4 * 2**level for level in range(1, levels)) + 2 * 2**levels + 1
        looking = self.config.memory + AROUND if self.config.memory else 0
        return -(-(convolutions + back + looking) // self.multiple) * self.multiple

    def features(self, magnitude: Tensor) -> Tensor:
        """Gather magnitudes (B, 2, F, N) into what `band_masks` sees of their bands (B, 3 or 7, N, bands)."""
        return self.described(self.gathered(magnitude.square().transpose(2, 3)))

    def gathered(self, power: Tensor) -> Tensor:
        """Sum the power of bins (..., F) into bands (..., bands)."""
        edge = self.config.single - 1  # below it, a band is a bin
        wide = torch.matmul(power[..., edge:], self.filters[edge:, edge:].T)
        return torch.cat([power[..., :edge], wide], dim=-1)

    def described(self, power: Tensor) -> Tensor:
        """Turn the power of bands (B, 2, N, bands) into levels, what these add to what repeats, and height."""
        level = torch.log10(power.clamp_min(0) + 1e-7) / 4
        known = [level]
        if self.config.memory:
            gap = round(1.2 * self.config.rate / self.config.hop)
            known += [level.repeat(1, 2, 1, 1) - repeated_levels(level, memory=self.config.memory, gap=gap)]
        return torch.cat([*known, self.height.expand_as(level[:, :1])], dim=1)

    def band_masks(self, features: Tensor) -> Tensor:
        """Map features (B, 3 or 7, N, bands) to masks (B, S, 2, N, bands); N is a multiple of `multiple`."""
        skips, x = [], features.contiguous(memory_format=torch.channels_last)
        for down, block in zip(self.down, self.encoder, strict=True):
            x = block(down(x))
            skips.append(x)
        x = self.bottom(x)
        for level in reversed(range(len(self.up))):
            x = self.decoder[level](self.up[level](x) + skips[level])
        x = torch.relu(self.last(x))
        logits = self.head(torch.cat([x, features], dim=1))
        return torch.softmax(logits.unflatten(1, (len(self.config.stems), 2)), dim=1)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Map (B, 2, F, N) to masks (B, S, 2, F, N); any N."""
        frames = magnitude.shape[-1]
        surplus = -frames % self.multiple
        features = self.features(nn.functional.pad(magnitude, (0, surplus)))
        masks = self._held_to_news(self.band_masks(features), features)
        return torch.matmul(masks[..., :frames, :], self.filters).transpose(3, 4)

    def _held_to_news(self, masks: Tensor, features: Tensor) -> Tensor:
        """Blend the first stem's masks (B, S, 2, N, bands) with what rises above the repetition; the others gain."""
        share = self.config.novelty
        if not share:
            return masks
        above = features[:, 2:4]  # by how much levels, in quarters of log10, exceed the quieter of their repetitions
        new = 1 - (10 ** (-4 * above)).clamp_max(1)
        first = masks[:, :1]
        held = first ** (1 - share) * new[:, None] ** share
        others = masks[:, 1:] / masks[:, 1:].sum(dim=1, keepdim=True).clamp_min(1e-6) * (1 - held)
        return torch.cat([held, others], dim=1)
