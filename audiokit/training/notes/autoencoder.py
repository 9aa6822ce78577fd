"""Training of the deep note autoencoder and of its prior."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audiokit.models.notes.autoencoder import KEPT, NoteAutoencoder
from audiokit.training.engine.loop import OneNetwork, update
from audiokit.training.notes.pictures import NoteSounds, TimedRecipe, write_samples


@dataclass
class NoteAutoencoderSettings:
    """What decides a training run.

    Attributes:
        latent: 16 to 384.
        width: of the network.
        batch: notes per step.
        rate: learning rate.
        small: weight that keeps latents small and close together.
    """

    latent: int = 128
    width: int = 24
    batch: int = 16
    rate: float = 2e-3
    small: float = 1e-4


class NoteAutoencoderRecipe(TimedRecipe, OneNetwork):
    """Learn to give notes back through a small latent; fit the prior at every validation."""

    called = "note_autoencoder"

    def __init__(
        self, sounds: NoteSounds, settings: NoteAutoencoderSettings, *, device: str = "cpu", seed: int = 0
    ) -> None:
        torch.manual_seed(seed)
        super().__init__()
        self.sounds, self.choices, self.device = sounds, settings, torch.device(device)
        self.train, self.test = np.flatnonzero(~sounds.held_out), np.flatnonzero(sounds.held_out)
        self.network = NoteAutoencoder(settings.latent, settings.width).to(self.device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), settings.rate, weight_decay=1e-3)

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share."""
        return {**vars(self.choices), "notes": len(self.sounds)}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Give one batch back."""
        self.steps_taken += 1
        index = rng.choice(self.train, self.choices.batch)
        picture, wanted = (x.to(self.device) for x in self.sounds.batch(index, rng, processed=0.2))
        latent = self.network.encode(picture, wanted)
        error = (self.network(latent, wanted) - picture).abs().mean()
        size = latent.square().mean()
        update(self.optimizer, error + self.choices.small * size, clip=1.0)
        return {"error": error.detach(), "latent": size.detach()}

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Fit the prior, measure held-out notes, and write four notes drawn from the prior."""
        self._fit_prior()
        some = self.test[:: max(1, len(self.test) // 64)] if len(self.test) else self.train[:64]
        picture, wanted = (x.to(self.device) for x in self.sounds.batch(some))
        error = (self.network(self.network.encode(picture, wanted), wanted) - picture).abs().mean()
        torch.manual_seed(0)
        drawn = self.network.draw(torch.randn(4, self.choices.latent, device=self.device), wanted[:4])
        write_samples(folder, step, self.network(drawn, wanted[:4]))
        return {"held_out": float(error)}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.engine.export import place_model

        c = self.choices
        card = {
            "architecture": "note-autoencoder",
            "settings": {"latent": c.latent, "width": c.width},
            "kind": "generate",
            "training": self.effort(),
            **self.sounds.card,
        }
        place_model(folder, self.network, card, dtype="float16")

    @torch.no_grad()
    def _fit_prior(self) -> None:
        part = self.train[:: max(1, len(self.train) // KEPT)]
        latents, rows = [], []
        for start in range(0, len(part), 16):
            picture, wanted = self.sounds.batch(part[start : start + 16])
            latents.append(self.network.encode(picture.to(self.device), wanted.to(self.device)))
            rows.append(wanted.to(self.device))
        self.network.fit_prior(torch.cat(latents), torch.cat(rows))
