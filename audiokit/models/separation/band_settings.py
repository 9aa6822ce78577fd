"""Settings of the band U-Net, and how far it sees; without the network, so that nothing heavy is imported for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiokit.dsp.separation.repeats import AROUND
from audiokit.errors import ParameterError


@dataclass(frozen=True)
class BandUnetConfig:
    """Settings of the separator.

    Attributes:
        stems: names, in the order of the masks.
        rate: Hz.
        n_fft, hop: of the periodic Hann short-time spectra.
        bands: bands per spectrum, a multiple of 2 ** len(widths).
        single: lowest bands that are one bin wide.
        widths: channels of each level; each level halves bands and frames.
        squeeze: the linear layers across bands shrink them to a `squeeze`-th.
        norm: "frame" (each frame by itself) or "batch" (by what was seen in training).
        memory: how many frames away to look for what a recording repeats; 0 for not at all.
        novelty: how far (0..1) the first stem is held, after training, to what rises above the median of like moments.
    """

    stems: Sequence[str] = ("vocals", "accompaniment")
    rate: int = 44_100
    n_fft: int = 4096
    hop: int = 1024
    bands: int = 256
    single: int = 150
    widths: Sequence[int] = (24, 48, 72)
    squeeze: int = 8
    norm: str = "frame"
    memory: int = 0
    novelty: float = 0.0

    @property
    def multiple(self) -> int:
        """The number of frames must be a multiple of this; segments must start at one."""
        return 2 ** len(self.widths)

    @property
    def sight(self) -> int:
        """Frames before and after a frame whose features can influence its masks, in multiples of `multiple`."""
        levels = len(self.widths)
        convolutions = sum(3 * 2**level for level in range(1, levels + 1)) + 8 * 2**levels  # down, and at the bottom
        back = sum(4 * 2**level for level in range(1, levels)) + 2 * 2**levels + 1
        return self._rounded(convolutions + back)

    @property
    def reach(self) -> int:
        """Frames before and after a frame that can influence its masks, what it repeats included."""
        return self._rounded(self.sight + (self.memory + AROUND if self.memory else 0))

    def _rounded(self, frames: int) -> int:
        return -(-frames // self.multiple) * self.multiple

    def __post_init__(self) -> None:
        if self.bands % 2 ** len(self.widths):
            raise ParameterError(f"{self.bands} bands cannot be halved {len(self.widths)} times")
        if self.memory < 0 or (self.memory and self.bands % 4):
            raise ParameterError("memory must not be negative, and with it bands must be a multiple of 4")
        if self.norm not in ("frame", "batch"):
            raise ParameterError(f"norm is frame or batch, not {self.norm!r}")
        if not 0 <= self.novelty <= 1 or (self.novelty and not self.memory):
            raise ParameterError("novelty must lie between 0 and 1, and needs memory")
        if not 1 <= self.single < self.bands < self.n_fft // 2:
            raise ParameterError("bands must be more than the single ones and fewer than the bins")
