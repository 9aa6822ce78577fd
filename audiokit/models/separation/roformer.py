"""RoFormers that separate music: transformers along time and along bands of the spectrum, by turns.

Two of one family. BS-RoFormer parts the spectrum into bands side by side; Mel-Band RoFormer into bands that overlap
as mel filters do, and averages the masks where they overlap. Every band of every frame becomes a vector, attention
with rotary positions runs along time within each band and along the bands within each frame, and a small network per
band gives complex masks. The names of the tensors are those of the public checkpoints, which load unchanged.

References:
    Lu, Wang, Kong and Hung (2023), Music source separation with band-split RoPE transformer; Wang, Lu and Won (2023),
    Mel-Band RoFormer for music source separation; Su et al. (2021), RoFormer; El-Nouby et al. (2021), XCiT (the linear
    attention, across channels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.errors import ParameterError
from audiokit.models.folder.fields import check_fields, check_stem

#: Bins per band of the usual BS-RoFormer: fine below, coarse above; together 1025.
USUAL_BANDS = (2,) * 24 + (4,) * 12 + (12,) * 8 + (24,) * 8 + (48,) * 8 + (128, 129)

#: Numbers that go through a transformer together.
_AT_ONCE = 1 << 21


#: Nothing was trained on longer windows; they would not fit into memory.
_LONGEST_S = 600


@dataclass(frozen=True)
class RoformerConfig:
    """Settings of both networks.

    Attributes:
        stems: what the networks of masks estimate, in their order.
        rest: the stem that is what the others leave of the mix; None if the mix is not shared out completely.
        rate: Hz.
        channels: 1 or 2; of two, both are seen and masked together.
        n_fft, hop, window: of the Hann short-time spectra, in samples; `normalized` as torch.stft has it.
        bands: number of mel bands, or the bins of each band side by side.
        dim: size of the vectors.
        depth: how often attention goes along time and then along bands.
        linear_depth, time_depth, freq_depth: layers each time; linear attention sees all frames and bands at once.
        heads, head_dim: of the attention.
        widening: how much wider the inner layer of a feed-forward network is.
        mask_layers: linear layers of the network that gives a band's mask; `mask_widening` of its inner ones.
        zero_dc: leave the constant out of the stems.
        skips: each turn also gets what all turns before it gave.
        chunk: samples that the network was trained on at a time.
    """

    stems: Sequence[str] = ("vocals",)
    rest: str | None = "accompaniment"
    rate: int = 44_100
    channels: int = 2
    n_fft: int = 2048
    hop: int = 441
    window: int = 2048
    normalized: bool = False
    bands: int | Sequence[int] = 60
    dim: int = 384
    depth: int = 6
    linear_depth: int = 0
    time_depth: int = 1
    freq_depth: int = 1
    heads: int = 8
    head_dim: int = 64
    widening: float = 4
    mask_layers: int = 3
    mask_widening: float = 4
    zero_dc: bool = False
    skips: bool = False
    chunk: int = 352_800

    def __post_init__(self) -> None:
        check_fields(self, zero=["linear_depth"])
        for stem in (*self.stems, *([] if self.rest is None else [self.rest])):
            check_stem(stem)
        if not self.hop <= self.window <= self.n_fft <= self.chunk:
            raise ParameterError(
                "hop, window, n_fft and chunk must each be at most the next, not "
                f"{self.hop}, {self.window}, {self.n_fft} and {self.chunk}"
            )
        if not 1000 <= self.rate <= 768_000 or self.chunk > _LONGEST_S * self.rate:
            raise ParameterError(f"rate {self.rate} or chunk {self.chunk} is out of reach: 768 kHz, ten minutes")
        if self.channels not in (1, 2):
            raise ParameterError(f"channels must be 1 or 2, not {self.channels}")
        bins = self.n_fft // 2 + 1
        if not isinstance(self.bands, int) and sum(self.bands) != bins:
            raise ParameterError(f"the bands hold {sum(self.bands)} bins, the spectrum has {bins}")
        if not self.stems:
            raise ParameterError("a separator needs a stem")


def mel_bands(count: int, *, rate: int, n_fft: int) -> list[list[int]]:
    """List the bins of bands that overlap as librosa's mel filters do; the first and the last bin are in too.

    >>> mel_bands(4, rate=8000, n_fft=32)
    [[0, 1, 2, 3], [2, 3, 4, 5, 6], [4, 5, 6, 7, 8, 9], [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]]
    """
    from librosa.filters import mel

    filters = mel(sr=rate, n_fft=n_fft, n_mels=count)
    filters[0, 0] = filters[-1, -1] = 1
    found = [row.nonzero()[0].tolist() for row in filters > 0]
    if len({k for band in found for k in band}) < n_fft // 2 + 1 or not all(found):
        raise ParameterError(f"{count} mel bands leave bins of {n_fft} points out, or are empty")
    return found


class Rms(nn.Module):
    """Scale vectors to the length that unit variance has, then each component by its gain."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., dim) to the same shape."""
        return functional.normalize(x, dim=-1) * (len(self.gamma) ** 0.5 * self.gamma)


class Rotary(nn.Module):
    """Turn pairs of components by angles that grow with the position."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.freqs = nn.Parameter(10_000 ** -(torch.arange(0, dim, 2).float() / dim), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, heads, n, dim) to the same shape."""
        angle = torch.arange(x.shape[-2], device=x.device).float()[:, None] * self.freqs  # (n, dim / 2)
        cos, sin = angle.cos(), angle.sin()
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2)


class Attention(nn.Module):
    """Attention with rotary positions, whose heads are opened and closed by gates."""

    def __init__(self, config: RoformerConfig, rotary: Rotary) -> None:
        super().__init__()
        self.heads, inner = config.heads, config.heads * config.head_dim
        self.rotary_embed = rotary
        self.norm = Rms(config.dim)
        self.to_qkv = nn.Linear(config.dim, 3 * inner, bias=False)
        self.to_gates = nn.Linear(config.dim, config.heads)
        self.to_out = nn.Sequential(nn.Linear(inner, config.dim, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n, dim) to the same shape."""
        x = self.norm(x)
        q, k, v = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, heads, n, d)
        found = functional.scaled_dot_product_attention(self.rotary_embed(q), self.rotary_embed(k), v)
        found = found * self.to_gates(x).sigmoid().transpose(1, 2)[..., None]
        return self.to_out(found.transpose(1, 2).flatten(-2))


class LinearAttention(nn.Module):
    """Attention of the components of vectors to each other, over all positions: its cost grows with their number."""

    def __init__(self, config: RoformerConfig) -> None:
        super().__init__()
        self.heads, inner = config.heads, config.heads * config.head_dim
        self.norm = Rms(config.dim)
        self.to_qkv = nn.Sequential(nn.Linear(config.dim, 3 * inner, bias=False))
        self.temperature = nn.Parameter(torch.ones(config.heads, 1, 1))
        # The number is that of the public layout, in which a reshaping comes first.
        self.to_out = nn.Sequential(nn.Identity(), nn.Linear(inner, config.dim, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n, dim) to the same shape."""
        q, k, v = self.to_qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 4, 1)
        q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)  # (B, heads, d, n)
        share = torch.softmax(8 * self.temperature.exp() * torch.matmul(q, k.transpose(-1, -2)), dim=-1)
        return self.to_out(torch.matmul(share, v).flatten(1, 2).transpose(1, 2))


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, config: RoformerConfig) -> None:
        super().__init__()
        inner = int(config.dim * config.widening)
        # Identities stand where training drops out.
        self.net = nn.Sequential(
            Rms(config.dim), nn.Linear(config.dim, inner), nn.GELU(), nn.Identity(), nn.Linear(inner, config.dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., dim) to the same shape."""
        return self.net(x)


class Transformer(nn.Module):
    """Layers of attention and feed-forward networks, each added to what it got."""

    def __init__(self, config: RoformerConfig, depth: int, rotary: Rotary | None, *, norm: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([Attention(config, rotary) if rotary else LinearAttention(config), FeedForward(config)])
            for _ in range(depth)
        )
        self.norm = Rms(config.dim) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n, dim) to the same shape."""
        for attention, forward in cast("list[list[nn.Module]]", self.layers):
            x = x + attention(x)
            x = x + forward(x)
        return self.norm(x)


class BandSplit(nn.Module):
    """A vector for every band."""

    def __init__(self, sizes: Sequence[int], dim: int) -> None:
        super().__init__()
        self.sizes = list(sizes)
        self.to_features = nn.ModuleList(nn.Sequential(Rms(size), nn.Linear(size, dim)) for size in sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, sum of sizes) to (B, N, bands, dim)."""
        parts = x.split(self.sizes, dim=-1)
        return torch.stack([net(part) for net, part in zip(self.to_features, parts, strict=True)], dim=-2)


class MaskEstimator(nn.Module):
    """The masks of one stem, a small network per band."""

    def __init__(self, sizes: Sequence[int], config: RoformerConfig) -> None:
        super().__init__()
        inner = int(config.dim * config.mask_widening)
        self.to_freqs = nn.ModuleList()
        for size in sizes:
            widths = [config.dim, *[inner] * (config.mask_layers - 1), 2 * size]
            layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.Tanh())][:-1]
            self.to_freqs.append(nn.Sequential(nn.Sequential(*layers), nn.GLU(dim=-1)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, bands, dim) to (B, N, sum of sizes)."""
        return torch.cat([net(band) for net, band in zip(self.to_freqs, x.unbind(dim=-2), strict=True)], dim=-1)


def _in_parts(transformer: nn.Module, x: Tensor) -> Tensor:
    """Apply a transformer to sequences (B, n, dim), some at a time where nothing is learned: for memory."""
    if transformer.training:
        return transformer(x)
    return torch.cat([transformer(part) for part in x.split(max(1, _AT_ONCE // (x.shape[1] * x.shape[2])))])


class Roformer(nn.Module):
    """What both networks have in common.

    Attributes:
        shortest: samples that an input must have at least.
        bins: those of all bands, band after band; `shared` counts in how many bands each bin of the spectrum is.
    """

    #: Why `models export --onnx` refuses it.
    not_exported = "its positions and its sums over overlapping bands come out fixed to the length they are traced at"
    bins: Tensor
    shared: Tensor
    window: Tensor
    #: Whether every transformer ends with a normalisation (Mel-Band) or the last one alone (BS).
    normed = True

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = config = RoformerConfig(**settings)
        bands = config.bands if isinstance(config.bands, int) else list(config.bands)
        self.settings = {**asdict(config), "stems": list(config.stems), "bands": bands}
        time, freq = Rotary(config.head_dim), Rotary(config.head_dim)
        self.layers = nn.ModuleList()
        for _ in range(config.depth):
            along: list[tuple[int, Rotary | None]] = [(config.linear_depth, None)] if config.linear_depth else []
            along += [(config.time_depth, time), (config.freq_depth, freq)]
            self.layers.append(nn.ModuleList(Transformer(config, n, rotary, norm=self.normed) for n, rotary in along))
        if not self.normed:
            self.final_norm = Rms(config.dim)
        groups = self.groups()
        sizes = [2 * config.channels * len(group) for group in groups]
        self.band_split = BandSplit(sizes, config.dim)
        self.mask_estimators = nn.ModuleList(MaskEstimator(sizes, config) for _ in config.stems)
        flat = [k for group in groups for k in group]
        counts = [[[float(flat.count(k))]] for k in range(config.n_fft // 2 + 1)]
        self.register_buffer("bins", torch.tensor(flat), persistent=False)
        self.register_buffer("shared", torch.tensor(counts), persistent=False)  # (F, 1, 1)
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)
        self.shortest = config.n_fft // 2 + 1

    def groups(self) -> list[list[int]]:
        """The bins of every band."""
        raise NotImplementedError

    def masks(self, X: Tensor, only: Sequence[int] | None = None) -> Tensor:
        """Map spectra (B, C, F, N) to complex masks (B, S, C, F, N); `only` some of the stems, by number."""
        x = torch.view_as_real(X).permute(0, 3, 2, 1, 4)  # (B, N, F, C, 2)
        x = self.band_split(x[:, :, self.bins].flatten(2))  # (B, N, bands, dim)
        before: list[Tensor] = []
        for *linear, time, freq in cast("list[list[nn.Module]]", self.layers):
            for transformer in linear:
                x = transformer(x.flatten(1, 2)).view_as(x)
            if self.config.skips:
                x = sum(before, start=x)
            batch, frames, bands = x.shape[:3]
            x = _in_parts(time, x.transpose(1, 2).flatten(0, 1)).unflatten(0, (batch, bands))  # (B, bands, N, dim)
            x = _in_parts(freq, x.transpose(1, 2).flatten(0, 1)).unflatten(0, (batch, frames))  # (B, N, bands, dim)
            if self.config.skips:
                before.append(x)
        x = x if self.normed else self.final_norm(x)
        chosen = range(len(self.mask_estimators)) if only is None else only
        found = torch.stack([self.mask_estimators[k](x) for k in chosen], dim=1)
        found = found.unflatten(-1, (len(self.bins), self.config.channels, 2))  # (B, S, N, bins of bands, C, 2)
        sums = found.new_zeros(*found.shape[:3], len(self.shared), *found.shape[4:])
        averages = sums.index_add_(3, self.bins, found) / self.shared
        return torch.view_as_complex(averages).permute(0, 1, 4, 3, 2)

    def forward(self, y: Tensor, only: Sequence[int] | None = None) -> Tensor:
        """Map audio (B, C, T), T at least `shortest`, to stems (B, S, C, T); `only` some of them, by number."""
        config, batch, length = self.config, len(y), y.shape[-1]
        how: dict[str, Any] = {"n_fft": config.n_fft, "hop_length": config.hop, "win_length": config.window}
        how |= {"normalized": config.normalized, "window": self.window}
        X = torch.stft(y.flatten(0, 1), return_complex=True, **how).unflatten(0, (batch, config.channels))
        Y = X[:, None] * self.masks(X, only)  # (B, S, C, F, N)
        if config.zero_dc:
            Y[..., 0, :] = 0
        return torch.istft(Y.flatten(0, 2), length=length, **how).unflatten(0, Y.shape[:3])


class MelBandRoformer(Roformer):
    """Mel-Band RoFormer: audio (B, C, T) to stems (B, S, C, T).

    Args:
        settings: the fields of `RoformerConfig`; `bands` is a number.

    >>> net = MelBandRoformer(dim=8, depth=1, heads=1, head_dim=4, bands=8, n_fft=256, window=256, hop=64).eval()
    >>> net(torch.zeros(1, 2, 1000)).shape
    torch.Size([1, 1, 2, 1000])
    """

    def groups(self) -> list[list[int]]:
        """The bins of every band, some in two."""
        if not isinstance(self.config.bands, int):
            raise ParameterError("bands of a Mel-Band RoFormer are a number")
        return mel_bands(self.config.bands, rate=self.config.rate, n_fft=self.config.n_fft)


class BsRoformer(Roformer):
    """BS-RoFormer: audio (B, C, T) to stems (B, S, C, T).

    Args:
        settings: the fields of `RoformerConfig`; `bands` are bins per band.

    >>> net = BsRoformer(dim=8, depth=1, heads=1, head_dim=4, bands=(4, 13), n_fft=32, window=32, hop=8).eval()
    >>> net(torch.zeros(1, 2, 100)).shape
    torch.Size([1, 1, 2, 100])
    """

    normed = False

    def groups(self) -> list[list[int]]:
        """The bins of every band, side by side."""
        if isinstance(self.config.bands, int):
            raise ParameterError("bands of a BS-RoFormer are the bins of each")
        edges = accumulate(self.config.bands, initial=0)
        return [list(range(a, b)) for a, b in pairwise(edges)]
