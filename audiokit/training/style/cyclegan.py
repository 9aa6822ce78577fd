"""CycleGAN: learn a transfer in both directions from two piles of sounds that have no pairs.

Two generators and two discriminators: least-squares adversarial losses, cycle consistency, identity, a pool of
earlier fakes for the discriminators. Generators first, then discriminators, as the authors do.

References:
    Zhu, Park, Isola and Efros (2017), Unpaired image-to-image translation using cycle-consistent adversarial
    networks, eq. 3 and section 4.
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
from audiokit.training.style.data import Crops, Track
from audiokit.training.style.image_pool import ImagePool
from audiokit.training.style.recipe import StyleRecipe
from audiokit.training.style.settings import CycleGanSettings
from audiokit.training.style.style import (
    copy_weights,
    generator_settings,
    make_generator,
    paired_distance,
    save_model,
    write_samples,
)

#: Where the model of the way back is, inside the folder of the way there.
REVERSE = "G_B"


class CycleGan(StyleRecipe):
    """Train G_A (a to b) and G_B (b to a) with D_A (judges b) and D_B (judges a).

    Args:
        a, b: sounds of either side; they need not correspond.
        frontend: what the models see.
        settings: options.
        device: where to train.
        held: sounds kept out of training: samples are made of them; where both sides hold the same pieces, their
            distance is measured.
        paired: the held-out sides hold the same pieces.
        card: fields of the model cards (names, licence, data); "labels" is {"from": a, "to": b}.
    """

    def __init__(
        self,
        a: Sequence[Track],
        b: Sequence[Track],
        *,
        frontend: StyleFrontend,
        settings: CycleGanSettings,
        device: str = "cpu",
        held: tuple[Sequence[Track], Sequence[Track]] = ((), ()),
        paired: bool = False,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(frontend, settings, device=device, held=held, card=card)
        self.s, self.paired = settings, paired
        self.a, self.b = Crops(a, frontend.frames), Crops(b, frontend.frames)
        options = generator_settings(settings)
        self.G_A, self.architecture = make_generator(settings.generator, frontend, options)
        self.G_B, _ = make_generator(settings.generator, frontend, options)
        if settings.start:
            copy_weights(settings.start, self.G_A)
        sizes = {"input_nc": 1 + frontend.position, "ndf": settings.ndf, "n_layers": settings.layers}
        self.D_A, self.D_B = (PatchGan(**sizes, norm=settings.norm) for _ in range(2))
        for judge in (self.D_A, self.D_B):
            init_weights(judge)
        for network in self.modules().values():
            network.to(self.device)
        self.adam_G = self.adam(self.G_A, self.G_B)
        self.adam_D = self.adam(self.D_A, self.D_B)
        self.pools = {"A": ImagePool(settings.pool), "B": ImagePool(settings.pool)}

    def modules(self) -> dict[str, nn.Module]:
        """Both generators and both discriminators, under the authors' names."""
        return {"G_A": self.G_A, "G_B": self.G_B, "D_A": self.D_A, "D_B": self.D_B}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One Adam for the generators, one for the discriminators."""
        return {"G": self.adam_G, "D": self.adam_D}

    def state(self) -> dict[str, Any]:
        """The pools."""
        return {name: pool.images for name, pool in self.pools.items()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the pools back."""
        for name, pool in self.pools.items():
            pool.images = list(state[name])

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Update both generators on a batch of each side, then both discriminators."""
        s = self.s
        a, b = (self.draw(crops, rng) for crops in (self.a, self.b))
        freeze([self.D_A, self.D_B], True)
        fake_b, fake_a = self.to_b(a), self.to_a(b)
        adversarial = gan_loss(self.judge_b(fake_b), True, kind=s.gan)
        adversarial = adversarial + gan_loss(self.judge_a(fake_a), True, kind=s.gan)
        cycle = functional.l1_loss(self.to_a(fake_b), a) + functional.l1_loss(self.to_b(fake_a), b)
        identity = torch.zeros((), device=self.device)
        if s.identity:
            identity = functional.l1_loss(self.to_b(b), b) + functional.l1_loss(self.to_a(a), a)
        update(self.adam_G, adversarial + s.cycle * (cycle + s.identity * identity))
        freeze([self.D_A, self.D_B], False)
        old_b, old_a = self.pools["A"].swap(fake_b, rng), self.pools["B"].swap(fake_a, rng)
        loss_D = discriminator_loss(self.judge_b, b, old_b, kind=s.gan)
        judged = update(self.adam_D, loss_D + discriminator_loss(self.judge_a, a, old_a, kind=s.gan))
        losses = {"adversarial": adversarial, "cycle": cycle, "identity": identity}
        return {**{name: value.detach() for name, value in losses.items()}, "discriminator": judged}

    def to_b(self, x: Tensor) -> Tensor:
        """Map pictures (B, 1, bins, N) from side a to side b."""
        return self.G_A(seen(x, self.frontend))

    def to_a(self, x: Tensor) -> Tensor:
        """Map pictures (B, 1, bins, N) from side b to side a."""
        return self.G_B(seen(x, self.frontend))

    def judge_b(self, x: Tensor) -> Tensor:
        """Judge whether pictures are of side b."""
        return self.D_A(seen(x, self.frontend))

    def judge_a(self, x: Tensor) -> Tensor:
        """Judge whether pictures are of side a."""
        return self.D_B(seen(x, self.frontend))

    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Write samples of both directions; measure the distance to the truth where it is known."""
        write_samples(folder, step, self.to_b, self.held[0][:2], self.frontend, name="G_A")
        write_samples(folder, step, self.to_a, self.held[1][:2], self.frontend, name="G_B")
        return paired_distance(self.to_b, self.held, self.frontend, self.device) if self.paired else {}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write G_A as the folder's model and G_B as the model of the way back inside it."""
        save_model(folder, self.G_A, self.architecture, self.frontend, self.card)
        labels = self.card.get("labels", {})
        back = {**self.card, "labels": {"from": labels.get("to", "b"), "to": labels.get("from", "a")}}
        save_model(folder / REVERSE, self.G_B, self.architecture, self.frontend, back)
