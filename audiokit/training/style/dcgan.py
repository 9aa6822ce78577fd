"""Training of the DCGAN of spectrogram chunks that `audiokit morph --engine latent --model` uses.

References:
    Radford, Metz and Chintala (2016), section 4 (Adam, 0.0002, 0.5); Larsen et al. (2016) (the rebuilding term).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.dsp.spectrum.style import StyleFrontend, standard_frontend
from audiokit.models.style.dcgan import Dcgan, Viewer
from audiokit.training.engine.loop import Recipe, update
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.adversarial import discriminator_loss, freeze, gan_loss
from audiokit.training.style.data import Crops, Track, open_tracks
from audiokit.training.style.settings import DcganSettings

#: Steps without --steps; minutes end a run earlier.
STEPS = 20_000


class DcganRecipe(Recipe):
    """One step trains the critic on real and painted chunks, then generator and encoder through it.

    Args:
        tracks: sounds to learn from.
        held: sounds to measure on, never learnt from.
        frontend: what a chunk is.
        settings: sizes and weights.
        card: labels, licence and the like for the model card.
    """

    def __init__(
        self, tracks: Sequence[Track], held: Sequence[Track], frontend: StyleFrontend, settings: DcganSettings,
        *, device: str = "cpu", seed: int = 0, card: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.held, self.frontend, self.choices = list(held), frontend, settings
        self.device, self.card = torch.device(device), card or {}
        self.crops = Crops(tracks, settings.frames)
        size = {"width": settings.width, "bins": frontend.bins, "frames": settings.frames}
        self.network = Dcgan(settings.latent, **size).to(self.device)
        self.critic = Viewer(1, **size).to(self.device)
        for module in (self.network, self.critic):
            for layer in module.modules():
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                    nn.init.normal_(layer.weight, 0.0, 0.02)
        adam = {"lr": settings.rate, "betas": (0.5, 0.999)}
        self.paint = torch.optim.Adam(self.network.parameters(), **adam)  # type: ignore[arg-type]
        self.judge = torch.optim.Adam(self.critic.parameters(), **adam)  # type: ignore[arg-type]

    def modules(self) -> dict[str, nn.Module]:
        """Generator with encoder, and critic."""
        return {"dcgan": self.network, "critic": self.critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One for each."""
        return {"dcgan": self.paint, "critic": self.judge}

    def averaged(self) -> tuple[str, ...]:
        """Only generator and encoder are used afterwards."""
        return ("dcgan",)

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share."""
        return {**asdict(self.choices), "frontend": self.frontend.to_dict()}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Judge, then paint and rebuild."""
        real = self._draw(rng, self.choices.batch)
        fake = self.network(torch.randn(len(real), self.choices.latent, device=self.device))
        freeze([self.critic], False)
        judged = update(self.judge, discriminator_loss(self.critic, real, fake, kind="vanilla"))
        losses: dict[str, float | Tensor] = {"critic": judged}
        freeze([self.critic], True)
        loss = gan_loss(self.critic(fake), True, kind="vanilla")
        losses["generator"] = loss.detach()
        if self.choices.rebuild:
            difference = (self.network(self.network.encode(real)) - real).abs().mean()
            losses["rebuild_db"] = difference.detach() / self.frontend.transform.slope
            loss = loss + self.choices.rebuild * difference
        update(self.paint, loss)
        return losses

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure how far chunks of held-out sounds are from what they become; draw chunks that were never heard."""
        from audiokit.io.image import save_spectrogram

        rng = np.random.default_rng(0)
        latent = torch.from_numpy(rng.standard_normal((4, self.choices.latent)).astype(np.float32))
        t = self.frontend.transform
        row = np.concatenate(list(self.network(latent.to(self.device))[:, 0].cpu().numpy()), axis=1)
        (folder / "samples").mkdir(exist_ok=True)
        centres = (t.filters @ np.arange(t.n_fft // 2 + 1)) / np.maximum(t.filters.sum(axis=1), 1e-12)
        save_spectrogram(
            folder / f"samples/{step:08d}.png", (row[None] - np.float32(t.offset)) / np.float32(t.slope),
            seconds=row.shape[1] * t.hop / t.rate, frequencies_hz=centres * t.rate / t.n_fft, axis="mel",
            title="four drawn chunks", force=True,
        )  # fmt: skip
        rows = [track.cut(0, self.choices.frames) for track in self.held[:64]]
        if not rows:
            return {}
        real = torch.from_numpy(np.stack(rows))[:, None].to(self.device)
        difference = (self.network(self.network.encode(real)) - real).abs().mean()
        return {"held_out_rebuild_db": float(difference) / t.slope}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.engine.export import place_model

        card = {
            "architecture": "dcgan",
            "settings": self.network.settings,
            "kind": "morph",
            "frontend": self.frontend.to_dict(),
            **self.card,
        }
        place_model(folder, self.network, card, dtype="float16")

    def _draw(self, rng: np.random.Generator, count: int) -> Tensor:
        """Cut chunks (B, 1, bins, frames); some begin before their sound does, so that attacks come everywhere."""
        frames = self.choices.frames
        early = [int(rng.integers(-frames // 2, 1)) if rng.random() < 0.25 else 0 for _ in range(count)]
        places = self.crops.places(rng, count)
        cuts = [self.crops.tracks[k].cut(e or s, frames) for (k, s), e in zip(places, early, strict=True)]
        return torch.from_numpy(np.stack(cuts))[:, None].to(self.device)


def train_dcgan(
    inputs: Sequence[str], held_out: Sequence[str], settings: DcganSettings, *, preset: str, run: RunOptions
) -> dict[str, float]:
    """Train on files and folders of audio or chunk sets, and say where the model is.

    Args:
        inputs: what to learn from.
        held_out: what to measure on, never learnt from.
        settings: sizes and weights.
        preset: mel or magnitude preset in dB that makes the chunks.
        run: how long, where, and what goes into the model card.

    Returns:
        The last measurements, with step and seconds.

    Raises:
        InputError: there is no sound, or a run is there already.
        ModelError: the preset gives no picture in dB.
    """
    folder = run.check_folder()
    frontend = standard_frontend(preset=preset, frames=settings.frames)
    cache = folder / "cache"
    tracks, held = (
        [track for path in paths for track in open_tracks(path, frontend, cache=cache)] for paths in (inputs, held_out)
    )
    minutes = sum(track.frames for track in tracks) * frontend.transform.hop / frontend.transform.rate / 60
    card = run.card(sounds=len(tracks), minutes=round(minutes, 1))
    recipe = DcganRecipe(tracks, held, frontend, settings, device=run.place(), seed=run.seed, card=card)
    values = run.fit(recipe, steps=STEPS, validate_every=min(500, run.steps or STEPS))
    run.tell(values, then=f"audiokit morph A B -o C --engine latent --model {run.out}")
    return values
