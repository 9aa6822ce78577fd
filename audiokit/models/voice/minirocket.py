"""MiniRocket: ten thousand fixed convolution features of a time series, and a linear head on them.

Keys and feature order are those of tsai's MiniRocketPlus, so its state dicts load unchanged. Besides the hard share of
positive values (PPV), which has no gradient, features can be soft, so that a generator can learn from them.

References:
    Dempster, Schmidt and Webb (2021), MiniRocket: a very fast (almost) deterministic transform for time series
    classification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.errors import ModelError, ParameterError


@dataclass(frozen=True)
class MiniRocketConfig:
    """Settings of the transform and its head.

    Attributes:
        c_in: channels of the series.
        c_out: outputs of the head.
        seq_len: length of the series.
        num_features: wanted features; rounded down to a multiple of the kernels.
        max_dilations_per_kernel: at most so many dilations.
        kernel_size: 9 gives the 84 kernels of the paper.
        max_num_channels: at most so many channels are summed for one kernel (9 as published).
        add_lsaz: append the share of positive area to the share of positive values.
        random_state: seed of the channel choice.
        soft: 0 for the hard share of positive values; otherwise the slope width of a sigmoid in its place, as a
            share of the spread of each kernel's output.
    """

    c_in: int = 1
    c_out: int = 1
    seq_len: int = 256
    num_features: int = 10_000
    max_dilations_per_kernel: int = 32
    kernel_size: int = 9
    max_num_channels: int = 9
    add_lsaz: bool = False
    random_state: int | None = None
    soft: float = 0.0

    def __post_init__(self) -> None:
        if self.seq_len < self.kernel_size:
            raise ParameterError(f"a series of {self.seq_len} is shorter than the kernel of {self.kernel_size}")
        if self.kernel_size not in (3, 5, 7, 9, 11):
            raise ParameterError("the kernel size is 3, 5, 7, 9 or 11")
        if self.soft < 0 or self.c_in < 1:
            raise ParameterError("soft must not be negative, and there must be a channel")


def make_kernels(size: int) -> Tensor:
    """Build every kernel with three positive weights and sum 0: (K, size), K = 84 for size 9.

    >>> make_kernels(9).shape, float(make_kernels(9)[0, 0])
    (torch.Size([84, 9]), 2.0)
    """
    places = torch.tensor(list(combinations(range(size), 3)))
    return torch.full((len(places), size), -1.0).scatter_(1, places, (size - 3) / 3)


def plan_dilations(length: int, per_kernel: int, most: int, kernel_size: int = 9) -> tuple[list[int], list[int]]:
    """Choose dilations and how many features each gets.

    Args:
        length: of the series.
        per_kernel: features of each kernel.
        most: largest number of dilations.
        kernel_size: length of the kernels.

    Returns:
        Dilations, and features per dilation, which sum to `per_kernel`.

    >>> plan_dilations(256, 119, 32)[1][:4]
    [27, 12, 12, 8]
    """
    steps = min(per_kernel, most)
    top = np.log2((length - 1) / (kernel_size - 1))
    dilations, counts = np.unique(np.logspace(0, top, steps, base=2).astype(np.int32), return_counts=True)
    counts = (counts * (per_kernel / steps)).astype(np.int32)
    for i in range(per_kernel - int(counts.sum())):
        counts[i % len(counts)] += 1
    return dilations.tolist(), counts.tolist()


class MiniRocketFeatures(nn.Module):
    """The transform: series (B, c_in, T) to features (B, F).

    The channels a kernel sums are mixed before it is applied, which gives the sums of the published order of
    operations at a c_in-th of its cost.
    """

    def __init__(self, config: MiniRocketConfig) -> None:
        super().__init__()
        self.config = config
        single = make_kernels(config.kernel_size)
        self.num_kernels = len(single)
        self.kernels = nn.Parameter(single[:, None].repeat(config.c_in, 1, 1), requires_grad=False)
        halves = 2 if config.add_lsaz else 1
        per_kernel = config.num_features // halves // self.num_kernels
        if per_kernel < 1:
            raise ParameterError(f"{config.num_features} features are fewer than the {self.num_kernels} kernels")
        self.dilations, self.counts = plan_dilations(
            config.seq_len, per_kernel, config.max_dilations_per_kernel, config.kernel_size
        )
        self.num_features = per_kernel * self.num_kernels * halves
        if config.c_in > 1:
            for i, choice in enumerate(self._choose_channels()):
                self.register_buffer(f"channel_combinations_{i}", choice)
        for i, count in enumerate(self.counts):
            self.register_buffer(f"biases_{i}", torch.zeros(self.num_kernels, count))
        self.prefit: Tensor
        self.register_buffer("prefit", torch.tensor([False]))

    def _choose_channels(self) -> Iterator[Tensor]:
        rng = np.random.RandomState(self.config.random_state)
        c_in, total = self.config.c_in, self.num_kernels * len(self.dilations)
        most = np.log2(min(c_in, self.config.max_num_channels) + 1)
        sizes = (2 ** rng.uniform(0, most, total)).astype(np.int32)
        choice = torch.zeros(1, c_in, total, 1)
        for i, size in enumerate(sizes):
            choice[:, rng.choice(c_in, size, replace=False), i] = 1.0
        return iter(torch.split(choice, self.num_kernels, 2))

    def convolve(self, x: Tensor, i: int) -> Tensor:
        """Apply every kernel with dilation number `i`: (B, c_in, T) to (B, K, T)."""
        if self.config.c_in > 1:
            mix = getattr(self, f"channel_combinations_{i}")[0, :, :, 0]
            x = torch.einsum("bct,ck->bkt", x, mix)
        else:
            x = x.expand(-1, self.num_kernels, -1)
        dilation = self.dilations[i]
        pad = (self.config.kernel_size - 1) * dilation // 2
        return functional.conv1d(
            x, self.kernels[: self.num_kernels], padding=pad, dilation=dilation, groups=self.num_kernels
        )

    @torch.no_grad()
    def fit(self, x: Tensor, *, rng: np.random.Generator) -> None:
        """Set the biases to quantiles of what the kernels give on training series (B, c_in, T)."""
        golden = (np.sqrt(5) + 1) / 2
        for i, count in enumerate(self.counts):
            rows = torch.from_numpy(rng.integers(len(x), size=self.num_kernels))
            C = self.convolve(x, i)[rows.to(x.device), torch.arange(self.num_kernels, device=x.device)]
            places = torch.tensor([(k * golden) % 1 for k in range(1, count + 1)], dtype=C.dtype, device=C.device)
            getattr(self, f"biases_{i}").copy_(torch.quantile(C, places, dim=1).T)
        self.prefit.fill_(True)

    def forward(self, x: Tensor) -> Tensor:
        """Map series (B, c_in, T) to features (B, num_features)."""
        if not bool(self.prefit):
            raise ModelError("this MiniRocket was never fitted", hint="call fit() on training series first")
        features = []
        for i, dilation in enumerate(self.dilations):
            C, bias = self.convolve(x, i), getattr(self, f"biases_{i}")
            pad = (self.config.kernel_size - 1) * dilation // 2
            odd = i % 2
            features.append(self._pool(C[:, odd::2], bias[odd::2]))
            features.append(self._pool(C[:, 1 - odd :: 2, pad : C.shape[2] - pad], bias[1 - odd :: 2]))
        return torch.cat(features, dim=1)

    def _pool(self, C: Tensor, bias: Tensor) -> Tensor:
        """Share of values above each bias: (B, k, T), (k, n) to (B, k * n)."""
        above = C[..., None] - bias[None, :, None, :]  # (B, k, T, n)
        if self.config.soft:
            width = self.config.soft * C.detach().std(dim=(0, 2)).clamp_min(1e-6)
            share = torch.sigmoid(above / width[None, :, None, None]).mean(2).flatten(1)
        else:
            share = (above > 0).to(C.dtype).mean(2).flatten(1)
        if not self.config.add_lsaz:
            return share
        area = functional.relu(above).sum(2) / above.abs().sum(2).clamp_min(1e-8)
        return torch.cat([share, area.flatten(1)], dim=1)


class MiniRocket(nn.Module):
    """Transform and head: series (B, c_in, T) to (B, c_out).

    >>> MiniRocket(c_in=2, c_out=3, seq_len=64, num_features=500).backbone.num_features
    420
    """

    #: Why `models export --onnx` refuses it.
    not_exported = "it judges while others are trained, and no command runs it"

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = MiniRocketConfig(**settings)
        self.settings = asdict(self.config)
        self.backbone = MiniRocketFeatures(self.config)
        count = self.backbone.num_features
        linear = nn.Linear(count, self.config.c_out)
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        self.head = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(count), linear)

    def forward(self, x: Tensor) -> Tensor:
        """Map series (B, c_in, T) to logits (B, c_out)."""
        return self.head(self.backbone(x))
