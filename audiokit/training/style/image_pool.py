"""A pool of earlier fakes: the discriminator also sees what the generator made some time ago.

References:
    Shrivastava et al. (2017), Learning from simulated and unsupervised images through adversarial training, 2.3.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class ImagePool:
    """Keep up to `size` fakes; half of the time hand out an old one and keep the new one in its place.

    >>> pool, rng = ImagePool(2), np.random.default_rng(0)
    >>> [float(pool.swap(torch.full((1, 1), float(k)), rng)) for k in range(2)], len(pool.images)
    ([0.0, 1.0], 2)
    """

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def swap(self, fakes: Tensor, rng: np.random.Generator) -> Tensor:
        """Exchange a batch (B, ...) with the pool.

        Args:
            fakes: newest fakes, without a graph.
            rng: decides which are exchanged.

        Returns:
            A batch of the same shape.
        """
        if self.size == 0:
            return fakes
        out = []
        for fake in fakes.detach():
            if len(self.images) < self.size:
                self.images.append(fake.clone())
                out.append(fake)
            elif rng.random() < 0.5:
                index = int(rng.integers(self.size))
                out.append(self.images[index])
                self.images[index] = fake.clone()
            else:
                out.append(fake)
        return torch.stack(out)
