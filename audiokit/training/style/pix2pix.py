"""Pix2pix: learn a transfer from pairs, the same pieces on both sides.

Adversarial loss on (input, output) patches plus L1 to the true output, both generator and discriminator in one
step. Without a discriminator (`adversarial` 0) it is plain regression, which measures best and sounds duller. Between
the two lies the distance of the discriminator's features (`matching`).

References:
    Isola, Zhu, Zhou and Efros (2017), Image-to-image translation with conditional adversarial networks, eq. 4; Wang et
    al. (2018), High-resolution image synthesis and semantic manipulation with conditional GANs, eq. 4 (features).
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

#: Weight of the chroma that is missing, beside that of the distance.
_HOLD = 3.0
#: Weight of rises beside that of spreads: a row rises by a few hundredths a frame, and is a few tenths wide.
_STEEP = 4.0


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
        self.likeness = ChromaLikeness(frontend).to(self.device)

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
        loss = distance + self._besides(x, fake, y)
        if not self.s.adversarial:
            update(self.step_G, loss)
            return {"l1": distance.detach()}
        freeze([self.D], False)
        pair, pair_fake = torch.cat([view, y], 1), torch.cat([view, fake], 1)
        loss_D = update(self.step_D, discriminator_loss(self.D, pair, pair_fake, kind=self.s.gan))
        freeze([self.D], True)
        *features, logits = self.D.features(pair_fake)
        judged = gan_loss(logits, True, kind=self.s.gan)
        verdict = self.s.adversarial * judged
        if self.s.matching:
            with torch.no_grad():
                wanted = self.D.features(pair)[:-1]
            verdict = verdict + self.s.matching * mean_distance(features, wanted)
        update(self.step_G, verdict + self.s.l1 * loss)
        return {"l1": distance.detach(), "adversarial": judged.detach(), "discriminator": loss_D}

    def _besides(self, x: Tensor, fake: Tensor, y: Tensor) -> Tensor:
        """Measure what is asked for beside the distance of pixels."""
        loss = fake.new_zeros(())
        if self.s.coarse:
            loss = loss + self.s.coarse * coarse_distance(fake, y)
        if self.s.texture:
            loss = loss + self.s.texture * texture_distance(fake, y)
        if self.s.chroma:
            loss = loss + _HOLD * functional.relu(self.s.chroma - self.likeness(x, fake))
        return loss

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        s, slope, peak = self.s, self.frontend.transform.slope, self.frontend.transform.offset
        x, y = self.crops.draw(rng, s.batch)
        if s.eq_db:
            x = np.where(x > -1, x + random_filter(rng, self.frontend.bins, s.eq_db)[:, None] * slope, x)
        if s.decay > 1:  # what fades evenly in dB fades faster when its levels are stretched from the peak
            x = peak + (x - peak) * s.decay ** float(rng.uniform(-1, 1))
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


class ChromaLikeness(nn.Module):
    """Measure the mean cosine of the chroma of two pictures (B, 1, bins, N), of frames within 30 dB of the loudest.

    Rows go to pitch classes by their middle, as wide as they are apart; those below 110 Hz are left out.

    >>> from audiokit.dsp.spectrum.style import standard_frontend
    >>> x = torch.full((1, 1, 128, 4), -1.0)
    >>> x[:, :, 60] = 1.0
    >>> round(float(ChromaLikeness(standard_frontend())(x, x)), 3)
    1.0
    """

    def __init__(self, frontend: StyleFrontend) -> None:
        super().__init__()
        t = frontend.transform
        hz = np.maximum(frontend.centres * t.rate / t.n_fft, 1.0)
        place = 12 * np.log2(hz / 440)
        width = np.maximum(1.0, np.gradient(place))
        apart = (place - np.arange(12)[:, None] + 6) % 12 - 6  # (12, bins)
        fold = np.exp(-0.5 * (apart / (0.5 * width)) ** 2) / width * (hz >= 110)
        self.fold: Tensor
        self.register_buffer("fold", torch.from_numpy(fold.astype(np.float32)))
        self.slope, self.offset = float(t.slope), float(t.offset)

    def chroma(self, x: Tensor) -> Tensor:
        """Fold pictures (B, 1, bins, N) to energies of pitch classes (B, 12, N)."""
        power = 10 ** ((x[:, 0].float() - self.offset) / (10 * self.slope))
        return (self.fold[None, :, :, None] * power[:, None]).sum(dim=2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Compare; the first tells which frames sound."""
        a, b = self.chroma(x), self.chroma(y)
        loud = a.sum(dim=1)
        sounds = (loud > 1e-3 * loud.amax(dim=1, keepdim=True)).float()
        return (functional.cosine_similarity(a, b, dim=1) * sounds).sum() / sounds.sum()


def coarse_distance(x: Tensor, y: Tensor) -> Tensor:
    """Compare pictures (B, 1, H, W) averaged over 2 x 8 and 4 x 64 pixels.

    The median of every pixel, where the distance of pixels is least, lies beside the mean where levels are skewed:
    tones that have faded on one side and sound on the other. Averages over time tell sustained from faded tones.

    >>> float(coarse_distance(torch.zeros(1, 1, 8, 64), torch.ones(1, 1, 8, 64)))
    1.0
    """
    sizes = [(min(h, x.shape[2]), min(w, x.shape[3])) for h, w in ((2, 8), (4, 64))]
    return mean_distance([functional.avg_pool2d(x, k) for k in sizes], [functional.avg_pool2d(y, k) for k in sizes])


def texture_distance(x: Tensor, y: Tensor, *, frames: int = 128) -> Tensor:
    """Compare how much every row of two pictures (B, 1, H, W) moves, and how steeply it rises, block by block of time.

    What is nearest pixel by pixel is smoother than any sound: where it cannot be known when a row moves, not moving
    costs least. Statistics of rows know that it moves.

    References:
        McDermott and Simoncelli (2011), Sound texture perception via statistics of the auditory periphery.

    >>> x = torch.tensor([0.0, 1.0]).repeat(64)[None, None, None]
    >>> round(float(texture_distance(x, 0 * x)), 2)
    2.52
    """
    a, b = (z.unfold(3, min(frames, z.shape[3]), min(frames, z.shape[3])).float() for z in (x, y))
    spreads = functional.l1_loss(a.std(dim=-1), b.std(dim=-1))
    rises = functional.l1_loss(a.diff(dim=-1).clamp(min=0).mean(dim=-1), b.diff(dim=-1).clamp(min=0).mean(dim=-1))
    return spreads + _STEEP * rises


def mean_distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Average the mean absolute differences of pairs of tensors."""
    return torch.stack([functional.l1_loss(f, w) for f, w in zip(found, wanted, strict=True)]).mean()


def random_filter(rng: np.random.Generator, bins: int, strength_db: float, *, points: int = 7) -> np.ndarray:
    """Draw a smooth random gain (bins,) in dB, its mean zero, through points of a normal distribution.

    >>> random_filter(np.random.default_rng(0), 128, 6.0).shape
    (128,)
    """
    gain = np.interp(np.linspace(0, points - 1, bins), np.arange(points), rng.normal(0, strength_db, points))
    return (gain - gain.mean()).astype(np.float32)
