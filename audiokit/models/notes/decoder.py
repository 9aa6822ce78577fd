"""The note model behind `generate`: from (latent, pitch, velocity) to partials and noise bands on a comb.

An encoder hears one note of an instrument and places the instrument in a small latent space; the decoder tells
what any other note of it is made of: levels of partials and noise bands over time, how far partials lie from the
harmonic series, beating, vibrato. Pitch is given structurally: partials are numbered, not placed, and the
renderer (`audiokit.dsp.notes.additive`) puts them where the pitch wants them, so every pitch is exact.

The latent prior is a mixture with one component per training instrument, so a random latent is always an
instrument or lies between two of one family.

References:
    Engel et al. (2020), DDSP: differentiable digital signal processing (harmonics plus noise as a decoder's output).
    Kingma and Welling (2014), Auto-encoding variational Bayes.
    Tomczak and Welling (2018), VAE with a VampPrior (a mixture prior made from encoded examples).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audiokit.models.folder.graph import MAIN, Graph, Port
from audiokit.models.notes.touch import N_TOUCH

CHANNELS = 52 + 37 + 12  # groups of partials, noise bands, places halfway between partials: audiokit.dsp.notes.notes
FRAMES = 72 + 16  # held, released
CONSTANTS = 32 + 52 + 6  # deviations, beating per group, and six numbers: audiokit.models.notes.scale


class Block(nn.Module):
    """A residual block whose middle is scaled and shifted by the condition."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.into = nn.Linear(width, width)
        self.style = nn.Linear(condition, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """Pass features (B, W) under a condition (B, C)."""
        scale, shift = self.style(c).chunk(2, dim=-1)
        return x + self.out(F.gelu(self.into(self.norm(x)) * (1 + scale) + shift))


class NoteDecoder(nn.Module):
    """A conditional variational autoencoder of note descriptions.

    Args:
        latent: size of the latent.
        width: width of the hidden layers.
        depth: residual blocks in the decoder; the encoder has half as many.
        basis: shapes in time and channel that every description is a sum of.
        instruments: components of the prior.
        touch: keep how each instrument answers the velocity (`audiokit.models.notes.touch`)?
    """

    centres: Tensor
    scatter: Tensor

    def __init__(
        self, latent: int = 24, width: int = 448, depth: int = 4, basis: int = 192, instruments: int = 1,
        touch: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.latent = latent
        self.basis = nn.Linear(basis, CHANNELS * FRAMES)
        self.constant_mean = nn.Parameter(torch.zeros(CONSTANTS))
        condition = 256
        self.place = nn.Sequential(nn.Linear(18, 64), nn.GELU())
        self.heard = nn.Linear(basis + CONSTANTS + 2, width)
        self.listen = nn.ModuleList([Block(width, 64) for _ in range(depth // 2)])
        self.summary = nn.Linear(width, 2 * latent)
        self.condition = nn.Sequential(nn.Linear(latent + 64, condition), nn.GELU())
        self.start = nn.Linear(condition, width)
        self.blocks = nn.ModuleList([Block(width, condition) for _ in range(depth)])
        self.weights = nn.Linear(width, basis)
        self.constants = nn.Linear(width, CONSTANTS)
        # The prior: where the training instruments lie, and how far their own notes scatter.
        self.register_buffer("centres", torch.zeros(instruments, latent))
        self.register_buffer("scatter", torch.ones(instruments, latent))
        if touch:
            self.register_buffer("touch", torch.zeros(instruments, N_TOUCH))

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the decoder, and the encoder's mean."""
        latent = Port(("batch", self.latent), "place of an instrument", -3, 3)
        note = {"pitch": Port(("batch",), "MIDI number", 24, 96), "velocity": Port(("batch",), "1 to 127", 1, 127)}
        said = {
            "levels": Port(("batch", CHANNELS, FRAMES), "of partials and noise bands, (dB + 60) / 30"),
            "constants": Port(("batch", CONSTANTS), "deviations, beating and six numbers, scaled"),
        }
        seen = Port(("batch", 2), "seconds / 3 and kHz / 16 of what there was to measure", 0, 1)
        sizes = [{"batch": size} for size in (2, 1, 7)]
        return {
            MAIN: Graph(self.forward, {"latent": latent, **note}, said, sizes),
            "encode": Graph(
                lambda *inputs: self.encode(*inputs)[0], {**said, **note, "seen": seen}, {"latent": latent}, sizes
            ),
        }

    def encode(
        self, frames: Tensor, constants: Tensor, pitch: Tensor, velocity: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Place a note in the latent space.

        Args:
            frames: levels (B, CHANNELS, FRAMES), scaled.
            constants: (B, CONSTANTS), scaled.
            pitch: MIDI numbers (B,).
            velocity: 1..127 (B,).
            seen: (B, 2): seconds / 3 and kHz / 16 of the note that there were to measure.

        Returns:
            Mean and log variance (B, latent).
        """
        c = self.place(_place(pitch, velocity))  # (B, 64)
        weights = (frames.flatten(1) - self.basis.bias) @ self.basis.weight  # (B, basis)
        x = self.heard(torch.cat([weights / 8, constants - self.constant_mean, seen], dim=1))  # (B, W)
        for block in self.listen:
            x = block(x, c)
        mean, variance = self.summary(F.gelu(x)).chunk(2, dim=1)
        return mean, variance.clamp(-8, 4)

    def forward(
        self, latent: Tensor, pitch: Tensor, velocity: Tensor, *, frames: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Describe notes.

        Args:
            latent: (B, latent).
            pitch: MIDI numbers (B,).
            velocity: 1..127 (B,).
            frames: indices (N,) of the times wanted; None for all.

        Returns:
            Levels (B, CHANNELS, N) and constants (B, CONSTANTS), scaled as `audiokit.models.notes.scale` says.
        """
        c = self.condition(torch.cat([latent, self.place(_place(pitch, velocity))], dim=1))  # (B, 256)
        x = self.start(c)  # (B, W)
        for block in self.blocks:
            x = block(x, c)
        x = F.gelu(x)
        weight, bias = self.basis.weight, self.basis.bias
        if frames is not None:
            weight = weight.unflatten(0, (CHANNELS, FRAMES))[:, frames].flatten(0, 1)
            bias = bias.unflatten(0, (CHANNELS, FRAMES))[:, frames].flatten()
        levels = F.linear(8 * self.weights(x), weight, bias).unflatten(1, (CHANNELS, -1))  # (B, CHANNELS, N)
        return levels, self.constant_mean + self.constants(x)


def _place(pitch: Tensor, velocity: Tensor) -> Tensor:
    """Features of pitch and velocity (B, 18): numbers, and soft steps along the keyboard."""
    p, v = (pitch.float() - 60) / 36, (velocity.float() - 75) / 50
    steps = torch.linspace(-1, 1, 13, device=p.device)
    bumps = torch.exp(-0.5 * ((p[:, None] - steps) / 0.12) ** 2)
    return torch.cat([torch.stack([p, p**2, v, v**2, p * v], dim=1), bumps], dim=1)
