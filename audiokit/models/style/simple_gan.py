"""The simplest GAN there is: two fully connected networks, one spectrogram as one long vector.

The generator turns noise into a spectrogram; the discriminator tells it from real ones. Nothing here knows that a
spectrogram has neighbours in time and frequency, which is what every other network of audiokit adds.

References:
    Goodfellow et al. (2014), Generative adversarial nets.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from audiokit.models.folder.graph import MAIN, Graph, Port


class SimpleGenerator(nn.Module):
    """Noise (B, noise) to spectrograms (B, 1, bins, frames) in -1..1.

    >>> import torch
    >>> SimpleGenerator(bins=16, frames=8, noise=4, width=32)(torch.zeros(2, 4)).shape
    torch.Size([2, 1, 16, 8])
    """

    def __init__(self, *, bins: int = 128, frames: int = 64, noise: int = 100, width: int = 256) -> None:
        super().__init__()
        self.settings = {"bins": bins, "frames": frames, "noise": noise, "width": width}
        self.noise, self.shape = noise, (1, bins, frames)
        self.net = nn.Sequential(
            *_layers(noise, width, 2 * width, 4 * width),
            nn.Linear(4 * width, bins * frames),  # (B, bins * frames)
            nn.Tanh(),
            nn.Unflatten(1, self.shape),  # (B, 1, bins, frames)
        )

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the generator."""
        inputs, outputs = {"noise": Port(("batch", self.noise))}, {"pictures": Port(("batch", *self.shape), "-1 to 1")}
        return {MAIN: Graph(self.forward, inputs, outputs, [{"batch": size} for size in (2, 1, 5)])}

    def forward(self, z: Tensor) -> Tensor:
        """Map noise (B, noise) to spectrograms (B, 1, bins, frames)."""
        return self.net(z)


class SimpleDiscriminator(nn.Module):
    """Spectrograms (B, 1, bins, frames) to logits (B, 1), above zero for real.

    >>> import torch
    >>> SimpleDiscriminator(bins=16, frames=8, width=32)(torch.zeros(2, 1, 16, 8)).shape
    torch.Size([2, 1])
    """

    def __init__(self, *, bins: int = 128, frames: int = 64, width: int = 256) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(),  # (B, bins * frames)
            *_layers(bins * frames, 2 * width, width, dropout=0.3),
            nn.Linear(width, 1),  # (B, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map spectrograms (B, 1, bins, frames) to logits (B, 1)."""
        return self.net(x)


def _layers(*sizes: int, dropout: float = 0.0) -> list[nn.Module]:
    found: list[nn.Module] = []
    for before, after in pairwise(sizes):
        found += [nn.Linear(before, after), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
    return found
