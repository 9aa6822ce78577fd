"""GTCRN: a speech enhancement network of 48 thousand parameters that runs on one core.

The short-time spectrum of 16 kHz speech is squeezed from 257 bins to 129 bands (the lowest 65 bins
as they are, the rest on the ERB scale), halved twice by strided convolutions, passed through
grouped convolutions with temporal attention and two dual-path recurrent blocks (along frequency,
then along time), and expanded to a complex mask. Everything is causal in time, so the network can
be run block by block with a state: `forward(spectrum, state)` returns the same numbers for one
block of a minute as for sixty of a second.

References:
    Rong, Sun, Zhang, Hu, Zhu, Lu (2024), GTCRN: a speech enhancement model requiring ultralow
    computational resources, ICASSP.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.models.folder.graph import MAIN, Graph, Port, sizes_of

State = dict[str, Tensor]


@dataclass(frozen=True)
class GtcrnConfig:
    """Sizes of the network and of the transform it works on.

    Args:
        rate: sample rate in Hz.
        n_fft: frame length in samples; the window is the square root of a Hann window.
        hop: step between frames in samples.
        low_bins: bins kept as they are, from DC.
        erb_bands: bands that stand for the bins above.
        channels: channels inside the network.
        dilations: steps in time between the taps of the encoder's three grouped blocks.
        compression: power to which magnitudes are raised before the first layer; 1 leaves them as
            they are (the authors' checkpoints), less makes quiet and loud speech look alike.
    """

    rate: int = 16_000
    n_fft: int = 512
    hop: int = 256
    low_bins: int = 65
    erb_bands: int = 64
    channels: int = 16
    dilations: tuple[int, ...] = (1, 2, 5)
    compression: float = 1.0


def erb_filters(config: GtcrnConfig) -> Tensor:
    """Build triangular filters, evenly spaced on the ERB-rate scale, for the bins above `low_bins`.

    Returns:
        Filters (erb_bands, bins above low_bins).

    References:
        Glasberg and Moore (1990), Derivation of auditory filter shapes from notched-noise data.
    """
    bin_hz = config.rate / config.n_fft

    def to_erb(hz: Tensor) -> Tensor:
        return 21.4 * torch.log10(1 + 0.00437 * hz)

    ends = to_erb(torch.tensor([config.low_bins * bin_hz, config.rate / 2], dtype=torch.float64))
    steps = torch.linspace(float(ends[0]), float(ends[1]), config.erb_bands, dtype=torch.float64)
    centres = torch.round((10 ** (steps / 21.4) - 1) / 0.00437 / bin_hz)
    bins = torch.arange(config.low_bins, config.n_fft // 2 + 1, dtype=torch.float64)
    left = torch.cat([centres[:1] - 1, centres[:-1]])
    right = torch.cat([centres[1:], centres[-1:] + 1])
    rising = (bins - left[:, None]) / (centres - left).clamp(min=1)[:, None]
    falling = (right[:, None] - bins) / (right - centres).clamp(min=1)[:, None]
    return torch.minimum(rising, falling).clamp(min=0).float()


class Bands(nn.Module):
    """Fold the upper bins into ERB bands, and spread bands over bins again."""

    def __init__(self, config: GtcrnConfig) -> None:
        super().__init__()
        self.low = config.low_bins
        high = config.n_fft // 2 + 1 - config.low_bins
        self.erb_fc = nn.Linear(high, config.erb_bands, bias=False)
        self.ierb_fc = nn.Linear(config.erb_bands, high, bias=False)
        filters = erb_filters(config)
        self.erb_fc.weight = nn.Parameter(filters, requires_grad=False)
        self.ierb_fc.weight = nn.Parameter(filters.T.contiguous(), requires_grad=False)

    def fold(self, x: Tensor) -> Tensor:
        """(B, C, N, bins) -> (B, C, N, bands)."""
        return torch.cat([x[..., : self.low], self.erb_fc(x[..., self.low :])], dim=-1)

    def spread(self, x: Tensor) -> Tensor:
        """(B, C, N, bands) -> (B, C, N, bins)."""
        return torch.cat([x[..., : self.low], self.ierb_fc(x[..., self.low :])], dim=-1)


def neighbours(x: Tensor) -> Tensor:
    """Put each band beside its two neighbours: (B, C, N, F) -> (B, 3 C, N, F)."""
    padded = functional.pad(x, (1, 1))
    stacked = torch.stack([padded[..., :-2], x, padded[..., 2:]], dim=2)
    return stacked.flatten(1, 2)


class TemporalAttention(nn.Module):
    """Weigh channels over time by what a recurrent unit makes of their energies."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.att_gru = nn.GRU(channels, 2 * channels, batch_first=True)
        self.att_fc = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, C, N, F) -> (B, C, N, F), and the recurrent state."""
        energy = x.square().mean(dim=-1).transpose(1, 2)  # (B, N, C)
        features, hidden = self.att_gru(energy, hidden)
        weights = torch.sigmoid(self.att_fc(features)).transpose(1, 2)
        return x * weights[..., None], hidden


class StridedBlock(nn.Module):
    """Halve (or double) the number of bands with a convolution along frequency."""

    def __init__(self, inputs: int, outputs: int, *, groups: int, up: bool, last: bool = False) -> None:
        super().__init__()
        kind = nn.ConvTranspose2d if up else nn.Conv2d
        self.conv = kind(inputs, outputs, (1, 5), (1, 2), padding=(0, 2), groups=groups)
        self.bn = nn.BatchNorm2d(outputs)
        self.act = nn.Tanh() if last else nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, N, F) -> (B, C', N, F / 2 or 2 F)."""
        return self.act(self.bn(self.conv(x)))


class GroupedBlock(nn.Module):
    """Convolve half of the channels causally in time, keep the other half, interleave both."""

    def __init__(self, channels: int, *, dilation: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.reach = 2 * dilation
        kind = nn.ConvTranspose2d if up else nn.Conv2d
        half = channels // 2
        self.point_conv1 = kind(3 * half, channels, 1)
        self.point_bn1 = nn.BatchNorm2d(channels)
        self.point_act = nn.PReLU()
        self.depth_conv = kind(
            channels,
            channels,
            3,
            padding=(self.reach if up else 0, 1),
            dilation=(dilation, 1),
            groups=channels,
        )
        self.depth_bn = nn.BatchNorm2d(channels)
        self.depth_act = nn.PReLU()
        self.point_conv2 = kind(channels, half, 1)
        self.point_bn2 = nn.BatchNorm2d(half)
        self.tra = TemporalAttention(half)

    def first(self, x: Tensor) -> Tensor:
        """Run the first point convolution: (B, C / 2, N, F) -> (B, C, N, F)."""
        # A point convolution over each band and its neighbours is a convolution of three taps.
        weight = self.point_conv1.weight
        weight = weight.transpose(0, 1) if self.up else weight
        weight = weight.reshape(weight.shape[0], x.shape[1], 1, 3)
        return functional.conv2d(x, weight, self.point_conv1.bias, padding=(0, 1))

    def forward(self, x: Tensor, past: Tensor | None, hidden: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, N, F) -> (B, C, N, F), the frames that the next call needs, and the recurrent state."""
        worked, kept = x.chunk(2, dim=1)
        y = self.point_act(self.point_bn1(self.first(worked)))
        if past is None:
            past = y.new_zeros(y.shape[0], y.shape[1], self.reach, y.shape[3])
        y = torch.cat([past, y], dim=2)
        past = y[:, :, y.shape[2] - self.reach :]
        y = self.depth_act(self.depth_bn(self.depth_conv(y)))
        y = self.point_bn2(self.point_conv2(y))
        y, hidden = self.tra(y, hidden)
        return torch.stack([y, kept], dim=2).flatten(1, 2), past, hidden


class GroupedGru(nn.Module):
    """Two recurrent units, each on half of the features."""

    def __init__(self, inputs: int, hidden: int, *, both_ways: bool) -> None:
        super().__init__()
        self.rnn1 = nn.GRU(inputs // 2, hidden // 2, batch_first=True, bidirectional=both_ways)
        self.rnn2 = nn.GRU(inputs // 2, hidden // 2, batch_first=True, bidirectional=both_ways)

    def forward(self, x: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, steps, C) -> (B, steps, C'), and the recurrent state."""
        one, two = x.chunk(2, dim=-1)
        hidden1, hidden2 = (None, None) if hidden is None else hidden.unbind(0)
        one, hidden1 = self.rnn1(one.contiguous(), hidden1)
        two, hidden2 = self.rnn2(two.contiguous(), hidden2)
        return torch.cat([one, two], dim=-1), torch.stack([hidden1, hidden2])


class DualPath(nn.Module):
    """Run along frequency in both directions, then along time."""

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.intra_rnn = GroupedGru(channels, channels // 2, both_ways=True)
        self.intra_fc = nn.Linear(channels, channels)
        self.intra_ln = nn.LayerNorm((bands, channels), eps=1e-8)
        self.inter_rnn = GroupedGru(channels, channels, both_ways=False)
        self.inter_fc = nn.Linear(channels, channels)
        self.inter_ln = nn.LayerNorm((bands, channels), eps=1e-8)

    def forward(self, x: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, C, N, F) -> (B, C, N, F), and the recurrent state along time."""
        batch, channels, frames, bands = x.shape
        x = x.permute(0, 2, 3, 1)  # (B, N, F, C)
        y, _ = self.intra_rnn(x.reshape(batch * frames, bands, channels), None)
        x = x + self.intra_ln(self.intra_fc(y).reshape(batch, frames, bands, channels))
        y = x.transpose(1, 2).reshape(batch * bands, frames, channels)
        y, hidden = self.inter_rnn(y, hidden)
        y = self.inter_fc(y).reshape(batch, bands, frames, channels).transpose(1, 2)
        x = x + self.inter_ln(y)
        return x.permute(0, 3, 1, 2), hidden


class Encoder(nn.Module):
    """Two strided and three grouped blocks; every output is kept for the decoder."""

    def __init__(self, config: GtcrnConfig) -> None:
        super().__init__()
        c = config.channels
        self.en_convs = nn.ModuleList(
            [StridedBlock(9, c, groups=1, up=False), StridedBlock(c, c, groups=2, up=False)]
            + [GroupedBlock(c, dilation=d, up=False) for d in config.dilations]
        )


class Decoder(nn.Module):
    """The encoder's mirror image; ends in the two channels of the mask."""

    def __init__(self, config: GtcrnConfig) -> None:
        super().__init__()
        c = config.channels
        self.de_convs = nn.ModuleList(
            [GroupedBlock(c, dilation=d, up=True) for d in reversed(config.dilations)]
            + [StridedBlock(c, c, groups=2, up=True), StridedBlock(c, 2, groups=1, up=True, last=True)]
        )


class Gtcrn(nn.Module):
    """Estimate the spectrum of clean speech from a noisy one with a complex mask.

    Keys and numbers equal the authors' checkpoints.

    >>> network = Gtcrn().eval()
    >>> spectrum = torch.zeros(1, 257, 4, dtype=torch.complex64)
    >>> clean, state = network(spectrum)
    >>> clean.shape
    torch.Size([1, 257, 4])
    """

    def __init__(self, **settings: object) -> None:
        super().__init__()
        self.config = config = GtcrnConfig(**settings)  # type: ignore[arg-type]
        self.settings: dict[str, Any] = {**asdict(config), "dilations": list(config.dilations)}
        bands = config.low_bins + config.erb_bands
        self.erb = Bands(config)
        self.encoder = Encoder(config)
        width = ((bands + 1) // 2 + 1) // 2
        self.dpgrnn1 = DualPath(config.channels, width)
        self.dpgrnn2 = DualPath(config.channels, width)
        self.decoder = Decoder(config)

    def forward(self, spectrum: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Enhance frames that follow those which left `state`.

        Args:
            spectrum: noisy spectrum (B, F, N), complex64.
            state: what the call on the frames before returned; None at the beginning.

        Returns:
            The enhanced spectrum (B, F, N), and the state for the frames that follow.
        """
        mask, after = self.mask(spectrum, state)
        return spectrum * mask, after

    def mask(self, spectrum: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Estimate what to multiply the spectrum with: a complex mask (B, F, N), and the next state."""
        mask, after = self.mask_parts(torch.view_as_real(spectrum).permute(0, 3, 2, 1), state or {})
        return torch.complex(mask[:, 0], mask[:, 1]).transpose(1, 2), after

    def mask_parts(self, x: Tensor, before: State) -> tuple[Tensor, State]:
        """Estimate the mask (B, 2, N, F) of a spectrum (B, 2, N, F), real and imaginary parts, and the next state."""
        after: State = {}
        size = (x.square().sum(dim=1, keepdim=True) + 1e-12).sqrt()
        x = torch.cat([size, x], dim=1)
        if self.config.compression != 1:
            x = x * size ** (self.config.compression - 1)
        y = self.erb.fold(x)  # (B, 3, N, 129)
        y = neighbours(y)  # (B, 9, N, 129)
        skips = []
        for name, block in self.encoder.en_convs.named_children():
            y = self._block(f"en{name}", block, y, before, after)
            skips.append(y)  # 65 bands, then 33
        for name, path in (("dp1", self.dpgrnn1), ("dp2", self.dpgrnn2)):
            y, after[name] = path(y, before.get(name))
        for name, block in self.decoder.de_convs.named_children():
            y = self._block(f"de{name}", block, y + skips.pop(), before, after)
        return self.erb.spread(y), after  # (B, 2, N, F)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the mask of a block of frames, with the state that goes from block to block."""
        c, bands = self.config.channels, self.erb.low + self.config.erb_bands
        width = ((bands + 1) // 2 + 1) // 2
        state: dict[str, Port] = {}
        dilations = list(self.config.dilations)
        for side, first, steps in (("en", 2, dilations), ("de", 0, dilations[::-1])):
            for number, dilation in enumerate(steps, first):
                past = Port(("batch", c, 2 * dilation, width), "frames before; zeros at the beginning")
                state |= {f"{side}{number}.past": past, f"{side}{number}.hidden": Port((1, "batch", c), "likewise")}
        state |= {name: Port((2, "batch", width, c // 2), "likewise") for name in ("dp1", "dp2")}
        axes = ("batch", 2, "frames", self.config.n_fft // 2 + 1)
        about = "real and imaginary parts of short-time spectra, window sqrt-hann, periodic"

        def function(x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
            before = dict(zip(state, states, strict=True))
            for name in ("dp1", "dp2"):
                before[name] = before[name].flatten(1, 2)[:, None]
            mask, after = self.mask_parts(x, before)
            for name in ("dp1", "dp2"):
                after[name] = after[name].reshape(2, x.shape[0], width, c // 2)
            return (mask, *(after[name] for name in state))

        outputs = {f"{name}.next": port for name, port in state.items()}
        mask = Port(axes, "complex factors for the spectra, real and imaginary parts")
        return {
            MAIN: Graph(
                function,
                {"spectrum": Port(axes, about), **state},
                {"mask": mask, **outputs},
                sizes_of("frames", 5, 40, 1),
            )
        }

    @staticmethod
    def _block(name: str, block: nn.Module, x: Tensor, before: State, after: State) -> Tensor:
        if isinstance(block, StridedBlock):
            return block(x)
        x, after[f"{name}.past"], after[f"{name}.hidden"] = block(
            x, before.get(f"{name}.past"), before.get(f"{name}.hidden")
        )
        return x


def import_gtcrn(source: str | os.PathLike[str]) -> tuple[Gtcrn, dict[str, Any]]:
    """Read an official checkpoint (`model_trained_on_*.tar`), or any with the same keys.

    Raises:
        ModelError: the checkpoint is of another architecture.
        InputError: there is no such file.
    """
    from audiokit.models.folder.checkpoint import load_weights, read_state_dict

    network = Gtcrn()
    load_weights(network, read_state_dict(source), name=str(source))
    card = {
        "architecture": "gtcrn",
        "settings": network.settings,
        "kind": "denoise",
        # The authors run the network alone.
        "frontend": {"rate": network.config.rate, "first_db": None},
        "source": Path(source).name,
    }
    return network.eval(), card
