"""A conditional GAN of instrument notes: pitch, family, velocity and qualities are asked for, a latent does the rest.

The condition reaches the generator beside the latent and the critic by projection; the critic also has to
name the pitch, which keeps a generator from ignoring it.

References:
    Mirza and Osindero (2014), Conditional generative adversarial nets.
    Miyato and Koyama (2018), cGANs with projection discriminator.
    Odena et al. (2017), Conditional image synthesis with auxiliary classifier GANs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audiokit.models.note_layers import Painter, Viewer

LOWEST, HIGHEST = 24, 96
PITCHES = HIGHEST - LOWEST + 1
FAMILIES, QUALITIES = 11, 10


def condition(pitch: Tensor, family: Tensor, velocity: Tensor, qualities: Tensor) -> Tensor:
    """Put labels into one vector.

    Args:
        pitch: MIDI numbers (B,), LOWEST..HIGHEST.
        family: NSynth's family numbers (B,).
        velocity: 1..127 (B,).
        qualities: 0..1 in NSynth's order (B, QUALITIES).

    Returns:
        Conditions (B, PITCHES + FAMILIES + 1 + QUALITIES).
    """
    return torch.cat(
        [
            F.one_hot(pitch.long() - LOWEST, PITCHES).float(),
            F.one_hot(family.long(), FAMILIES).float(),
            (velocity.float()[:, None] - 75) / 50,
            qualities.float(),
        ],
        dim=1,
    )


class NoteCgan(nn.Module):
    """The generator.

    Args:
        latent: size of the latent.
        width: channels at full size.
    """

    def __init__(self, latent: int = 64, width: int = 16) -> None:
        super().__init__()
        self.latent = latent
        self.embed = nn.Linear(PITCHES + FAMILIES + 1 + QUALITIES, 96)
        self.painter = Painter(latent + 96, width)

    def forward(self, latent: Tensor, wanted: Tensor) -> Tensor:
        """Latents (B, latent) and conditions (B, ...) to pictures (B, 8, 128, 128)."""
        latent = latent * torch.rsqrt(latent.square().mean(1, keepdim=True) + 1e-6)
        return self.painter(torch.cat([latent, self.embed(wanted)], dim=1))


class NoteCgCritic(nn.Module):
    """The critic; needed for training only."""

    def __init__(self, width: int = 16, features: int = 96) -> None:
        super().__init__()
        self.viewer = Viewer(width, features, spread=True)
        self.score = nn.Linear(features, 1)
        self.project = nn.Linear(PITCHES + FAMILIES + 1 + QUALITIES, features, bias=False)
        self.pitch = nn.Linear(features, PITCHES)

    def forward(self, picture: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures and conditions to scores (B,) and pitch logits (B, PITCHES)."""
        features = F.leaky_relu(self.viewer(picture), 0.2)
        match = (self.project(wanted) * features).sum(1) / features.shape[1] ** 0.5
        return self.score(features)[:, 0] + match, self.pitch(features)
