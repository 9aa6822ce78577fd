"""HiFi-GAN: mel frames to audio through banks of residual blocks with several kernel sizes.

References:
    Kong, Kim, Bae (2020), HiFi-GAN: generative adversarial networks for efficient and high fidelity speech synthesis.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.errors import ModelError
from audiokit.models.folder.recognise import not_a
from audiokit.models.vocoders.base import Vocoder, beside, card_of, unwrapped

_SLOPE = 0.1


def _same(channels: int, kernel: int, dilation: int) -> nn.Conv1d:
    return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2)


class PairedResidual(nn.Module):
    """Residual block 1: each dilated convolution is followed by a plain one."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_same(channels, kernel, d) for d in dilations)
        self.convs2 = nn.ModuleList(_same(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        for one, two in zip(self.convs1, self.convs2, strict=True):
            x = x + two(functional.leaky_relu(one(functional.leaky_relu(x, _SLOPE)), _SLOPE))
        return x


class SingleResidual(nn.Module):
    """Residual block 2: dilated convolutions alone."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_same(channels, kernel, d) for d in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        for conv in self.convs:
            x = x + conv(functional.leaky_relu(x, _SLOPE))
        return x


class Hifigan(Vocoder):
    """The generator; V1, V2 and V3 are settings.

    Args:
        n_mels: bands.
        channels: at the rate of frames; halved with every step up.
        rates: steps up in rate; their product is the hop.
        kernels: of the transposed convolutions.
        block_kernels: of the residual blocks after every step.
        dilations: of the convolutions in each of them.
        paired: residual block 1 (V1, V2) or 2 (V3).

    >>> Hifigan(channels=16, rates=[4], kernels=[8], block_kernels=[3], dilations=[[1]])(torch.zeros(1, 80, 5)).shape
    torch.Size([1, 1, 20])
    """

    def __init__(
        self,
        n_mels: int = 80,
        channels: int = 512,
        rates: Sequence[int] = (8, 8, 2, 2),
        kernels: Sequence[int] = (16, 16, 4, 4),
        block_kernels: Sequence[int] = (3, 7, 11),
        dilations: Sequence[Sequence[int]] = ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
        paired: bool = True,
    ) -> None:
        super().__init__()
        self.settings = {
            "n_mels": n_mels,
            "channels": channels,
            "rates": list(rates),
            "kernels": list(kernels),
            "block_kernels": list(block_kernels),
            "dilations": [list(d) for d in dilations],
            "paired": paired,
        }
        self.hop = math.prod(rates)
        self._banks = len(block_kernels)
        self.conv_pre = nn.Conv1d(n_mels, channels, 7, padding=3)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        reach, rate = 3.0, 1
        for step, (ratio, kernel) in enumerate(zip(rates, kernels, strict=True)):
            inside, outside = channels >> step, channels >> (step + 1)
            self.ups.append(nn.ConvTranspose1d(inside, outside, kernel, ratio, padding=(kernel - ratio) // 2))
            reach, rate = reach + kernel / ratio / 2 / rate, rate * ratio
            block = PairedResidual if paired else SingleResidual
            widest = 0
            for size, steps in zip(block_kernels, dilations, strict=True):
                self.resblocks.append(block(outside, size, steps))
                widest = max(widest, (size - 1) // 2 * (sum(steps) + len(steps) * paired))
            reach += widest / rate
        self.conv_post = nn.Conv1d(channels >> len(rates), 1, 7, padding=3)
        self.context = math.ceil(reach + 3 / rate) + 1

    def forward(self, mel: Tensor) -> Tensor:
        """(B, n_mels, N) -> (B, 1, N * hop)."""
        x = self.conv_pre(mel)
        for step, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, _SLOPE))
            banks = self.resblocks[step * self._banks : (step + 1) * self._banks]
            total = banks[0](x)
            for bank in banks[1:]:
                total = total + bank(x)
            x = total / self._banks
        # The authors leave this slope at the library's default.
        return torch.tanh(self.conv_post(functional.leaky_relu(x)))


def settings_of(state: Mapping[str, Tensor], known: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read a generator's sizes off its weights; what they do not show from its configuration, if there is one.

    Raises:
        ModelError: they are not those of a HiFi-GAN generator.
    """
    try:
        channels, n_mels, _ = state["conv_pre.weight"].shape
        ups = len({key.split(".")[1] for key in state if key.startswith("ups.")})
        kernels = [state[f"ups.{i}.weight"].shape[2] for i in range(ups)]
        paired = "resblocks.0.convs1.0.weight" in state
        stem = "convs1" if paired else "convs"
        banks = len({key.split(".")[1] for key in state if key.startswith("resblocks.")}) // ups
        sizes = [state[f"resblocks.{i}.{stem}.0.weight"].shape[2] for i in range(banks)]
        count = len({k.split(".")[3] for k in state if k.startswith(f"resblocks.0.{stem}.")})
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise not_a("a HiFi-GAN generator", name=name, expected=str(error).strip("'"), keys=state) from None
    usual = [[1, 3, 5]] * banks if paired else [[1, 2], [2, 6], [3, 12]]
    dilations = known.get("resblock_dilation_sizes", usual)
    if len(dilations) != banks or any(len(d) != count for d in dilations):
        raise ModelError(
            f"{name}: {banks} banks of {count} convolutions, whose dilations the weights do not show",
            hint="put the checkpoint's config.json beside it",
        )
    return {
        "n_mels": n_mels,
        "channels": channels,
        "rates": known.get("upsample_rates", [kernel // 2 for kernel in kernels]),
        "kernels": kernels,
        "block_kernels": sizes,
        "dilations": dilations,
        "paired": paired,
    }


def import_hifigan(source: str | os.PathLike[str], *, config: str = "") -> tuple[Vocoder, dict[str, Any]]:
    """Read a HiFi-GAN generator (`g_02500000` and the like).

    Args:
        source: the checkpoint; `config.json` is read when it lies beside it.
        config: the configuration, when it lies elsewhere.

    Raises:
        ModelError: the checkpoint is of another architecture.
        InputError, DamagedError: it cannot be read.
    """
    from pathlib import Path

    from audiokit.models.folder.checkpoint import load_weights
    from audiokit.models.vocoders.base import read_settings

    state = unwrapped(source, "generator.")
    known = read_settings(Path(config)) if config else beside(source, "config.json")
    network = Hifigan(**settings_of(state, known, str(source)))
    load_weights(network, state, name=str(source))
    changes = {
        "rate": known.get("sampling_rate"),
        "n_fft": known.get("n_fft"),
        "hop": known.get("hop_size"),
        "fmin": known.get("fmin"),
        "fmax": known.get("fmax"),
        "n_mels": network.settings["n_mels"],
    }
    return network.eval(), card_of(network, architecture="hifigan", preset="hifigan", source=source, **changes)
