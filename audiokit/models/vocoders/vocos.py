"""Vocos: mel frames to spectra with ConvNeXt blocks at the rate of frames, then the inverse transform.

References:
    Siuzdak (2023), Vocos: closing the gap between time-domain and Fourier-based neural vocoders.
    Liu et al. (2022), A ConvNet for the 2020s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.errors import ParameterError
from audiokit.models.folder.recognise import not_a
from audiokit.models.vocoders.base import Vocoder, beside, card_of, unwrapped

_EPS = 1e-6


class AdaptiveNorm(nn.Module):
    """Layer norm whose scale and shift are looked up by condition."""

    def __init__(self, conditions: int, size: int) -> None:
        super().__init__()
        self.scale = nn.Embedding(conditions, size)
        self.shift = nn.Embedding(conditions, size)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        x = functional.layer_norm(x, x.shape[-1:], eps=_EPS)
        return x * self.scale(condition) + self.shift(condition)


class Block(nn.Module):
    """One ConvNeXt block along time."""

    def __init__(self, dim: int, inside: int, conditions: int, gamma: float) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.norm = AdaptiveNorm(conditions, dim) if conditions else nn.LayerNorm(dim, eps=_EPS)
        self.pwconv1 = nn.Linear(dim, inside)
        self.pwconv2 = nn.Linear(inside, dim)
        self.gamma = nn.Parameter(torch.full((dim,), gamma))

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """(B, C, N) -> (B, C, N)."""
        y = self.dwconv(x).transpose(1, 2)  # (B, N, C)
        y = self.norm(y) if condition is None else self.norm(y, condition)
        y = self.gamma * self.pwconv2(functional.gelu(self.pwconv1(y)))
        return x + y.transpose(1, 2)


class Backbone(nn.Module):
    """Embedding, blocks and norms at the rate of frames."""

    def __init__(self, n_mels: int, dim: int, inside: int, layers: int, conditions: int) -> None:
        super().__init__()
        self.embed = nn.Conv1d(n_mels, dim, 7, padding=3)
        self.norm = AdaptiveNorm(conditions, dim) if conditions else nn.LayerNorm(dim, eps=_EPS)
        self.convnext = nn.ModuleList(Block(dim, inside, conditions, 1 / layers) for _ in range(layers))
        self.final_layer_norm = nn.LayerNorm(dim, eps=_EPS)

    def forward(self, mel: Tensor, condition: Tensor | None) -> Tensor:
        """(B, n_mels, N) -> (B, N, dim)."""
        x = self.embed(mel).transpose(1, 2)
        x = (self.norm(x) if condition is None else self.norm(x, condition)).transpose(1, 2)
        for block in self.convnext:
            x = block(x, condition)
        return self.final_layer_norm(x.transpose(1, 2))


class Head(nn.Module):
    """A linear layer to log magnitude and phase."""

    def __init__(self, dim: int, n_fft: int) -> None:
        super().__init__()
        self.out = nn.Linear(dim, n_fft + 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, dim) -> spectrum (B, F, N), complex."""
        log_size, phase = self.out(x).transpose(1, 2).chunk(2, dim=1)
        return torch.polar(log_size.exp().clamp(max=100.0), phase)


class Vocos(Vocoder):
    """The generator.

    Args:
        n_mels: bands.
        dim, inside: width of the backbone, and inside its blocks.
        layers: blocks.
        n_fft, hop: of the inverse transform.
        padding: "center" (frames centred on multiples of hop) or "same" (N frames give N * hop samples).
        conditions: variants that an adaptive model knows, such as bandwidths; 0 for a plain one.
        condition: the variant to use.

    >>> Vocos(n_mels=100, dim=16, inside=32, layers=1)(torch.zeros(1, 100, 5)).shape
    torch.Size([1, 1, 1280])
    """

    def __init__(
        self,
        n_mels: int = 100,
        dim: int = 512,
        inside: int = 1536,
        layers: int = 8,
        n_fft: int = 1024,
        hop: int = 256,
        padding: str = "center",
        conditions: int = 0,
        condition: int = 0,
    ) -> None:
        super().__init__()
        if padding not in ("center", "same"):
            raise ParameterError(f"padding {padding!r} is neither center nor same")
        self.settings = {
            "n_mels": n_mels, "dim": dim, "inside": inside, "layers": layers, "n_fft": n_fft, "hop": hop,
            "padding": padding, "conditions": conditions, "condition": condition,
        }  # fmt: skip
        self.hop, self.n_fft, self.padding = hop, n_fft, padding
        self.condition = condition if conditions else None
        self.backbone = Backbone(n_mels, dim, inside, layers, conditions)
        self.head = Head(dim, n_fft)
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        # Every convolution reaches 3 frames; samples are made of the frames that cover them.
        self.context = 3 * (layers + 1) + -(-n_fft // hop)

    def exported(self, mel: Tensor) -> Tensor:
        """Do what `forward` does with the inverse transform and the overlap-add as one transposed convolution."""
        condition = None if self.condition is None else torch.tensor([self.condition], device=mel.device)
        log_size, phase = self.head.out(self.backbone(mel, condition)).transpose(1, 2).chunk(2, dim=1)
        size = log_size.exp().clamp(max=100.0)
        parts = torch.cat([size * torch.cos(phase), size * torch.sin(phase)], dim=1)  # (B, 2 F, N)
        bins, n = torch.arange(self.n_fft // 2 + 1.0)[:, None], torch.arange(float(self.n_fft))
        turn = (2 * torch.pi / self.n_fft) * (bins * n % self.n_fft)
        twice = torch.full_like(bins, 2.0)
        twice[0] = twice[-1] = 1.0
        kernel = torch.cat([twice * torch.cos(turn), -twice * torch.sin(turn)]) / self.n_fft * self.window
        audio = functional.conv_transpose1d(parts, kernel[:, None], stride=self.hop)
        squares = (self.window**2)[None, None]
        weight = functional.conv_transpose1d(torch.ones_like(parts[:, :1]), squares, stride=self.hop)
        left = self.n_fft // 2 if self.padding == "center" else (self.n_fft - self.hop) // 2
        stop = left + mel.shape[2] * self.hop
        return audio[:, :, left:stop] / weight[:, :, left:stop].clamp(min=1e-11)

    def spectrum(self, mel: Tensor) -> Tensor:
        """(B, n_mels, N) -> (B, F, N), complex."""
        condition = None if self.condition is None else torch.tensor([self.condition], device=mel.device)
        return self.head(self.backbone(mel, condition))

    def forward(self, mel: Tensor) -> Tensor:
        """(B, n_mels, N) -> (B, 1, N * hop).

        Centred frames give audio up to the last frame's centre; the hop after it is what the last frame alone says.
        """
        S = self.spectrum(mel)
        frames = torch.fft.irfft(S, n=self.n_fft, dim=1) * self.window[:, None]  # (B, n_fft, N)
        count = S.shape[2]
        size = (1, (count - 1) * self.hop + self.n_fft)
        audio = functional.fold(frames, size, (1, self.n_fft), stride=(1, self.hop))[:, :, 0]
        squares = (self.window**2)[None, :, None].expand(1, -1, count)
        weight = functional.fold(squares, size, (1, self.n_fft), stride=(1, self.hop))[:, :, 0]
        left = self.n_fft // 2 if self.padding == "center" else (self.n_fft - self.hop) // 2
        stop = left + count * self.hop
        return audio[:, :, left:stop] / weight[:, :, left:stop].clamp(min=1e-11)


def settings_of(state: Mapping[str, Tensor], known: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read a generator's sizes off its weights; hop and padding from its configuration, if there is one.

    Raises:
        ModelError: they are not those of a Vocos generator on mel frames.
    """
    try:
        dim, n_mels, _ = state["backbone.embed.weight"].shape
        layers = len({key.split(".")[2] for key in state if key.startswith("backbone.convnext.")})
        inside = state["backbone.convnext.0.pwconv1.weight"].shape[0]
        n_fft = state["head.out.weight"].shape[0] - 2
    except (KeyError, ValueError) as error:
        raise not_a("a Vocos generator", name=name, expected=str(error).strip("'"), keys=state) from None
    adaptive = state.get("backbone.norm.scale.weight")
    return {
        "n_mels": n_mels,
        "dim": dim,
        "inside": inside,
        "layers": layers,
        "n_fft": n_fft,
        "hop": known.get("hop_length", n_fft // 4),
        "padding": known.get("padding", "center"),
        "conditions": 0 if adaptive is None else adaptive.shape[0],
    }


def import_vocos(
    source: str | os.PathLike[str], *, padding: str = "", condition: int = 0
) -> tuple[Vocoder, dict[str, Any]]:
    """Read a Vocos generator on mel frames (`pytorch_model.bin`).

    Args:
        source: the checkpoint; `config.yaml` is read when it lies beside it.
        padding: "center" or "same", when there is no configuration.
        condition: which variant of an adaptive model to use.

    Raises:
        ModelError: the checkpoint is of another architecture.
        InputError, DamagedError: it cannot be read.
    """
    from audiokit.models.folder.checkpoint import load_weights

    state = unwrapped(source)
    known = beside(source, "config.yaml", "config.yml")
    settings = settings_of(state, {**known, **({"padding": padding} if padding else {})}, str(source))
    network = Vocos(**settings, condition=condition)
    # The front-end's own window and filters are audiokit's.
    own = {k: v for k, v in state.items() if not k.startswith("feature_extractor.") and k != "head.istft.window"}
    load_weights(network, own, name=str(source))
    changes = {"rate": known.get("sample_rate"), "n_fft": network.n_fft, "hop": network.hop}
    if network.padding == "same":
        side = (network.n_fft - network.hop) // 2
        changes["pad"] = [side, side]
    return network.eval(), card_of(network, architecture="vocos", preset="vocos", source=source, **changes)
