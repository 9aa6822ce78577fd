"""How gently the gains of a denoiser are applied: a little less than it asks for, which the words are grateful for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np

#: An array or a tensor, real.
Values = TypeVar("Values", bound=Any)


@dataclass(frozen=True)
class Easing:
    """Powers below 1 take less away, and less unevenly: weak consonants stay, and so does the rhythm of bands.

    Where there is nothing but noise, the network's mask stays at least as deep as it is.

    Attributes:
        first: power of the gains of the engine that runs before the network.
        mask: power of the size of the network's mask, where that is well above the knee.
        knee: size from which on a mask is eased.
        hears_input: whether the network hears the input as it is, and the engine before it only joins in at the end.
        clean: takes the place of `mask` where there is little noise; None: `mask` serves every recording.
    """

    first: float = 1.0
    mask: float = 1.0
    knee: float = 0.0
    hears_input: bool = False
    clean: float | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any] | None) -> Easing | None:
        """Read what a model card says; None if it says nothing.

        >>> Easing.of({"mask": 0.8}), Easing.of(None)
        (Easing(first=1.0, mask=0.8, knee=0.0, hears_input=False, clean=None), None)
        """
        return None if said is None else cls(**said)

    def card(self) -> dict[str, Any]:
        """Say it as a model card does."""
        return asdict(self)

    def at(self, ratio_db: float) -> Easing:
        """Choose for a recording whose loudest moments stand this far above its noise (`noise_ratio_db`).

        What a mask takes from speech is heard, and what little noise it would take there is not: from 18 dB on (about
        7 dB of signal-to-noise ratio) the power goes from `mask` to `clean`, which it reaches at 28 dB (17 dB).

        >>> easing = Easing(mask=1.0, knee=0.3, clean=0.4)
        >>> [round(easing.at(ratio_db).mask, 2) for ratio_db in (10, 23, 40)]
        [1.0, 0.7, 0.4]
        """
        if self.clean is None:
            return self
        return replace(self, mask=float(np.interp(ratio_db, (18.0, 28.0), (self.mask, self.clean))))

    def gain(self, mask: Values, first: Values) -> Values:
        """Join sizes of a mask and gains of the engine before it, of one shape, to one gain on the input.

        >>> import numpy as np
        >>> Easing(mask=0.5, knee=0.05).gain(np.array([0.003, 0.1, 1.0]), np.array([1.0, 1.0, 0.5])).round(4).tolist()
        [0.0033, 0.2214, 0.5]
        """
        size = mask.clip(1e-4, 4.0)
        opened = (size * (1 + self.knee) / (size + self.knee)) ** (2 * (1 - self.mask))
        return first.clip(1e-3, 1.5) ** self.first * size**self.mask * opened
