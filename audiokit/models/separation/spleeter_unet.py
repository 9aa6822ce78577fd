"""Spleeter's separator: one U-Net per instrument on magnitudes of left and right.

The arithmetic is that of Spleeter 2.4, so that its checkpoints give its numbers: the tensors that skip are the bare
convolutions, the last level's normalisation leads nowhere, and the padding is TensorFlow's "same" for even sizes (one
before, two after).

References:
    Hennequin, Khlif, Voituret and Moussallam (2020), Spleeter: a fast and efficient music source separation tool
    with pre-trained models; Jansson et al. (2017), Singing voice separation with deep U-Net convolutional networks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audiokit.errors import ModelError, ParameterError
from audiokit.models.folder.fields import check_fields, check_stem
from audiokit.models.folder.graph import MAIN, Graph, Port, sizes_of
from audiokit.models.separation.settings import SPLEETER_MULTIPLE, SPLEETER_REACH

STEMS = {
    2: ("vocals", "accompaniment"),
    4: ("vocals", "drums", "bass", "other"),
    5: ("vocals", "piano", "drums", "bass", "other"),
}
_LEVELS = 6
_EPSILON = 1e-10


@dataclass(frozen=True)
class SpleeterUnetConfig:
    """Settings of the separator.

    Attributes:
        stems: instruments, in the order of the networks.
        rate: Hz.
        n_fft, hop: of the periodic Hann short-time spectra.
        bins: lowest bins the networks see; 1024 reach 11 kHz, 1536 reach 16 kHz.
        frames: length of Spleeter's segments.
        filters: channels of the six levels.
        elu: ELU as in the 4 and 5 stem models, instead of leaky ReLU on the way down and ReLU on the way up.
        softmax: the instruments compete for every bin (5 stems), instead of a sigmoid each.
        exponent: of the ratio masks.
        extension: what Spleeter does above the networks' bins: "zeros" or "average".
    """

    stems: Sequence[str] = STEMS[2]
    rate: int = 44_100
    n_fft: int = 4096
    hop: int = 1024
    bins: int = 1024
    frames: int = 512
    filters: Sequence[int] = (16, 32, 64, 128, 256, 512)
    elu: bool = False
    softmax: bool = False
    exponent: float = 2.0
    extension: str = "zeros"

    def __post_init__(self) -> None:
        check_fields(self)
        for stem in self.stems:
            check_stem(stem)
        if len(self.filters) != _LEVELS:
            raise ParameterError(f"{_LEVELS} filter counts are needed, not {len(self.filters)}")
        if self.bins % 2**_LEVELS or self.bins > self.n_fft // 2:
            raise ParameterError(f"{self.bins} bins are no multiple of {2**_LEVELS} below {self.n_fft // 2}")
        if self.extension not in ("zeros", "average"):
            raise ParameterError(f"extension is zeros or average, not {self.extension!r}")


class InstrumentUnet(nn.Module):
    """The U-Net of one instrument."""

    def __init__(self, config: SpleeterUnetConfig) -> None:
        super().__init__()
        filters = list(config.filters)
        self.conv = nn.ModuleList(nn.Conv2d(a, b, 5, stride=2) for a, b in pairwise([2, *filters]))
        self.down_norm = nn.ModuleList(nn.BatchNorm2d(c, eps=1e-3, momentum=0.01) for c in filters)
        ups = [*reversed(filters[:-1]), 1]  # channels after each transposed convolution
        ins = [filters[-1], *(2 * c for c in ups[:-1])]
        self.deconv = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 5, stride=2, padding=1) for a, b in zip(ins, ups, strict=True)
        )
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(c, eps=1e-3, momentum=0.01) for c in ups)
        self.last = nn.Conv2d(1, 2, 4, dilation=2)
        self.down_act: Callable[[Tensor], Tensor] = F.elu if config.elu else _leaky
        self.up_act: Callable[[Tensor], Tensor] = F.elu if config.elu else torch.relu

    def forward(self, x: Tensor) -> Tensor:
        """Map magnitudes (B, 2, N, bins) to logits of the same shape; N is a multiple of 64."""
        skips = []
        for level, (conv, norm) in enumerate(zip(self.conv, self.down_norm, strict=True)):
            bare = conv(F.pad(x, (1, 2, 1, 2)))  # (B, filters[level], N / 2**(level + 1), ...)
            skips.append(bare)
            if level < _LEVELS - 1:
                x = self.down_act(norm(bare))
        x = skips.pop()
        for level, (deconv, norm) in enumerate(zip(self.deconv, self.up_norm, strict=True)):
            x = norm(self.up_act(deconv(x)[..., :-1, :-1]))  # (B, c, twice N, twice bins)
            if self.training and level < 3:
                x = F.dropout(x, 0.5)
            if skips:
                x = torch.cat([skips.pop(), x], dim=1)
        return self.last(F.pad(x, (3, 3, 3, 3)))


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


class SpleeterUnet(nn.Module):
    """Map magnitudes of left and right (B, 2, F, N) to masks (B, S, 2, F, N).

    >>> net = SpleeterUnet(filters=[1, 1, 1, 1, 1, 1], n_fft=512, bins=128).eval()
    >>> net(torch.rand(1, 2, 257, 70)).shape
    torch.Size([1, 2, 2, 257, 70])
    """

    #: Frames come in multiples of this, and segments start at one.
    multiple = SPLEETER_MULTIPLE
    #: Frames that can influence a frame of the result, before and after it, in multiples of `multiple`.
    reach = SPLEETER_REACH

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = config = SpleeterUnetConfig(**settings)
        self.settings = {**asdict(config), "stems": list(config.stems), "filters": list(config.filters)}
        self.nets = nn.ModuleList(InstrumentUnet(config) for _ in config.stems)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: magnitudes of the instruments; shares of their powers are the masks."""
        config = self.config
        mix = Port(("batch", 2, config.bins, "frames"), "magnitudes of left and right, lowest bins", 0, 2)
        parts = Port(("batch", len(config.stems), 2, config.bins, "frames"), "magnitudes of the instruments")
        sizes = sizes_of("frames", *(self.multiple * n for n in (1, 3, 2)), batch=(1, 2, 1))
        return {MAIN: Graph(self.spectrograms, {"magnitude": mix}, {"parts": parts}, sizes)}

    def spectrograms(self, magnitude: Tensor) -> Tensor:
        """Estimate magnitudes (B, S, 2, bins, N) of the instruments from those of the mix (B, 2, bins, N)."""
        frames = magnitude.shape[-1]
        x = F.pad(magnitude, (0, -frames % self.multiple)).transpose(2, 3)
        x = x.contiguous(memory_format=torch.channels_last)
        found = torch.stack([net(x) for net in self.nets], dim=1)
        found = torch.softmax(found, dim=1) if self.config.softmax else torch.sigmoid(found)
        return (found * x[:, None])[..., :frames, :].transpose(3, 4)

    def masks(self, found: Tensor) -> Tensor:
        """Turn estimated magnitudes (B, S, 2, bins, N) into masks that sum to 1."""
        power = found.square() if self.config.exponent == 2 else found**self.config.exponent
        return (power + _EPSILON / found.shape[1]) / (power.sum(dim=1, keepdim=True) + _EPSILON)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Map (B, 2, F, N) to masks (B, S, 2, F, N), extended above the networks' bins as the settings say."""
        masks = self.masks(self.spectrograms(magnitude[..., : self.config.bins, :]))
        above = magnitude.shape[-2] - masks.shape[-2]
        if self.config.extension == "average":
            top = masks.mean(dim=-2, keepdim=True).expand(*masks.shape[:-2], above, masks.shape[-1])
            return torch.cat([masks, top], dim=-2)
        return F.pad(masks, (0, 0, 0, above))


def import_spleeter(
    source: str | os.PathLike[str],
    *,
    bins: int = 1024,
    extension: str = "zeros",
    exponent: float = 2.0,
) -> tuple[SpleeterUnet, dict[str, Any]]:
    """Read a Spleeter checkpoint, as released or as `spleeter train` leaves it.

    Args:
        source: its folder, or the prefix of its files.
        bins: 1024 (11 kHz), or 1536 for what Spleeter calls a 16 kHz model; the checkpoint is the same.
        extension: what Spleeter does above: "zeros" or "average".
        exponent: of the ratio masks.

    Returns:
        The network in evaluation mode, and its card.

    Raises:
        ModelError: not a Spleeter model.
        InputError, DamagedError: it cannot be read.
    """
    from audiokit.models.folder.checkpoint import load_weights
    from audiokit.models.folder.tfbundle import Bundle

    bundle = Bundle(source)
    state, settings = from_variables(bundle.read, list(bundle.entries), name=str(source))
    net = SpleeterUnet(**settings, bins=bins, extension=extension, exponent=exponent)
    load_weights(net, state, name=str(source))
    card = {
        "architecture": "spleeter-unet",
        "settings": net.settings,
        "kind": "split",
        "labels": settings["stems"],
        "frontend": {"rate": 44_100, "n_fft": 4096, "hop": 1024, "window": "hann"},
        "source": Path(source).name,
    }
    return net.eval(), card


def from_variables(
    read: Callable[[str], np.ndarray], names: Sequence[str], *, name: str = "checkpoint"
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Turn the variables of a Spleeter checkpoint into a state_dict and settings.

    Args:
        read: gives a variable by name.
        names: of all variables.
        name: of the checkpoint, for errors.

    Returns:
        The weights as `SpleeterUnet` names them, and stems, filters, elu and softmax.

    Raises:
        ModelError: they are not those of a Spleeter model.
    """
    known = set(names)
    count = sum(f"{_numbered('conv2d', 7 * i)}/kernel" in known for i in range(len(names)))
    if count not in STEMS:
        raise ModelError(
            f"{name}: not a Spleeter model of 2, 4 or 5 stems",
            hint="a Spleeter checkpoint holds variables such as conv2d/kernel and batch_normalization/gamma",
        )
    filters = [int(read(f"{_numbered('conv2d', k)}/bias").size) for k in range(_LEVELS)]
    settings = {"stems": list(STEMS[count]), "filters": filters, "elu": count > 2, "softmax": count == 5}
    state = {}
    for i in range(count):
        for key, variable in _variables(i):
            # The normalisation of the last level leads nowhere, and some converters drop it.
            if variable not in known and key.startswith(f"nets.{i}.down_norm.5."):
                state[key] = torch.full((filters[-1],), 1.0 if key.endswith(("weight", "var")) else 0.0)
                continue
            values = read(variable)
            if values.ndim == 4:
                values = np.ascontiguousarray(values.transpose(3, 2, 0, 1))
            state[key] = torch.from_numpy(np.array(values, np.float32))
        for level in range(_LEVELS):
            for side in ("down_norm", "up_norm"):
                state[f"nets.{i}.{side}.{level}.num_batches_tracked"] = torch.tensor(0)
    return state, settings


def to_variables(state: Mapping[str, Tensor], stems: int) -> dict[str, np.ndarray]:
    """Give weights their names in a Spleeter checkpoint: the inverse of `from_variables`."""
    variables = {}
    for i in range(stems):
        for key, variable in _variables(i):
            values = state[key].numpy()
            variables[variable] = np.ascontiguousarray(values.transpose(2, 3, 1, 0)) if values.ndim == 4 else values
    return variables


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _variables(instrument: int) -> list[tuple[str, str]]:
    """List (our key, variable) of one instrument."""
    pairs = []
    base = f"nets.{instrument}"
    for level in range(_LEVELS + 1):
        ours = f"{base}.conv.{level}" if level < _LEVELS else f"{base}.last"
        theirs = _numbered("conv2d", 7 * instrument + level)
        pairs += [(f"{ours}.weight", f"{theirs}/kernel"), (f"{ours}.bias", f"{theirs}/bias")]
    for level in range(_LEVELS):
        ours, theirs = f"{base}.deconv.{level}", _numbered("conv2d_transpose", 6 * instrument + level)
        pairs += [(f"{ours}.weight", f"{theirs}/kernel"), (f"{ours}.bias", f"{theirs}/bias")]
    fields = (
        ("weight", "gamma"),
        ("bias", "beta"),
        ("running_mean", "moving_mean"),
        ("running_var", "moving_variance"),
    )
    for number in range(2 * _LEVELS):
        side, level = ("down_norm", number) if number < _LEVELS else ("up_norm", number - _LEVELS)
        theirs = _numbered("batch_normalization", 12 * instrument + number)
        pairs += [(f"{base}.{side}.{level}.{ours}", f"{theirs}/{variable}") for ours, variable in fields]
    return pairs
