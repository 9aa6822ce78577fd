"""What the three spectrogram note models share: the picture they make, and the blocks it is made with.

A picture is the linear log magnitude of 4 s at 16 kHz (n_fft 2048, hop 512, 1024 bins without DC). Sixteen
neighbouring bins are folded into channels, and the 126 frames are averaged into 32 columns that are narrow at the
attack and after the release: 64 x 32 pixels, small enough to train on a processor.

Models that follow a pitch see it as a comb: how near every bin is to a partial, and to which one. They paint a floor,
and how far partials stand above it, and the comb says where. A pitch given as a number would have to be learned key
by key; so it is there from the first steps.

References:
    Engel et al. (2019), GANSynth: adversarial neural audio synthesis (window and hop of the picture).
    Perez et al. (2018), FiLM: visual reasoning with a general conditioning layer (how the comb acts on features).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audiokit.models.folder.graph import Port

RATE, N_FFT, HOP, FRAMES = 16000, 2048, 512, 126
BINS = N_FFT // 2
FOLD = 16
ROWS = BINS // FOLD
#: Frames per column; the key is let go after frame 94.
WIDTHS = (*[1] * 8, *[2] * 4, *[3] * 4, *[6] * 11, 2, 4, 6, 8, 12)
COLUMNS = len(WIDTHS)
#: Picture value = ln(magnitude + FLOOR) * SCALE, about -1..1 for audio within full scale.
FLOOR, SCALE = 1e-3, 0.145
_COMB = 3  # features of the comb per bin


def _time_maps() -> tuple[Tensor, Tensor]:
    """Matrices from frames to columns (FRAMES, COLUMNS), which averages, and back, which draws straight lines."""
    edges = np.concatenate([[0], np.cumsum(WIDTHS)])
    down = np.zeros((FRAMES, COLUMNS), np.float32)
    for column, (a, b) in enumerate(pairwise(edges)):
        down[a:b, column] = 1 / (b - a)
    centres = (edges[:-1] + edges[1:] - 1) / 2
    up = np.stack([np.interp(np.arange(FRAMES), centres, row) for row in np.eye(COLUMNS)]).astype(np.float32)
    return torch.from_numpy(down), torch.from_numpy(up)


def to_picture(magnitude: Tensor) -> Tensor:
    """Turn magnitudes (B, BINS + 1, FRAMES) into pictures (B, FOLD, ROWS, COLUMNS)."""
    down, _ = _time_maps()
    log = torch.log(magnitude[:, 1:] + FLOOR) * SCALE
    return (log @ down.to(log)).unflatten(1, (ROWS, FOLD)).transpose(1, 2)


def from_picture(picture: Tensor) -> Tensor:
    """Turn pictures (B, FOLD, ROWS, COLUMNS) into magnitudes (B, BINS + 1, FRAMES), DC empty."""
    _, up = _time_maps()
    log = picture.transpose(1, 2).flatten(1, 2) @ up.to(picture)
    magnitude = (torch.exp(log.clamp(max=1.0) / SCALE) - FLOOR).clamp(min=0)
    return F.pad(magnitude, (0, 0, 1, 0))


def magnitude_port() -> dict[str, Port]:
    """Say what exported note models give."""
    return {"magnitude": Port(("batch", BINS + 1, FRAMES), f"of {RATE} Hz audio, n_fft {N_FFT}, hop {HOP}")}


def comb(pitch: Tensor) -> Tensor:
    """Show pitches (B,), MIDI, as combs (B, 3 * FOLD, ROWS, 1).

    For every bin: 1 on a partial and 0 two bins away from it; even and odd partials as 1 and -1; and the partial's
    number, as a logarithm.
    """
    f0 = 440.0 * 2.0 ** ((pitch.float() - 69) / 12) * (N_FFT / RATE)  # in bins
    ratio = torch.arange(1, BINS + 1, device=pitch.device) / f0[:, None]
    number = ratio.round().clamp(min=1)
    near = (1 - 0.5 * (ratio - number).abs() * f0[:, None]).clamp(min=0)
    parity = near * torch.cos(torch.pi * number)
    height = torch.log2(ratio.clamp(min=0.25)) / 4
    parts = [x.unflatten(1, (ROWS, FOLD)).transpose(1, 2) for x in (near, parity, height)]
    return torch.cat(parts, dim=1)[..., None]


def pixel_norm(x: Tensor) -> Tensor:
    """Bring every pixel's channels to unit RMS."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)


class Comb(nn.Module):
    """Let a pitch scale and shift features at full size, the same in every column."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(_COMB * FOLD, channels, (3, 1), padding=(1, 0))
        self.second = nn.Conv2d(channels, 2 * channels, (3, 1), padding=(1, 0))

    def forward(self, x: Tensor, pitch: Tensor) -> Tensor:
        """Features (B, C, ROWS, COLUMNS) and pitches (B,) to features of the same shape."""
        scale, shift = self.second(F.leaky_relu(self.first(comb(pitch)), 0.2)).chunk(2, dim=1)
        return x * (1 + scale) + shift


class Up(nn.Module):
    """Double a picture's size: nearest neighbour, then two convolutions."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out, 2H, 2W)."""
        # The first convolution runs at half the size: it gives four pixels as channels would, for a quarter.
        x = F.interpolate(pixel_norm(F.leaky_relu(self.first(x), 0.2)), scale_factor=2.0, mode="nearest")
        return pixel_norm(F.leaky_relu(self.second(x), 0.2))


class Down(nn.Module):
    """Halve a picture's size: a convolution, averaging, another convolution."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out, H/2, W/2)."""
        x = F.avg_pool2d(F.leaky_relu(self.first(x), 0.2), 2)
        return F.leaky_relu(self.second(x), 0.2)


class Painter(nn.Module):
    """From a vector to a picture, in four doublings.

    Args:
        inputs: length of the vector.
        width: channels at the largest size.
        pitched: place partials by a comb.
    """

    def __init__(self, inputs: int, width: int, *, pitched: bool = False) -> None:
        super().__init__()
        sizes = [width * 4, width * 3, width * 2, width + width // 2, width]
        self.start = nn.Linear(inputs, sizes[0] * 8)
        self.steps = nn.ModuleList([Up(a, b) for a, b in pairwise(sizes)])
        self.comb = Comb(width) if pitched else None
        self.last = nn.Conv2d(width, width, 3, padding=1) if pitched else None
        self.out = nn.Conv2d(width, FOLD * (3 if pitched else 1), 3, padding=1)

    def forward(self, x: Tensor, pitch: Tensor | None = None) -> Tensor:
        """(B, inputs), and pitches (B,) if pitched -> (B, FOLD, ROWS, COLUMNS)."""
        x = pixel_norm(F.leaky_relu(self.start(x).unflatten(1, (-1, 4, 2)), 0.2))  # (B, 4W, 4, 2)
        for step in self.steps:
            x = step(x)
        if self.comb is not None and self.last is not None and pitch is not None:
            x = F.leaky_relu(self.last(F.leaky_relu(self.comb(x, pitch), 0.2)), 0.2)
            floor, all_partials, even_ones = self.out(x).chunk(3, dim=1)
            near, parity, _ = comb(pitch).chunk(3, dim=1)
            return torch.tanh(floor + near * all_partials + parity * even_ones)
        return torch.tanh(self.out(x))


class Viewer(nn.Module):
    """From a picture to a vector, in four halvings.

    Args:
        width: channels at the largest size.
        outputs: length of the vector.
        spread: add the standard deviation over the batch as a channel, which tells a GAN's critic about collapse.
        pitched: look at partials through a comb.
    """

    def __init__(self, width: int, outputs: int, *, spread: bool = False, pitched: bool = False) -> None:
        super().__init__()
        sizes = [width, width + width // 2, width * 2, width * 3, width * 4]
        self.into = nn.Conv2d(FOLD * (2 if pitched else 1), sizes[0], 3, padding=1)
        self.comb = Comb(width) if pitched else None
        self.steps = nn.ModuleList([Down(a, b) for a, b in pairwise(sizes)])
        self.spread = spread
        self.end = nn.Linear((sizes[-1] + int(spread)) * 8, outputs)

    def forward(self, x: Tensor, pitch: Tensor | None = None) -> Tensor:
        """(B, FOLD, ROWS, COLUMNS), and pitches (B,) if pitched -> (B, outputs)."""
        if self.comb is not None and pitch is not None:
            x = torch.cat([x, x * comb(pitch)[:, :FOLD]], dim=1)  # what partials hold, apart from the rest
            x = self.comb(self.into(x), pitch)
        else:
            x = self.into(x)
        x = F.leaky_relu(x, 0.2)
        for step in self.steps:
            x = step(x)
        if self.spread:
            deviation = x.std(0, unbiased=False).mean()
            x = torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], dim=1)
        return self.end(x.flatten(1))
