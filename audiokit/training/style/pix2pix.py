"""Pix2pix: learn a transfer from pairs, the same pieces on both sides.

Adversarial loss on (input, output) patches plus L1 to the true output, both generator and discriminator in one
step. Without a discriminator (`adversarial` 0) it is plain regression, which measures best and sounds duller.

References:
    Isola, Zhu, Zhou and Efros (2017), Image-to-image translation with conditional adversarial networks, eq. 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.dsp.spectrum.style import StyleFrontend
from audiokit.models.style.image_layers import init_weights
from audiokit.models.style.patchgan import PatchGan
from audiokit.models.style.style_models import seen
from audiokit.training.engine.loop import update
from audiokit.training.style.adversarial import discriminator_loss, freeze, gan_loss
from audiokit.training.style.data import PairedCrops, Track
from audiokit.training.style.recipe import StyleRecipe
from audiokit.training.style.settings import Pix2PixSettings
from audiokit.training.style.style import (
    as_batch,
    copy_weights,
    generator_settings,
    make_generator,
    paired_distance,
    save_model,
    write_samples,
)


class Pix2Pix(StyleRecipe):
    """Train one generator on pairs.

    Args:
        a, b: the same pieces before and after, tracks paired by name.
        frontend: what the model sees.
        settings: options.
        device: where to train.
        held: pairs that are kept out of training, measured and written as samples at every validation.
        card: fields of the model card (names, licence, data).
    """

    def __init__(
        self,
        a: Sequence[Track],
        b: Sequence[Track],
        *,
        frontend: StyleFrontend,
        settings: Pix2PixSettings,
        device: str = "cpu",
        held: tuple[Sequence[Track], Sequence[Track]] = ((), ()),
        card: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(frontend, settings, device=device, held=held, card=card)
        self.s, self.crops = settings, PairedCrops(a, b, frontend.frames)
        options = generator_settings(settings)
        self.G, self.architecture = make_generator(settings.generator, frontend, options)
        if settings.start:
            copy_weights(settings.start, self.G)
        channels = 2 + frontend.position
        self.D = PatchGan(input_nc=channels, ndf=settings.ndf, n_layers=settings.layers, norm=settings.norm)
        init_weights(self.D)
        for network in (self.G, self.D):
            network.to(self.device)
        self.step_G = self.muon(self.G) if settings.optimizer == "muon" else self.adam(self.G)
        self.step_D = self.adam(self.D)

    def modules(self) -> dict[str, nn.Module]:
        """The generator and, if it takes part, the discriminator."""
        return {"G": self.G, "D": self.D} if self.s.adversarial else {"G": self.G}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One each; the discriminator has Adam."""
        return {"G": self.step_G, "D": self.step_D} if self.s.adversarial else {"G": self.step_G}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Update the discriminator on a batch, then the generator on the same."""
        x, y = self._draw(rng)
        view = seen(x, self.frontend)
        fake = self.G(view)
        distance = functional.l1_loss(fake, y)
        if not self.s.adversarial:
            update(self.step_G, distance)
            return {"l1": distance.detach()}
        freeze([self.D], False)
        pair, pair_fake = torch.cat([view, y], 1), torch.cat([view, fake], 1)
        loss_D = update(self.step_D, discriminator_loss(self.D, pair, pair_fake, kind=self.s.gan))
        freeze([self.D], True)
        judged = gan_loss(self.D(pair_fake), True, kind=self.s.gan)
        update(self.step_G, self.s.adversarial * judged + self.s.l1 * distance)
        return {"l1": distance.detach(), "adversarial": judged.detach(), "discriminator": loss_D}

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        s, slope = self.s, self.frontend.transform.slope
        x, y = self.crops.draw(rng, s.batch)
        if s.eq_db:
            x = np.where(x > -1, x + random_filter(rng, self.frontend.bins, s.eq_db)[:, None] * slope, x)
        quieter = float(rng.uniform(0, s.level_db)) * slope if s.level_db else 0.0
        return tuple(as_batch(np.maximum(side - quieter, -1), self.device) for side in (x, y))  # type: ignore

    def answer(self, x: Tensor) -> Tensor:
        """Map pictures (B, 1, bins, N) to pictures."""
        return self.G(seen(x, self.frontend))

    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure the distance on held-out pairs and write the first two as samples."""
        write_samples(folder, step, self.answer, self.held[0][:2], self.frontend, name="G")
        return paired_distance(self.answer, self.held, self.frontend, self.device)

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the generator as a model folder."""
        save_model(folder, self.G, self.architecture, self.frontend, self.card)


def random_filter(rng: np.random.Generator, bins: int, strength_db: float, *, points: int = 7) -> np.ndarray:
    """Draw a smooth random gain (bins,) in dB, its mean zero, through points of a normal distribution.

    >>> random_filter(np.random.default_rng(0), 128, 6.0).shape
    (128,)
    """
    gain = np.interp(np.linspace(0, points - 1, bins), np.arange(points), rng.normal(0, strength_db, points))
    return (gain - gain.mean()).astype(np.float32)
