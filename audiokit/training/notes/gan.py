"""Training of the note GANs, unconditional and conditional.

References:
    Mescheder et al. (2018), Which training methods for GANs do actually converge? (non-saturating loss, R1 penalty).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audiokit.models.notes import cgan as note_cgan
from audiokit.models.notes import gan as note_gan
from audiokit.training.engine.loop import update
from audiokit.training.notes.pictures import NoteSounds, TimedRecipe, write_samples


@dataclass
class NoteGanSettings:
    """What decides a training run.

    Attributes:
        conditional: pitch, family, velocity and qualities as conditions, or none.
        latent, width: of the network.
        batch: notes per step.
        rate: learning rate of both networks.
        penalty: weight of the R1 penalty.
        penalty_every: steps between penalties, which are weighted up by that.
        family: weight of naming the family (conditional only).
    """

    conditional: bool = True
    latent: int = 64
    width: int = 24
    batch: int = 16
    rate: float = 2e-3
    penalty: float = 2.0
    penalty_every: int = 16
    family: float = 0.5


class NoteGanRecipe(TimedRecipe):
    """One step trains the critic on a batch of real and painted notes, then the generator through the critic."""

    def __init__(self, sounds: NoteSounds, settings: NoteGanSettings, *, device: str = "cpu", seed: int = 0) -> None:
        torch.manual_seed(seed)
        super().__init__()
        self.sounds, self.choices, self.device = sounds, settings, torch.device(device)
        self.train = np.flatnonzero(~sounds.held_out)
        self.generator: nn.Module
        self.critic: nn.Module
        if settings.conditional:
            self.generator = note_cgan.NoteCgan(settings.latent, settings.width)
            self.critic = note_cgan.NoteCgCritic(settings.width)
        else:
            self.generator = note_gan.NoteGan(settings.latent, settings.width)
            self.critic = note_gan.NoteCritic(settings.width)
        self.generator.to(self.device)
        self.critic.to(self.device)
        adam = {"lr": settings.rate, "betas": (0.0, 0.99)}
        self.paint = torch.optim.Adam(self.generator.parameters(), **adam)  # type: ignore[arg-type]
        self.judge = torch.optim.Adam(self.critic.parameters(), **adam)  # type: ignore[arg-type]

    def modules(self) -> dict[str, nn.Module]:
        """Generator and critic."""
        return {"generator": self.generator, "critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One for each."""
        return {"generator": self.paint, "critic": self.judge}

    def averaged(self) -> Sequence[str]:  # type: ignore[override]
        """Only the generator is used afterwards."""
        return ("generator",)

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share."""
        return {**vars(self.choices), "notes": len(self.sounds)}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Judge, then paint."""
        self.steps_taken += 1
        real, wanted = (x.to(self.device) for x in self._draw(rng))
        with torch.no_grad():
            fake = self._paint(len(real), wanted)
        punish = step % self.choices.penalty_every == 0
        real.requires_grad_(punish)
        real_score, real_family = self._score(real, wanted)
        fake_score, _ = self._score(fake, wanted)
        loss = F.softplus(-real_score).mean() + F.softplus(fake_score).mean()
        if punish:
            (slope,) = torch.autograd.grad(real_score.sum(), real, create_graph=True)
            weight = 0.5 * self.choices.penalty * self.choices.penalty_every
            loss = loss + weight * slope.square().sum((1, 2, 3)).mean()
        names = wanted[:, note_cgan.PITCHES : note_cgan.PITCHES + note_cgan.FAMILIES].argmax(1)
        if real_family is not None:
            loss = loss + self.choices.family * F.cross_entropy(real_family, names)
        losses: dict[str, float | Tensor] = {"critic": update(self.judge, loss, clip=10.0)}
        score, family = self._score(self._paint(len(real), wanted), wanted)
        loss = F.softplus(-score).mean()
        if family is not None:
            named = F.cross_entropy(family, names)
            losses["family"] = named.detach()
            loss = loss + self.choices.family * named
        losses["generator"] = update(self.paint, loss, clip=10.0)
        losses["score"] = (real_score.mean() - fake_score.mean()).detach()
        return losses

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Write four notes to hear, and compare levels of painted and real notes."""
        rng = np.random.default_rng(0)
        real, wanted = (x.to(self.device) for x in self._draw(rng, count=16))
        torch.manual_seed(0)
        fake = self._paint(len(real), wanted)
        write_samples(folder, step, fake)
        return {"mean_profile": float((real.mean((0, 3)) - fake.mean((0, 3))).abs().mean())}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.engine.export import place_model

        c = self.choices
        card = {
            "architecture": "note-cgan" if c.conditional else "note-gan",
            "settings": {"latent": c.latent, "width": c.width},
            "kind": "generate",
            "training": self.effort(),
            **self.sounds.card,
        }
        place_model(folder, self.generator, card, dtype="float16")

    def _draw(self, rng: np.random.Generator, count: int | None = None) -> tuple[Tensor, Tensor]:
        index = rng.choice(self.train, count or self.choices.batch)
        return self.sounds.batch(index, rng, processed=0.3 if self.choices.conditional else 0.0)

    def _paint(self, count: int, wanted: Tensor) -> Tensor:
        latent = torch.randn(count, self.choices.latent, device=self.device)
        return self.generator(latent, wanted) if self.choices.conditional else self.generator(latent)

    def _score(self, picture: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.choices.conditional:
            return self.critic(picture, wanted)
        return self.critic(picture), None
