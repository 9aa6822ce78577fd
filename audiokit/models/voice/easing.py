"""How gently the gains of a denoiser are applied: a little less than it asks for, which the words are grateful for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

#: An array or a tensor, real.
Values = TypeVar("Values", bound=Any)


@dataclass(frozen=True)
class Easing:
    """Powers below 1 take less away, and less unevenly: weak consonants stay, and so does the rhythm of bands.

    Where there is nothing but noise, the network's mask stays as deep as it is.

    Attributes:
        first: power of the gains of the engine that runs before the network.
        mask: power of the size of the network's mask, where that is well above the knee.
        knee: size from which on a mask is eased.
        hears_input: whether the network hears the input as it is, and the engine before it only joins in at the end.
    """

    first: float = 1.0
    mask: float = 1.0
    knee: float = 0.0
    hears_input: bool = False

    @classmethod
    def of(cls, said: Mapping[str, Any] | None) -> Easing | None:
        """Read what a model card says; None if it says nothing.

        >>> Easing.of({"mask": 0.8}), Easing.of(None)
        (Easing(first=1.0, mask=0.8, knee=0.0, hears_input=False), None)
        """
        return None if said is None else cls(**said)

    def card(self) -> dict[str, Any]:
        """Say it as a model card does."""
        return asdict(self)

    def gain(self, mask: Values, first: Values) -> Values:
        """Join sizes of a mask and gains of the engine before it, of one shape, to one gain on the input.

        >>> import numpy as np
        >>> Easing(mask=0.5, knee=0.05).gain(np.array([0.003, 0.1, 1.0]), np.array([1.0, 1.0, 0.5])).round(4).tolist()
        [0.0033, 0.2214, 0.5]
        """
        size = mask.clip(1e-4, 4.0)
        opened = (size * (1 + self.knee) / (size + self.knee)) ** (2 * (1 - self.mask))
        return first.clip(1e-3, 1.5) ** self.first * size**self.mask * opened
