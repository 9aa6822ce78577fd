"""A conditional GAN of instrument notes: pitch, family, velocity and qualities are asked for, a latent does the rest.

The pitch reaches generator and critic as a comb (`audiokit.models.notes.layers`); the whole condition reaches the
generator beside the latent and the critic by projection. The critic also has to name the family, which keeps a
generator from ignoring it.

References:
    Mirza and Osindero (2014), Conditional generative adversarial nets.
    Miyato and Koyama (2018), cGANs with projection discriminator.
    Odena et al. (2017), Conditional image synthesis with auxiliary classifier GANs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audiokit.models.folder.graph import MAIN, Graph, Port
from audiokit.models.notes.layers import Painter, Viewer, from_picture, magnitude_port

LOWEST, HIGHEST = 24, 96
PITCHES = HIGHEST - LOWEST + 1
FAMILIES, QUALITIES = 11, 10
CONDITION = PITCHES + FAMILIES + 1 + QUALITIES


def condition(pitch: Tensor, family: Tensor, velocity: Tensor, qualities: Tensor) -> Tensor:
    """Put labels into one vector.

    Args:
        pitch: MIDI numbers (B,), LOWEST..HIGHEST.
        family: NSynth's family numbers (B,).
        velocity: 1..127 (B,).
        qualities: 0..1 in NSynth's order (B, QUALITIES).

    Returns:
        Conditions (B, CONDITION).
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


def pitch_of(wanted: Tensor) -> Tensor:
    """Read MIDI numbers (B,) out of conditions (B, CONDITION).

    >>> pitch_of(condition(torch.tensor([60]), torch.tensor([3]), torch.tensor([100]), torch.zeros(1, 10))).tolist()
    [60]
    """
    return wanted[:, :PITCHES].argmax(1) + LOWEST


def without_key(wanted: Tensor) -> Tensor:
    """Replace the key in conditions by its neighbourhood, (B, CONDITION): so a key never heard is like its neighbours.

    >>> soft = without_key(condition(torch.tensor([60]), torch.tensor([3]), torch.tensor([9]), torch.zeros(1, 10)))
    >>> [round(float(x), 2) for x in soft[0, 60 - LOWEST - 3 : 60 - LOWEST + 4]]
    [0.61, 0.8, 0.95, 1.0, 0.95, 0.8, 0.61]
    """
    keys = torch.arange(LOWEST, HIGHEST + 1, device=wanted.device)
    near = torch.exp(-0.5 * ((keys - pitch_of(wanted)[:, None]) / 3.0) ** 2)
    return torch.cat([near, wanted[:, PITCHES:]], dim=1)


def conditioned_graphs(function: Callable[[Tensor, Tensor], Tensor], latent: int) -> dict[str, Graph]:
    """Say how a network that is told what to play is exported."""
    wanted = "key and family (one of each is 1), (velocity - 75) / 50, qualities"
    inputs = {
        "latent": Port(("batch", latent), "standard normal"),
        "wanted": Port(("batch", CONDITION), wanted, 0, 1),
    }
    return {MAIN: Graph(function, inputs, magnitude_port(), [{"batch": size} for size in (2, 1, 3)])}


class NoteCgan(nn.Module):
    """The generator.

    Args:
        latent: size of the latent.
        width: channels at full size.
    """

    def __init__(self, latent: int = 64, width: int = 24) -> None:
        super().__init__()
        self.latent = latent
        self.embed = nn.Linear(CONDITION, 96)
        self.painter = Painter(latent + 96, width, pitched=True)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: latents and conditions to magnitudes."""
        return conditioned_graphs(lambda latent, wanted: from_picture(self(latent, wanted)), self.latent)

    def forward(self, latent: Tensor, wanted: Tensor) -> Tensor:
        """Latents (B, latent) and conditions (B, CONDITION) to pictures (B, FOLD, ROWS, COLUMNS)."""
        latent = latent * torch.rsqrt(latent.square().mean(1, keepdim=True) + 1e-6)
        return self.painter(torch.cat([latent, self.embed(without_key(wanted))], dim=1), pitch_of(wanted))


class NoteCgCritic(nn.Module):
    """The critic; needed for training only."""

    def __init__(self, width: int = 24, features: int = 96) -> None:
        super().__init__()
        self.viewer = Viewer(width, features, spread=True, pitched=True)
        self.score = nn.Linear(features, 1)
        self.project = nn.Linear(CONDITION, features, bias=False)
        self.family = nn.Linear(features, FAMILIES)

    def forward(self, picture: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures and conditions to scores (B,) and family logits (B, FAMILIES)."""
        features = F.leaky_relu(self.viewer(picture, pitch_of(wanted)), 0.2)
        match = (self.project(without_key(wanted)) * features).sum(1) / features.shape[1] ** 0.5
        return self.score(features)[:, 0] + match, self.family(features)
