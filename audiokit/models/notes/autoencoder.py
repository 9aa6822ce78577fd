"""A deep autoencoder of instrument notes with a small latent, and a prior from which latents are drawn.

Encoder and decoder know the note's pitch (as a comb, `audiokit.models.notes.layers`), so the latent is left with the
sound. The prior keeps the latents of training notes with their labels: a draw starts at the latent of a note of the
wanted family near the wanted pitch and velocity, and strays from it as far as its family's notes scatter.

References:
    Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks.
    Tomczak and Welling (2018), VAE with a VampPrior (a mixture prior made from encoded examples).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.models.folder.graph import Graph
from audiokit.models.notes.cgan import CONDITION, FAMILIES, PITCHES, conditioned_graphs, pitch_of
from audiokit.models.notes.layers import Painter, Viewer, from_picture

#: Latents the prior keeps.
KEPT = 2048
_STRAY = 0.35


class NoteAutoencoder(nn.Module):
    """Encoder, decoder and prior.

    Args:
        latent: size of the latent.
        width: channels at full size.
    """

    prior: Tensor
    labels: Tensor
    scatter: Tensor

    def __init__(self, latent: int = 128, width: int = 24) -> None:
        super().__init__()
        self.latent = latent
        self.viewer = Viewer(width, latent, pitched=True)
        self.painter = Painter(latent, width, pitched=True)
        self.register_buffer("prior", torch.zeros(KEPT, latent))
        self.register_buffer("labels", torch.zeros(KEPT, CONDITION))
        self.register_buffer("scatter", torch.ones(FAMILIES, latent))

    def graphs(self) -> dict[str, Graph]:
        """What is exported: noise and conditions to magnitudes, by a draw from the prior."""
        return conditioned_graphs(
            lambda noise, wanted: from_picture(self(self.draw(noise, wanted), wanted)), self.latent
        )

    def encode(self, picture: Tensor, wanted: Tensor) -> Tensor:
        """Pictures (B, FOLD, ROWS, COLUMNS) and conditions (`note_cgan.condition`) to latents (B, latent)."""
        return self.viewer(picture, pitch_of(wanted))

    def forward(self, latent: Tensor, wanted: Tensor) -> Tensor:
        """Latents (B, latent) and conditions (B, CONDITION) to pictures (B, FOLD, ROWS, COLUMNS)."""
        return self.painter(latent, pitch_of(wanted))

    def draw(self, noise: Tensor, wanted: Tensor) -> Tensor:
        """Turn standard normal noise (B, latent) and conditions (B, CONDITION) into latents (B, latent)."""
        apart = (pitch_of(wanted)[:, None] - pitch_of(self.labels)).float()
        family, velocity = slice(PITCHES, PITCHES + FAMILIES), PITCHES + FAMILIES
        alike = wanted[:, family] @ self.labels[:, family].T
        harder = wanted[:, None, velocity] - self.labels[:, velocity]
        qualities = (wanted[:, None, velocity + 1 :] - self.labels[:, velocity + 1 :]).abs().sum(2)
        chance = 8 * alike - 0.5 * (apart / 3) ** 2 - 0.5 * (harder / 0.3) ** 2 - 4 * qualities
        until = chance.softmax(1).cumsum(1)
        # One of the normal numbers chooses the note, all of them stray from it.
        place = 0.5 * (1 + torch.erf(noise[:, :1] / 2**0.5)) * until[:, -1:]
        chosen = (until < place).sum(1).clamp(max=len(self.prior) - 1)
        return self.prior[chosen] + _STRAY * noise * (wanted[:, family] @ self.scatter)

    @torch.no_grad()
    def fit_prior(self, latents: Tensor, wanted: Tensor) -> None:
        """Keep the latents of notes (N, latent) and their conditions (N, CONDITION); few are repeated."""
        rows = torch.arange(KEPT) * len(latents) // KEPT if len(latents) >= KEPT else torch.arange(KEPT) % len(latents)
        self.prior.copy_(latents[rows])
        self.labels.copy_(wanted[rows])
        family = wanted[:, PITCHES : PITCHES + FAMILIES]
        count = family.sum(0)[:, None]
        centre = family.T @ latents / count.clamp(min=1)
        apart = (latents - family @ centre).square()
        own = (family.T @ apart / count.clamp(min=1)).sqrt()
        self.scatter.copy_(torch.where(count > 4, own, latents.std(0, unbiased=False)))
