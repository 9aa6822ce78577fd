"""SimpleGAN: the whole of adversarial training on one page, the place to begin reading.

A generator draws spectrograms out of noise; a discriminator learns to tell them from real ones; each improves by the
other. The discriminator is asked to say 1 for real and 0 for drawn; the generator, to be taken for real.

References:
    Goodfellow et al. (2014), Generative adversarial nets, algorithm 1, with the non-saturating loss of section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.dsp.spectrum.style import StyleFrontend
from audiokit.errors import InputError
from audiokit.models.style.simple_gan import SimpleDiscriminator, SimpleGenerator
from audiokit.training.engine.loop import Recipe, update
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.adversarial import discriminator_loss, gan_loss
from audiokit.training.style.data import Crops, Track, open_tracks
from audiokit.training.style.settings import GanSettings

#: Sounds written at every validation.
_HEARD = 4


class Gan(Recipe):
    """Train a generator G and a discriminator D.

    Args:
        tracks: sounds to learn from.
        frontend: what a spectrogram is, and how many frames it has.
        settings: options.
        device: where to train.
        card: fields of the model card (labels, licence, data).
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        *,
        frontend: StyleFrontend,
        settings: GanSettings,
        device: str = "cpu",
        card: Mapping[str, Any] | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.frontend, self.s, self.device, self.card = frontend, settings, torch.device(device), dict(card or {})
        self.crops = Crops(tracks, frontend.frames)
        size = {"bins": frontend.bins, "frames": frontend.frames, "width": settings.width}
        self.G = SimpleGenerator(**size, noise=settings.noise).to(self.device)
        self.D = SimpleDiscriminator(**size).to(self.device)
        self.adam_G, self.adam_D = (
            torch.optim.Adam(network.parameters(), lr=settings.rate, betas=(0.5, 0.999)) for network in (self.G, self.D)
        )

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Teach the discriminator, then the generator."""
        real = torch.from_numpy(self.crops.draw(rng, self.s.batch)).to(self.device)
        fake = self.G(torch.randn(len(real), self.s.noise, device=self.device))
        judged = update(self.adam_D, discriminator_loss(self.D, real, fake, kind="vanilla"))
        fooled = update(self.adam_G, gan_loss(self.D(fake), True, kind="vanilla"))
        return {"discriminator": judged, "generator": fooled}

    def modules(self) -> dict[str, nn.Module]:
        """Both networks."""
        return {"G": self.G, "D": self.D}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One Adam each."""
        return {"G": self.adam_G, "D": self.adam_D}

    def averaged(self) -> tuple[str, ...]:
        """Only the generator is used afterwards."""
        return ("G",)

    def settings(self) -> dict[str, Any]:
        """All options: a resumed run must share them."""
        return {**asdict(self.s), "frontend": str(self.frontend)}

    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Write a few sounds; compare mean and spread of every row with those of real spectrograms, in dB."""
        from audiokit.io.audio import write
        from audiokit.models.style.drawing import to_audio

        rng = np.random.default_rng(0)
        z = torch.from_numpy(rng.standard_normal((16, self.s.noise)).astype(np.float32)).to(self.device)
        fake, real = self.G(z).cpu().numpy(), self.crops.draw(rng, 16)
        for k, drawn in enumerate(fake[:_HEARD]):
            target = folder / "samples" / f"{step:08d}-{k}.wav"
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target, to_audio(drawn[0], self.frontend), self.frontend.transform.rate, force=True)
        slope = self.frontend.transform.slope
        rows = [(x.mean(axis=(0, 1, 3)) / slope, x.std(axis=(0, 1, 3)) / slope) for x in (fake, real)]
        mean, spread = (float(np.abs(a - b).mean()) for a, b in zip(*rows, strict=True))
        return {"mean_db": mean, "spread_db": spread}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the generator as a model folder."""
        from audiokit.training.engine.export import place_model

        card = {"kind": "draw", "architecture": "simple-gan", "settings": self.G.settings}
        place_model(folder, self.G, {**card, "frontend": self.frontend.to_dict(), **self.card})


def train_gan(inputs: Sequence[str], *, settings: GanSettings, frontend: StyleFrontend, run: RunOptions) -> None:
    """Train on folders of audio or chunk sets, and say where the model is.

    Raises:
        InputError: too little sound, or the folder holds a run that is not to be resumed.
    """
    folder = run.check_folder()
    tracks = [track for source in inputs for track in open_tracks(source, frontend, cache=folder / "cache")]
    per_second = frontend.transform.rate / frontend.transform.hop
    found, needed = sum(track.frames for track in tracks) / per_second, frontend.frames / per_second
    if found < needed:
        raise InputError(
            f"{inputs[0]}: {found:.1f} s of sound, but one spectrogram is {needed:.1f} s",
            hint="give more audio, or shorter spectrograms with --frames",
        )
    card = run.card(minutes=round(found / 60, 1))
    recipe = Gan(tracks, frontend=frontend, settings=settings, device=run.place(), card=card)
    values = run.fit(recipe, steps=20_000, validate_every=500, log_every=min(50, run.validate_every or 50))
    run.tell(values, then=f"audiokit generate --model {run.out} --count 8 -o drawn/")
