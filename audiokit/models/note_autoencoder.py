"""A deep autoencoder of instrument notes with a small latent, and a prior from which latents are drawn.

The prior is linear and Gaussian: a latent's mean follows from pitch, family and velocity, fitted on the training
notes, its scatter around that mean is one covariance. So random latents sound like notes, and a note can be
asked for although the decoder itself knows nothing but the latent.

References:
    Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.models.note_cgan import FAMILIES, PITCHES, QUALITIES
from audiokit.models.note_layers import Painter, Viewer


class NoteAutoencoder(nn.Module):
    """Encoder, decoder and prior.

    Args:
        latent: size of the latent.
        width: channels at full size.
    """

    prior_mean: Tensor
    prior_scatter: Tensor

    def __init__(self, latent: int = 128, width: int = 16) -> None:
        super().__init__()
        self.latent = latent
        self.viewer = Viewer(width, latent)
        self.painter = Painter(latent, width)
        self.register_buffer("prior_mean", torch.zeros(PITCHES + FAMILIES + 1 + QUALITIES + 1, latent))
        self.register_buffer("prior_scatter", torch.eye(latent))

    def encode(self, picture: Tensor) -> Tensor:
        """Pictures (B, 8, 128, 128) to latents (B, latent)."""
        return self.viewer(picture)

    def forward(self, latent: Tensor) -> Tensor:
        """Latents (B, latent) to pictures (B, 8, 128, 128)."""
        return self.painter(latent)

    def draw(self, noise: Tensor, wanted: Tensor) -> Tensor:
        """Turn standard normal noise (B, latent) and conditions (`note_cgan.condition`) into latents."""
        rows = torch.cat([wanted, torch.ones(len(wanted), 1)], dim=1)
        return rows @ self.prior_mean + noise @ self.prior_scatter.T

    @torch.no_grad()
    def fit_prior(self, latents: Tensor, wanted: Tensor, *, ridge: float = 1.0) -> None:
        """Fit the prior to encoded notes (N, latent) and their conditions (N, ...)."""
        rows = torch.cat([wanted, torch.ones(len(wanted), 1)], dim=1).double()
        gram = rows.T @ rows + ridge * torch.eye(rows.shape[1], dtype=torch.float64)
        mean = torch.linalg.solve(gram, rows.T @ latents.double())
        rest = latents.double() - rows @ mean
        covariance = rest.T @ rest / max(len(rest) - 1, 1) + 1e-6 * torch.eye(rest.shape[1], dtype=torch.float64)
        self.prior_mean.copy_(mean.float())
        self.prior_scatter.copy_(torch.linalg.cholesky(covariance).float())
