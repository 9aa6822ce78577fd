"""Layers of the Wave-U-Net: convolutions, resampling by a windowed sinc, and the blocks of either way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.errors import ParameterError


@dataclass(frozen=True)
class WaveUnetConfig:
    """Settings of the network.

    Attributes:
        num_inputs: channels in.
        num_channels: channels of each level.
        num_outputs: channels out, per instrument.
        instruments: names of the outputs.
        kernel_size: length of all convolutions.
        target_output_size: the output is at least this long.
        conv_type: "normal" (leaky ReLU), "gn" (group norm) or "bn" (batch norm).
        res: "fixed" (sinc filters) or "learned" (strided convolutions) between levels.
        separate: one network per instrument instead of one for all.
        depth: convolutions before and after each shortcut.
        strides: factor between levels.
        clamp: limit the output of evaluation to -1..1, right for waveforms and wrong for anything else.
    """

    num_inputs: int = 2
    num_channels: Sequence[int] = (32, 64, 128, 256, 512, 1024)
    num_outputs: int = 2
    instruments: Sequence[str] = ("bass", "drums", "other", "vocals")
    kernel_size: int = 5
    target_output_size: int = 88_200
    conv_type: str = "gn"
    res: str = "fixed"
    separate: bool = True
    depth: int = 1
    strides: int = 4
    clamp: bool = True

    def __post_init__(self) -> None:
        if self.conv_type not in ("normal", "gn", "bn"):
            raise ParameterError(f"conv_type is normal, gn or bn, not {self.conv_type!r}")
        if self.res not in ("fixed", "learned"):
            raise ParameterError(f"res is fixed or learned, not {self.res!r}")
        if self.conv_type == "gn" and any(c % 8 for c in self.num_channels):
            raise ParameterError("group norm needs channels in multiples of 8")
        if self.kernel_size % 2 == 0 or len(self.num_channels) < 1 or not self.instruments:
            raise ParameterError("a Wave-U-Net needs an odd kernel, at least one level and one instrument")


class ConvLayer(nn.Module):
    """Convolution without padding, then normalisation and rectifier; `stride` above 1 halves or doubles the rate."""

    def __init__(
        self, n_in: int, n_out: int, kernel: int, kind: str, *, stride: int = 1, transpose: bool = False
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.transpose = kernel, stride, transpose
        if transpose:
            self.filter: nn.Module = nn.ConvTranspose1d(n_in, n_out, kernel, stride, padding=kernel - 1)
        else:
            self.filter = nn.Conv1d(n_in, n_out, kernel, stride)
        if kind == "gn":
            self.norm: nn.Module = nn.GroupNorm(n_out // 8, n_out)
        elif kind == "bn":
            self.norm = nn.BatchNorm1d(n_out, momentum=0.01)
        self.slope = 0.01 if kind == "normal" else 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n_in, T) to (B, n_out, `output_size(T)`)."""
        x = self.filter(x)
        if hasattr(self, "norm"):
            x = self.norm(x)
        return functional.leaky_relu(x, self.slope) if self.slope else functional.relu(x)

    def input_size(self, output: int) -> int:
        """Length that gives `output`."""
        if self.transpose:
            return (output + self.kernel - 2) // self.stride + 1
        return (output - 1) * self.stride + self.kernel

    def output_size(self, size: int) -> int:
        """Length that `size` gives, 0 or less if it is too short."""
        if self.transpose:
            return (size - 1) * self.stride - self.kernel + 2
        return (size - self.kernel) // self.stride + 1


class SincResample(nn.Module):
    """Change the rate by a whole factor with a fixed windowed sinc filter, edges reflected (or without: "valid").

    The window of the release has a constant third term; checkpoints hold its taps, so they stay as they are.
    """

    def __init__(
        self, channels: int, stride: int, *, taps: int = 15, transpose: bool = False, padding: str = "reflect"
    ) -> None:
        super().__init__()
        self.channels, self.stride, self.transpose, self.padding = channels, stride, transpose, padding
        filters = sinc_filter(taps, 0.5 / stride).repeat(channels, 1, 1)
        self.filter = nn.Parameter(filters, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T) to (B, C, `output_size(T)`)."""
        wanted = self.output_size(x.shape[-1])
        pad = self.filter.shape[-1] // 2 if self.padding == "reflect" else 0
        x = functional.pad(x, (pad, pad), mode="reflect") if pad else x
        if not self.transpose:
            return functional.conv1d(x, self.filter, stride=self.stride, groups=self.channels)
        x = functional.conv_transpose1d(x, self.filter, stride=self.stride, groups=self.channels)
        surplus = (x.shape[-1] - wanted) // 2
        return x[..., surplus : surplus + wanted]

    def input_size(self, output: int) -> int:
        """Length that gives `output`."""
        return (output - 1) // self.stride + 1 if self.transpose else (output - 1) * self.stride + 1

    def output_size(self, size: int) -> int:
        """Length that `size` gives."""
        lost = 0 if self.padding == "reflect" else self.filter.shape[-1] - 1
        if self.transpose:
            return (size - 1) * self.stride + 1 - lost
        return (size - 1 - lost) // self.stride + 1


def sinc_filter(taps: int, cutoff: float) -> Tensor:
    """Build the low-pass of the release (taps,), float32, sum 1.

    >>> sinc_filter(15, 0.25)[7]
    tensor(0.5003)
    """
    n = torch.arange(taps, dtype=torch.float64)
    middle = taps // 2
    span = taps - 1
    ideal = 2 * cutoff * torch.special.sinc(2 * cutoff * (n - middle))
    constant = 0.08 * torch.cos(torch.tensor(4 * torch.pi * span, dtype=torch.float64))
    window = 0.42 - 0.5 * torch.cos(2 * torch.pi * n / span) + constant
    window[middle] = 1.0
    return (ideal * window / (ideal * window).sum()).float()


class DownBlock(nn.Module):
    """Convolutions, a shortcut, more convolutions, and a lower rate."""

    def __init__(self, n_in: int, n_shortcut: int, n_out: int, config: WaveUnetConfig) -> None:
        super().__init__()
        k, kind, extra = config.kernel_size, config.conv_type, range(config.depth - 1)
        self.pre_shortcut_convs = nn.ModuleList(
            [ConvLayer(n_in, n_shortcut, k, kind), *(ConvLayer(n_shortcut, n_shortcut, k, kind) for _ in extra)]
        )
        self.post_shortcut_convs = nn.ModuleList(
            [ConvLayer(n_shortcut, n_out, k, kind), *(ConvLayer(n_out, n_out, k, kind) for _ in extra)]
        )
        if config.res == "fixed":
            self.downconv: ConvLayer | SincResample = SincResample(n_out, config.strides)
        else:
            self.downconv = ConvLayer(n_out, n_out, k, kind, stride=config.strides)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, n_in, T) to what goes down and what goes across."""
        for conv in self.pre_shortcut_convs:
            x = conv(x)
        shortcut = x
        for conv in self.post_shortcut_convs:
            x = conv(x)
        return self.downconv(x), shortcut

    def input_size(self, output: int) -> int:
        """Length that gives `output` below."""
        size = self.downconv.input_size(output)
        for conv in [*self.pre_shortcut_convs, *self.post_shortcut_convs]:
            size = conv.input_size(size)  # type: ignore[operator]
        return size


class UpBlock(nn.Module):
    """A higher rate, convolutions, the shortcut cut to size, and more convolutions."""

    def __init__(self, n_in: int, n_shortcut: int, n_out: int, config: WaveUnetConfig) -> None:
        super().__init__()
        k, kind, extra = config.kernel_size, config.conv_type, range(config.depth - 1)
        if config.res == "fixed":
            self.upconv: ConvLayer | SincResample = SincResample(n_in, config.strides, transpose=True)
        else:
            self.upconv = ConvLayer(n_in, n_in, k, kind, stride=config.strides, transpose=True)
        self.pre_shortcut_convs = nn.ModuleList(
            [ConvLayer(n_in, n_out, k, kind), *(ConvLayer(n_out, n_out, k, kind) for _ in extra)]
        )
        self.post_shortcut_convs = nn.ModuleList(
            [ConvLayer(n_out + n_shortcut, n_out, k, kind), *(ConvLayer(n_out, n_out, k, kind) for _ in extra)]
        )

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Map (B, n_in, T) and (B, n_shortcut, T') to (B, n_out, `output_size(T)`)."""
        x = self.upconv(x)
        for conv in self.pre_shortcut_convs:
            x = conv(x)
        x = torch.cat([_centre(shortcut, x.shape[-1]), x], dim=1)
        for conv in self.post_shortcut_convs:
            x = conv(x)
        return x

    def output_size(self, size: int) -> int:
        """Length that `size` gives, 0 if it is too short."""
        size = self.upconv.output_size(size)
        for conv in [*self.pre_shortcut_convs, *self.post_shortcut_convs]:
            size = conv.output_size(size) if size > 0 else 0  # type: ignore[operator]
        return max(size, 0)


def _centre(x: Tensor, size: int) -> Tensor:
    start = (x.shape[-1] - size) // 2
    return x[..., start : start + size]
