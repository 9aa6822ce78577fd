"""What CycleGAN, Pix2Pix and TraVeL have in common: what a style model sees, and how crops of it are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.dsp.spectrum.style import StyleFrontend
from audiokit.training.engine.loop import Recipe
from audiokit.training.style.data import Crops, Track
from audiokit.training.style.style import as_batch

Held = tuple[Sequence[Track], Sequence[Track]]


class StyleRecipe(Recipe):
    """Base of recipes that map pictures of one side to pictures of the other.

    A subclass calls the constructor before it builds anything: that seeds the weights. Its generators' names start
    with G.

    Args:
        frontend: what the model sees.
        settings: options of the recipe, a dataclass with seed, batch, rate and level_db.
        device: where to train.
        held: sounds of both sides kept out of training.
        card: fields of the model card (names, licence, data).
    """

    def __init__(
        self,
        frontend: StyleFrontend,
        settings: Any,
        *,
        device: str = "cpu",
        held: Held = ((), ()),
        card: Mapping[str, Any] | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.frontend, self.device = frontend, torch.device(device)
        self.held, self.card = held, dict(card or {})
        self._options = settings

    def adam(self, *networks: nn.Module) -> torch.optim.Adam:
        """Make one Adam for all weights of some networks, with the usual momentum of adversarial training."""
        parameters = [p for network in networks for p in network.parameters()]
        return torch.optim.Adam(parameters, lr=self._options.rate, betas=(0.5, 0.999))

    def muon(self, network: nn.Module) -> torch.optim.Optimizer:
        """Make one Muon for a generator; its first and its last layer go with AdamW."""
        from audiokit.training.engine.muon import Muon, parted

        layers = [name for name, weight in network.named_parameters() if weight.ndim > 1]
        return Muon(*parted(network, plain=(layers[0], layers[-1])), lr=self._options.rate)

    def averaged(self) -> tuple[str, ...]:
        """Only the generators are used afterwards."""
        return tuple(name for name in self.modules() if name.startswith("G"))

    def settings(self) -> dict[str, Any]:
        """All options: a resumed run must share them."""
        return {**asdict(self._options), "frontend": str(self.frontend)}

    def draw(self, crops: Crops, rng: np.random.Generator) -> Tensor:
        """Draw a batch of crops (B, 1, bins, N), all of them quieter by one random amount up to `level_db`."""
        x = as_batch(crops.draw(rng, self._options.batch), self.device)
        if self._options.level_db:
            quieter = float(rng.uniform(0, self._options.level_db)) * self.frontend.transform.slope
            x = torch.clamp(x - quieter, min=-1)
        return x
