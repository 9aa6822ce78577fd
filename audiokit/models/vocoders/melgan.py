"""MelGAN: mel frames to audio by transposed convolutions and dilated residual blocks.

Reads the authors' checkpoints and those in ParallelWaveGAN's layout, which differ in names only.

References:
    Kumar et al. (2019), MelGAN: generative adversarial networks for conditional waveform synthesis, NeurIPS.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.errors import ModelError
from audiokit.models.folder.recognise import not_a
from audiokit.models.vocoders.base import Vocoder, beside, card_of, unwrapped

_SLOPE = 0.2


class Residual(nn.Module):
    """A dilated convolution, a point convolution, and a linear way around both."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.LeakyReLU(_SLOPE),
            nn.ReflectionPad1d(dilation),
            nn.Conv1d(channels, channels, 3, dilation=dilation),
            nn.LeakyReLU(_SLOPE),
            nn.Conv1d(channels, channels, 1),
        )
        self.shortcut = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return self.shortcut(x) + self.block(x)


class Melgan(Vocoder):
    """The generator.

    Args:
        n_mels: bands.
        channels: at the rate of frames; halved with every step up.
        ratios: steps up in rate; their product is the hop.
        layers: residual blocks per step, dilated by 1, 3, 9 ...

    >>> Melgan(channels=32, ratios=[4, 2], layers=1)(torch.zeros(1, 80, 10)).shape
    torch.Size([1, 1, 80])
    """

    def __init__(
        self, n_mels: int = 80, channels: int = 512, ratios: Sequence[int] = (8, 8, 2, 2), layers: int = 3
    ) -> None:
        super().__init__()
        self.settings = {"n_mels": n_mels, "channels": channels, "ratios": list(ratios), "layers": layers}
        self.hop = math.prod(ratios)
        parts: list[nn.Module] = [nn.ReflectionPad1d(3), nn.Conv1d(n_mels, channels, 7)]
        reach, rate = 3.0, 1
        for step, ratio in enumerate(ratios):
            inside, outside = channels >> step, channels >> (step + 1)
            padding, extra = ratio // 2 + ratio % 2, ratio % 2
            parts.append(nn.LeakyReLU(_SLOPE))
            parts.append(nn.ConvTranspose1d(inside, outside, 2 * ratio, ratio, padding, output_padding=extra))
            reach, rate = reach + 1 / rate, rate * ratio
            for layer in range(layers):
                parts.append(Residual(outside, 3**layer))
                reach += 3**layer / rate
        parts += [nn.LeakyReLU(_SLOPE), nn.ReflectionPad1d(3), nn.Conv1d(channels >> len(ratios), 1, 7), nn.Tanh()]
        self.model = nn.Sequential(*parts)
        # One frame more, for the rounding of transposed convolutions.
        self.context = math.ceil(reach + 3 / rate) + 1
        # Statistics by which ParallelWaveGAN's checkpoints want their input normalised.
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(n_mels))
        self.register_buffer("scale", torch.ones(n_mels))

    def forward(self, mel: Tensor) -> Tensor:
        """(B, n_mels, N) -> (B, 1, N * hop)."""
        frames = mel.shape[2]
        if frames < 4:
            # The first reflection needs four frames.
            mel = torch.cat([mel, mel[:, :, -1:].expand(-1, -1, 4 - frames)], dim=2)
        mel = (mel - self.mean[:, None]) / self.scale[:, None]
        y = self.model(mel) if torch.is_grad_enabled() or mel.device.type != "cpu" else self._tiled(mel)
        return y[:, :, : frames * self.hop]

    def exported(self, mel: Tensor) -> Tensor:
        """Do what `forward` does for four frames or more, layer by layer."""
        return self.model((mel - self.mean[:, None]) / self.scale[:, None])[:, :, : mel.shape[2] * self.hop]

    def _tiled(self, mel: Tensor) -> Tensor:
        """The same on the processor, in about half the time: see `audiokit.models.vocoders.melgan_tiles`."""
        from audiokit.models.vocoders.melgan_tiles import last_layer, runner, stage_of

        parts = list(self.model)
        first, last = nn.Sequential(*parts[:2]), cast(nn.Conv1d, parts[-2])
        ups = [k for k, part in enumerate(parts) if isinstance(part, nn.ConvTranspose1d)]
        stages = [
            stage_of(cast(nn.ConvTranspose1d, parts[k]), [p for p in parts[k:end] if isinstance(p, Residual)])
            for k, end in zip(ups, [*ups[1:], len(parts)], strict=True)
        ]
        found = []
        with runner() as run:
            for x in first(mel):
                for stage in stages:
                    x = stage(x, _SLOPE, run)
                found.append(last_layer(x, last, _SLOPE, run))
        return torch.stack(found)


def settings_of(state: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """Read a generator's sizes off its weights.

    Raises:
        ModelError: they are not those of a MelGAN generator.
    """
    try:
        channels, n_mels, _ = state["model.1.weight"].shape
        places = sorted({int(key.split(".")[1]) for key in state if key.startswith("model.")})
        ups = [p for p in places if p > 1 and f"model.{p}.weight" in state and p != places[-1]]
        ratios = [state[f"model.{p}.weight"].shape[2] // 2 for p in ups]
        layers = sum(f"model.{p}.shortcut.weight" in state for p in places) // len(ratios)
    except (KeyError, ValueError, ZeroDivisionError, IndexError) as error:
        raise not_a("a MelGAN generator", name=name, expected=str(error).strip("'"), keys=state) from None
    return {"n_mels": n_mels, "channels": channels, "ratios": ratios, "layers": layers}


def import_melgan(source: str | os.PathLike[str], *, stats: str = "") -> tuple[Vocoder, dict[str, Any]]:
    """Read the generator of a MelGAN checkpoint, in the authors' layout or ParallelWaveGAN's.

    Args:
        source: `netG.pt`, `best_netG.pt`, or `checkpoint-*steps.pkl`.
        stats: for the latter, `stats.npy` with the means and scales of the training data.

    Raises:
        ModelError: the checkpoint is of another architecture.
        InputError, DamagedError: it cannot be read.
    """
    from audiokit.io.chunkset import load_npy
    from audiokit.models.folder.checkpoint import load_weights

    state = unwrapped(source, "generator.")
    parallel = any(key.startswith("melgan.") for key in state)
    names = {"melgan.": "model.", ".stack.": ".block.", ".skip_layer.": ".shortcut."}
    for old, new in names.items():
        state = {key.replace(old, new): value for key, value in state.items()}
    network = Melgan(**settings_of(state, str(source)))
    state = {"mean": network.mean, "scale": network.scale, **state}
    if stats:
        values = np.asarray(load_npy(stats), np.float32)
        if values.shape != (2, network.mean.numel()):
            raise ModelError(f"{stats}: shape {values.shape}, expected means and scales (2, {network.mean.numel()})")
        state["mean"], state["scale"] = torch.from_numpy(values[0]), torch.from_numpy(values[1])
    load_weights(network, state, name=str(source))
    preset = "parallel-wavegan" if parallel else "melgan"
    known = beside(source, "config.yml", "config.json", "args.yml")
    rate = known.get("sampling_rate")
    card = card_of(network, architecture="melgan", preset=preset, source=source, rate=rate, n_mels=network.mean.numel())
    return network.eval(), card
