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

from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from audiokit.dsp.separation.bands import band_filters
from audiokit.models.folder.graph import MAIN, Graph, Port, sizes_of
from audiokit.models.separation.band_settings import BandUnetConfig
from audiokit.models.separation.repetition import repeated_levels


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
        sizes = [int(size) for size in frames.shape[2:]]
        frames = nn.functional.layer_norm(frames, sizes, eps=1e-4)
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

    def graphs(self) -> dict[str, Graph]:
        """What is exported: masks of bands; `audiokit.models.separation.band_masks` is what is around them."""
        config = self.config
        about = "levels (log10 of power + 1e-7, / 4) of bands of mid and side"
        if config.memory:
            about += "; by how much they exceed the second lowest of seven like moments, and the median"
        inputs, stems = self.head.in_channels - self.last.out_channels, len(config.stems)
        features = Port(("batch", inputs, "frames", config.bands), about + "; height, -1 to 1", -1, 1)
        masks = Port(("batch", stems, 2, "frames", config.bands), "share of each stem in mid and side")
        sizes = sizes_of("frames", *(self.config.multiple * n for n in (4, 9, 1)))
        return {MAIN: Graph(self.band_masks, {"features": features}, {"masks": masks}, sizes)}

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
        surplus = -frames % self.config.multiple
        features = self.features(nn.functional.pad(magnitude, (0, surplus)))
        masks = self._held_to_news(self.band_masks(features), features)
        return torch.matmul(masks[..., :frames, :], self.filters).transpose(3, 4)

    def _held_to_news(self, masks: Tensor, features: Tensor) -> Tensor:
        """Blend the first stem's masks (B, S, 2, N, bands) with what rises above the repetition; the others gain."""
        share = self.config.novelty
        if not share:
            return masks
        above = features[:, 4:6]  # by how much levels, in quarters of log10, exceed the median of their repetitions
        new = 1 - (10 ** (-4 * above)).clamp_max(1)
        first = masks[:, :1]
        held = first ** (1 - share) * new[:, None] ** share
        others = masks[:, 1:] / masks[:, 1:].sum(dim=1, keepdim=True).clamp_min(1e-6) * (1 - held)
        return torch.cat([held, others], dim=1)
