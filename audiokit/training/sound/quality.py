"""A loss that follows PESQ: the perceptual model of ITU-T P.862 and P.862.2, in a form that gradients pass through.

Both recordings are brought to one level, high-passed, and summed in 49 bands; the clean one is given the long-term
colour of the estimate, the estimate the short-term level of the clean one; what is left between their loudnesses is the
disturbance. Alignment in time is left out, for a network's estimate is aligned already.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Bins of 31.25 Hz in each band, from 0 Hz up (P.862, 49 bands at 16 kHz).
BINS = (
    *(1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 3, 4, 5, 4, 5, 6, 6),
    *(7, 8, 9, 9, 12, 12, 15, 16, 18, 21, 25, 20),
)

#: Hz per Bark in each band.
SLOPES = (
    *(100.0,) * 14,
    *(106.1, 110, 118, 130, 137.5, 140, 142.9, 150, 153.7, 161.9, 177.3, 191.6, 204.5, 217.6, 226.8, 233.5, 242.9),
    *(256.5, 271.9, 295.3, 322.2, 355.1, 393.1, 429.8, 465.2, 513.0, 577.1, 651.7, 733.4, 826.2, 909.6, 1001.3, 1115.9),
    *(1374.6, 1590.9),
)

#: Threshold of hearing in each band, dB.
THRESHOLDS_DB = (
    *(77.1, 63.9, 48.5, 36.9, 30.7, 25.9, 20.2, 16.6, 12.5, 9.9, 6.9, 4.9, 2.8, 1.0, -0.1, -1.4, -2.5, -3.4, -4.1),
    *(-4.8, -5.3, -5.7, -5.9, -6.0, -6.0, -6.0, -6.0, -5.8, -5.4, -5.1, -4.7, -4.3, -4.0, -3.6, -3.3, -3.1, -3.0),
    *(-3.0, -2.9, -2.8, -2.8, -2.8, -2.9, -3.2, -3.7, -4.3, -4.4, -3.8, -2.7),
)


class QualityLoss(nn.Module):
    """Measure how far below the best score wideband PESQ would put an estimate.

    References:
        ITU-T P.862 (2001), Perceptual evaluation of speech quality, clauses 10.2.1 to 10.2.12: the model and its
        constants; P.862.2 (2007): the wideband filter and the map to MOS-LQO; Martin-Donas et al. (2018), A deep
        learning loss function based on the perceptual evaluation of the speech quality (as a loss).

    >>> clean = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0))
    >>> loss = QualityLoss()
    >>> round(float(loss(clean, clean)), 2), float(loss(clean + clean.roll(99, 1), clean)) > 0.1
    (0.0, True)
    """

    def __init__(self) -> None:
        super().__init__()
        count = torch.tensor(BINS, dtype=torch.float64)
        first = torch.cat([torch.zeros(1), count.cumsum(0)[:-1]])
        at = torch.arange(257)
        inside = (at >= first[:, None]) & (at < (first + count)[:, None])
        inside[:, 0] = False  # what does not swing is not heard
        # Bands of equal numbers of bins are wider in Bark where frequencies are low.
        density = torch.tensor(SLOPES, dtype=torch.float64) / count
        k = torch.arange(len(BINS))
        width = 0.31413 + 4.2552e-3 * k + 2.8825e-5 * k**2
        width[0] = 0.1573  # half a band
        centre = width.cumsum(0) - width / 2
        threshold = 10 ** (torch.tensor(THRESHOLDS_DB, dtype=torch.float64) / 10)
        exponent = 0.23 * (6 / (centre + 2)).clamp(1, 2) ** 0.15
        z = torch.exp(-2j * torch.pi * at / 512)
        high_pass = 2.740826 * (1 - 2 * z + z**2) / (1 - 1.9444777 * z + 0.94597794 * z**2)
        hz = at * 31.25
        self.window: Tensor
        self.bands: Tensor
        self.width: Tensor
        self.threshold: Tensor
        self.exponent: Tensor
        self.speech: Tensor
        self.register_buffer("window", torch.hann_window(512))
        self.register_buffer("bands", (6.910853e-6 * density[:, None] * inside * high_pass.abs() ** 2).float())
        self.register_buffer("width", width.float()[:, None])
        self.register_buffer("threshold", threshold.float()[:, None])
        self.register_buffer("exponent", exponent.float()[:, None])
        self.register_buffer("speech", ((hz >= 325) & (hz <= 3250)).float())

    def powers(self, y: Tensor) -> Tensor:
        """Sum the power of audio (B, T) in bands (B, 49, N), speech brought to the level of the standard."""
        spectrum = torch.stft(y, 512, 256, 512, self.window, center=False, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        # Twice the bins above 0 Hz, by the window's length and its mean square: the mean square of the samples.
        level = (power * self.speech[:, None]).sum(1).mean(-1) * (2 / (512**2 * 0.375))
        return self.bands @ (power * (1e7 / (level + 1e-10))[:, None, None])

    def audible(self, power: Tensor, factor: float) -> Tensor:
        """Sum what is above a multiple of the threshold, per frame: (B, N); the lowest band does not count."""
        return (power * (power > self.threshold * factor))[:, 1:].sum(1)

    def loudness(self, power: Tensor) -> Tensor:
        """Turn band powers into loudness in sone per Bark (Zwicker's law)."""
        above = ((0.5 + 0.5 * power / self.threshold) ** self.exponent - 1).clamp(min=0)
        return 0.1866055 * (2 * self.threshold) ** self.exponent * above

    def disturbances(self, estimate: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Compare audio (B, T) with clean audio; returns the symmetric and the asymmetric disturbance, each (B,)."""
        heard, wanted = self.powers(estimate), self.powers(clean)
        spoken = (self.audible(wanted, 100) >= 1e7)[:, None]
        colour = [(x * (x > 100 * self.threshold) * spoken).mean(-1, keepdim=True) + 1000 for x in (heard, wanted)]
        wanted = wanted * (colour[0] / colour[1]).clamp(0.01, 100)
        loud = self.audible(wanted, 1)
        gain = (loud + 5e3) / (self.audible(heard, 1) + 5e3)
        gain = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], 1).clamp(3e-4, 5)
        heard = heard * gain[:, None]
        a, b = self.loudness(heard), self.loudness(wanted)
        apart = a - b
        apart = apart.sign() * (apart.abs() - 0.25 * torch.minimum(a, b)).clamp(min=0)
        added = ((heard + 50) / (wanted + 50)) ** 1.2
        added = torch.where(added < 3, torch.zeros_like(added), added.clamp(max=12))
        width, all_widths = self.width[1:], self.width[1:].sum()
        even = (((apart[:, 1:] * width).square().sum(1) + 1e-12) * all_widths).sqrt()
        uneven = (apart.abs() * added)[:, 1:].mul(width).sum(1)
        weight = ((loud + 1e5) / 1e7) ** 0.04
        return worst((even / weight).clamp(max=45)), worst((uneven / weight).clamp(max=45))

    def scores(self, estimate: Tensor, clean: Tensor) -> Tensor:
        """Score audio (B, T) as PESQ does, from about 1 to 4.64: (B,)."""
        even, uneven = self.disturbances(estimate, clean)
        return 0.999 + 4 * torch.sigmoid(1.3669 * (4.5 - 0.1 * even - 0.0309 * uneven) - 3.8224)

    def forward(self, estimate: Tensor, clean: Tensor) -> Tensor:
        """Compare audio (B, T) at 16 kHz; returns the mean of what is missing to the best score."""
        return (4.6439 - self.scores(estimate, clean)).mean()


def worst(x: Tensor) -> Tensor:
    """Average values (B, N): a sixth-power mean over 20 frames, every 10; the root mean square over these."""
    span = min(20, x.shape[-1])
    six = ((x.unfold(-1, span, 10) + 1e-6) ** 6).mean(-1) ** (1 / 6)
    return six.square().mean(-1).sqrt()
