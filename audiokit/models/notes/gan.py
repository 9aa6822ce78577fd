"""A GAN of instrument notes, unconditional: a latent gives a note, which note cannot be asked for.

References:
    Goodfellow et al. (2014), Generative adversarial nets.
    Karras et al. (2018), Progressive growing of GANs (pixel norm, batch spread in the critic).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.models.folder.graph import MAIN, Graph, Port
from audiokit.models.notes.layers import Painter, Viewer, from_picture, magnitude_port


class NoteGan(nn.Module):
    """The generator.

    Args:
        latent: size of the latent.
        width: channels at full size.
    """

    def __init__(self, latent: int = 64, width: int = 24) -> None:
        super().__init__()
        self.latent = latent
        self.painter = Painter(latent, width)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: latents to magnitudes."""
        latent = Port(("batch", self.latent), "standard normal")
        sizes = [{"batch": size} for size in (2, 1, 3)]
        return {MAIN: Graph(lambda x: from_picture(self(x)), {"latent": latent}, magnitude_port(), sizes)}

    def forward(self, latent: Tensor) -> Tensor:
        """Latents (B, latent), standard normal, to pictures (B, FOLD, ROWS, COLUMNS)."""
        return self.painter(latent * torch.rsqrt(latent.square().mean(1, keepdim=True) + 1e-6))


class NoteCritic(nn.Module):
    """The critic; needed for training only."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.viewer = Viewer(width, 1, spread=True)

    def forward(self, picture: Tensor) -> Tensor:
        """Pictures (B, FOLD, ROWS, COLUMNS) to scores (B,), higher for real."""
        return self.viewer(picture)[:, 0]
