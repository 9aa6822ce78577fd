"""Discriminators of audio: MelGAN's own, by scale, and the modern pair, by period and by resolution.

References:
    Kumar et al. (2019), MelGAN (three scales, grouped convolutions).
    Kong, Kim, Bae (2020), HiFi-GAN (periods).
    Jang et al. (2021), UnivNet (resolutions).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

#: What a discriminator says: a score map and the features on the way, each for the feature-matching loss.
Verdict = list[list[Tensor]]


class _Scale(nn.Module):
    """One of MelGAN's discriminators; keys as the authors'."""

    def __init__(self, base: int, layers: int, factor: int, *, normed: bool) -> None:
        super().__init__()
        norm = weight_norm if normed else lambda layer: layer
        model = nn.ModuleDict()
        slope = 0.2
        model["layer_0"] = nn.Sequential(nn.ReflectionPad1d(7), norm(nn.Conv1d(1, base, 15)), nn.LeakyReLU(slope))
        size = base
        for n in range(1, layers + 1):
            before, size = size, min(size * factor, 1024)
            conv = nn.Conv1d(before, size, factor * 10 + 1, factor, factor * 5, groups=max(1, before // 4))
            model[f"layer_{n}"] = nn.Sequential(norm(conv), nn.LeakyReLU(slope))
        wide = min(size * 2, 1024)
        last = nn.Conv1d(size, wide, 5, padding=2)
        model[f"layer_{layers + 1}"] = nn.Sequential(norm(last), nn.LeakyReLU(slope))
        model[f"layer_{layers + 2}"] = norm(nn.Conv1d(wide, 1, 3, padding=1))
        self.model = model

    def forward(self, y: Tensor) -> list[Tensor]:
        """(B, 1, T) -> features, the score map last."""
        found = []
        for layer in self.model.values():
            y = layer(y)
            found.append(y)
        return found


class MelganDiscriminator(nn.Module):
    """Three copies that hear audio at full, half and quarter rate.

    Args:
        scales: copies.
        base: channels of the first layer.
        layers: strided layers.
        factor: stride of each, and by how much the channels grow, up to 1024.
        normed: weights are normalised, for training; False has them folded.

    >>> [len(scale) for scale in MelganDiscriminator(base=4, layers=2)(torch.zeros(1, 1, 1024))]
    [5, 5, 5]
    """

    #: Why `models export --onnx` refuses it.
    not_exported = "it judges while others are trained, and no command runs it"

    def __init__(
        self, *, scales: int = 3, base: int = 16, layers: int = 4, factor: int = 4, normed: bool = True
    ) -> None:
        super().__init__()
        self.settings = {"scales": scales, "base": base, "layers": layers, "factor": factor, "normed": normed}
        parts = {f"disc_{k}": _Scale(base, layers, factor, normed=normed) for k in range(scales)}
        self.model = nn.ModuleDict(parts)
        self.downsample = nn.AvgPool1d(4, stride=2, padding=1, count_include_pad=False)

    def forward(self, y: Tensor) -> Verdict:
        """(B, 1, T) -> features per scale."""
        found = []
        for scale in self.model.values():
            found.append(scale(y))
            y = self.downsample(y)
        return found


class _Period(nn.Module):
    """Fold audio into rows of one period and convolve down the columns."""

    def __init__(self, period: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.period = period
        sizes = [1, *widths]
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), (3, 1), padding=(2, 0))) for a, b in zip(sizes, widths, strict=False)
        )
        self.post = weight_norm(nn.Conv2d(sizes[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, y: Tensor) -> list[Tensor]:
        """(B, 1, T) -> features, the score map last."""
        y = functional.pad(y, (0, -y.shape[2] % self.period), "reflect")
        y = y.reshape(y.shape[0], 1, -1, self.period)
        found = []
        for conv in self.convs:
            y = functional.leaky_relu(conv(y), 0.1)
            found.append(y)
        return [*found, self.post(y)]


class _Resolution(nn.Module):
    """Convolve a magnitude spectrogram of one resolution."""

    def __init__(self, n_fft: int, width: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, n_fft // 4
        sizes = [1, width, width, width]
        self.convs = nn.ModuleList(weight_norm(nn.Conv2d(a, width, (9, 3), (2, 1), padding=(4, 1))) for a in sizes[:-1])
        self.post = weight_norm(nn.Conv2d(width, 1, 3, padding=1))
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, y: Tensor) -> list[Tensor]:
        """(B, 1, T) -> features, the score map last."""
        S = torch.stft(y[:, 0], self.n_fft, self.hop, window=self.window, return_complex=True)
        x = (S.abs() + 1e-7)[:, None] ** 0.3
        found = []
        for conv in self.convs:
            x = functional.leaky_relu(conv(x), 0.1)
            found.append(x)
        return [*found, self.post(x)]


class PeriodResolutionDiscriminator(nn.Module):
    """Small multi-period and multi-resolution discriminators side by side.

    >>> judge = PeriodResolutionDiscriminator(periods=(2, 3), resolutions=(256,), widths=(4, 8), width=4)
    >>> [len(part) for part in judge(torch.zeros(1, 1, 4096))]
    [3, 3, 4]
    """

    def __init__(
        self,
        *,
        periods: Sequence[int] = (2, 3, 5, 7),
        resolutions: Sequence[int] = (512, 1024, 2048),
        widths: Sequence[int] = (16, 64, 128, 128),
        width: int = 16,
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            [*(_Period(p, widths) for p in periods), *(_Resolution(n, width) for n in resolutions)]
        )

    def forward(self, y: Tensor) -> Verdict:
        """(B, 1, T) -> features per part."""
        return [part(y) for part in self.parts]
