"""What the three spectrogram note models share: the picture they make, and the blocks it is made with.

A picture is the linear log magnitude of 4 s at 16 kHz (n_fft 2048, hop 512, 128 frames, 1024 bins without DC).
Eight neighbouring bins are folded into channels, so that convolutions run on 128 x 128 pixels.

References:
    Engel et al. (2019), GANSynth: adversarial neural audio synthesis (window and hop of the picture).
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATE, N_FFT, HOP, FRAMES = 16000, 2048, 512, 128
BINS = N_FFT // 2
FOLD = 8
#: Picture value = ln(magnitude + FLOOR) * SCALE + SHIFT, about -1..1 for audio within full scale.
FLOOR, SCALE, SHIFT = 1e-3, 0.145, 0.0


def to_picture(magnitude: Tensor) -> Tensor:
    """Turn magnitudes (B, BINS + 1, FRAMES) into pictures (B, FOLD, BINS / FOLD, FRAMES)."""
    log = torch.log(magnitude[:, 1:] + FLOOR) * SCALE + SHIFT
    return log.unflatten(1, (BINS // FOLD, FOLD)).transpose(1, 2)


def from_picture(picture: Tensor) -> Tensor:
    """Turn pictures (B, FOLD, BINS / FOLD, FRAMES) into magnitudes (B, BINS + 1, FRAMES), DC empty."""
    log = picture.transpose(1, 2).flatten(1, 2)
    magnitude = (torch.exp((log.clamp(max=1.0) - SHIFT) / SCALE) - FLOOR).clamp(min=0)
    return F.pad(magnitude, (0, 0, 1, 0))


def pixel_norm(x: Tensor) -> Tensor:
    """Bring every pixel's channels to unit RMS."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)


class Up(nn.Module):
    """Double a picture's size: nearest neighbour, then two convolutions."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out, 2H, 2W)."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = pixel_norm(F.leaky_relu(self.first(x), 0.2))
        return pixel_norm(F.leaky_relu(self.second(x), 0.2))


class Down(nn.Module):
    """Halve a picture's size: two convolutions, then averaging."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out, H/2, W/2)."""
        x = F.leaky_relu(self.first(x), 0.2)
        return F.avg_pool2d(F.leaky_relu(self.second(x), 0.2), 2)


class Painter(nn.Module):
    """From a vector to a picture, in five doublings.

    Args:
        inputs: length of the vector.
        width: channels at the largest size.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        sizes = [width * 6, width * 4, width * 3, width * 2, width, width]
        self.start = nn.Linear(inputs, sizes[0] * 16)
        self.steps = nn.ModuleList([Up(a, b) for a, b in pairwise(sizes)])
        self.out = nn.Conv2d(sizes[-1], FOLD, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs) -> (B, FOLD, 128, 128)."""
        x = pixel_norm(F.leaky_relu(self.start(x).unflatten(1, (-1, 4, 4)), 0.2))  # (B, 6W, 4, 4)
        for step in self.steps:
            x = step(x)
        return torch.tanh(self.out(x))


class Viewer(nn.Module):
    """From a picture to a vector, in five halvings.

    Args:
        width: channels at the largest size.
        outputs: length of the vector.
        spread: add the standard deviation over the batch as a channel, which tells a GAN's critic about collapse.
    """

    def __init__(self, width: int, outputs: int, *, spread: bool = False) -> None:
        super().__init__()
        sizes = [width, width, width * 2, width * 3, width * 4, width * 6]
        self.into = nn.Conv2d(FOLD, sizes[0], 3, padding=1)
        self.steps = nn.ModuleList([Down(a, b) for a, b in pairwise(sizes)])
        self.spread = spread
        self.end = nn.Linear((sizes[-1] + int(spread)) * 16, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, FOLD, 128, 128) -> (B, outputs)."""
        x = F.leaky_relu(self.into(x), 0.2)
        for step in self.steps:
            x = step(x)
        if self.spread:
            deviation = x.std(0, unbiased=False).mean()
            x = torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], dim=1)
        return self.end(x.flatten(1))
