"""TraVeLGAN on spectrograms: a transfer learned from two piles of sounds, without pairs and without a way back.

The generator works on short slices that overlap by half, cross-faded as they are when the model is used; the critic
hears the joined result, so that a seam would be a fault. What a piece is stays because a siamese network places
slices in a space where the difference between two slices must be the same before and after the transfer, and
because different slices must lie apart there.

References:
    Amodio and Krishnaswamy (2019), TraVeLGAN, eq. 3 to 5; Pasini (2019), MelGAN-VC, section 3; Lim and Ye (2017),
    Geometric GAN (the hinge loss).
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
from audiokit.errors import ParameterError
from audiokit.models.style.travel_networks import Critic, Siamese, TravelGenerator
from audiokit.training.engine.loop import update
from audiokit.training.style.adversarial import freeze
from audiokit.training.style.data import Crops, Track
from audiokit.training.style.recipe import StyleRecipe
from audiokit.training.style.settings import TravelSettings
from audiokit.training.style.style import copy_weights, paired_distance, save_model, write_samples


class Travel(StyleRecipe):
    """Train G (a to b), its critic D and the siamese network S.

    Args:
        a, b: sounds of either side; they need not correspond.
        frontend: what the model sees; its frames are the length of a slice.
        settings: options.
        device: where to train.
        held: sounds kept out of training: samples are made of them; where both sides hold the same pieces, their
            distance is measured.
        paired: the held-out sides hold the same pieces.
        card: fields of the model card (names, licence, data).
    """

    def __init__(
        self,
        a: Sequence[Track],
        b: Sequence[Track],
        *,
        frontend: StyleFrontend,
        settings: TravelSettings,
        device: str = "cpu",
        held: tuple[Sequence[Track], Sequence[Track]] = ((), ()),
        paired: bool = False,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(frontend, settings, device=device, held=held, card=card)
        if frontend.frames % 4 or frontend.position:
            raise ParameterError(f"slices are of a multiple of 4 frames without --position, not {frontend.frames}")
        self.s, self.paired = settings, paired
        self.a, self.b = (Crops(side, 2 * frontend.frames) for side in (a, b))
        sizes = {"ngf": settings.ngf, "blocks": settings.blocks, "norm": settings.norm, "output": settings.output}
        self.G = TravelGenerator(rows=frontend.bins, **sizes)
        if settings.start:
            copy_weights(settings.start, self.G)
        self.D, self.S = Critic(ndf=settings.ndf), Siamese(ndf=settings.ndf)
        for network in self.modules().values():
            network.to(self.device)
        self.weight = slice_weight(frontend.frames).to(self.device)
        self.adam_G, self.adam_D = self.adam(self.G, self.S), self.adam(self.D)

    def modules(self) -> dict[str, nn.Module]:
        """Generator, critic and siamese network."""
        return {"G": self.G, "D": self.D, "S": self.S}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One Adam for the generator and the siamese network, which work together, one for the critic."""
        return {"G": self.adam_G, "D": self.adam_D}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Update the critic on a batch of each side, then the generator and the siamese network on the same."""
        s, frames = self.s, self.frontend.frames
        a, b = (self.draw(crops, rng) for crops in (self.a, self.b))
        slices = cut_slices(a, frames)
        changed = self.G(slices)
        fake = join_slices(changed, self.weight)
        freeze([self.D], False)
        judged = update(self.adam_D, hinge(self.D(b), self.D(fake.detach())))
        freeze([self.D], True)
        adversarial = -self.D(fake).mean()
        before, after = self.S(slices), self.S(changed)
        travel, contrast = travel_loss(before, after), margin_loss(before, s.margin)
        loss = adversarial + s.travel * travel + s.contrast * contrast
        identity = torch.zeros((), device=self.device)
        if s.identity:
            kept = cut_slices(b, frames)[::3]
            identity = functional.l1_loss(self.G(kept), kept)
            loss = loss + s.identity * identity
        update(self.adam_G, loss)
        losses = {"adversarial": adversarial, "travel": travel, "contrast": contrast, "identity": identity}
        return {**{name: value.detach() for name, value in losses.items()}, "critic": judged}

    def answer(self, x: Tensor) -> Tensor:
        """Map pictures (B, 1, bins, N) to pictures."""
        return self.G(x)

    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Write samples; measure the distance to the truth where it is known."""
        write_samples(folder, step, self.answer, self.held[0][:2], self.frontend, name="G")
        return paired_distance(self.answer, self.held, self.frontend, self.device) if self.paired else {}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the generator as a model folder."""
        save_model(folder, self.G, "travel-generator", self.frontend, self.card)


def slice_weight(frames: int) -> Tensor:
    """Cross-fade weights (frames,) of a slice, those of `audiokit.models.style.inference.Slider`."""
    return torch.hann_window(frames + 2, periodic=False)[1:-1] + 1e-3


def cut_slices(x: Tensor, frames: int) -> Tensor:
    """Cut crops (B, 1, rows, 2 * frames) into three slices each that overlap by half: (3B, 1, rows, frames).

    >>> cut_slices(torch.arange(8.0)[None, None, None], 4)[:, 0, 0, 0].tolist()
    [0.0, 2.0, 4.0]
    """
    half = frames // 2
    parts = [x[..., k * half : k * half + frames] for k in range(3)]
    return torch.stack(parts, dim=1).flatten(0, 1)


def join_slices(slices: Tensor, weight: Tensor) -> Tensor:
    """Cross-fade three slices each, (3B, 1, rows, frames), back to crops (B, 1, rows, 2 * frames).

    >>> x = torch.randn(2, 1, 3, 16)
    >>> torch.allclose(join_slices(cut_slices(x, 8), slice_weight(8)), x, atol=1e-5)
    True
    """
    frames = weight.numel()
    half = frames // 2
    parts = (slices * weight).unflatten(0, (-1, 3))
    pads = [functional.pad(parts[:, k], (k * half, frames - k * half)) for k in range(3)]
    sums = [functional.pad(weight, (k * half, frames - k * half)) for k in range(3)]
    return (pads[0] + pads[1] + pads[2]) / (sums[0] + sums[1] + sums[2])


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of a critic whose logits should pass 1 on real sounds and -1 on made ones."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def travel_loss(before: Tensor, after: Tensor) -> Tensor:
    """Compare the vectors from every slice to every other before and after the transfer, (B, size) each.

    Half of it is direction (one minus cosine), half length and direction (squared distance).

    >>> x = torch.randn(4, 8)
    >>> float(travel_loss(x, x + 1)) < 1e-6  # moving all alike changes no difference
    True
    """
    rows, columns = torch.triu_indices(len(before), len(before), 1, device=before.device)
    v, w = before[rows] - before[columns], after[rows] - after[columns]
    return (1 - functional.cosine_similarity(v, w, dim=1)).mean() + functional.mse_loss(w, v)


def margin_loss(places: Tensor, margin: float) -> Tensor:
    """Penalise slices (B, size) that lie closer together than the margin, so that the space cannot collapse."""
    return functional.relu(margin - functional.pdist(places)).mean()
