"""Losses that listen: how much louder or softer than the clean speech every band is, and what is left of its rhythm.

For loudness, powers are summed in bands of half a Bark, turned into loudness above the threshold of hearing,
and compared. Small differences beside loud sounds are masked and cost nothing; what was added costs more
than what is missing. For intelligibility, amplitudes of third octaves are correlated over short spans.
Everything is differentiable, and works on the spectra that the network makes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def bark(hz: Tensor) -> Tensor:
    """Place frequencies on the Bark scale (Traunmueller, 1990).

    >>> [round(float(z), 1) for z in bark(torch.tensor([100.0, 1000.0, 8000.0]))]
    [0.8, 8.5, 21.0]
    """
    return 26.81 * hz / (1960 + hz) - 0.53


def threshold_db(hz: Tensor) -> Tensor:
    """Approximate the threshold of hearing in quiet in dB (Terhardt, 1979).

    >>> round(float(threshold_db(torch.tensor(1000.0))), 1)
    3.4
    """
    khz = hz.clamp(min=20) / 1000
    return 3.64 * khz**-0.8 - 6.5 * torch.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4


class LoudnessLoss(nn.Module):
    """Compare the loudness of an estimate with that of the clean speech, band by band.

    Args:
        rate: Hz.
        n_fft: frame length of the spectra, in samples.
        level_db: level at which the clean speech is heard; both are scaled by what brings it there.

    References:
        Zwicker and Fastl (1999), Psychoacoustics: facts and models; ITU-T P.862 (2001), from which come the masking
        and the weight of what was added; Martin-Donas et al. (2018), A deep learning loss function based on the
        perceptual evaluation of the speech quality.

    >>> loss = LoudnessLoss()
    >>> clean = torch.randn(2, 257, 50, dtype=torch.complex64)
    >>> round(float(loss(clean, clean)), 4)
    0.0
    """

    def __init__(self, *, rate: int = 16_000, n_fft: int = 512, level_db: float = 65.0) -> None:
        super().__init__()
        bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * (rate / n_fft)
        first, last = float(bark(torch.tensor(100.0))), float(bark(torch.tensor(rate / 2.0)))
        count = int((last - first) / 0.5)
        edges = torch.linspace(first, last, count + 1, dtype=torch.float64)
        z = bark(bins)
        # Narrow bands at low frequencies hold parts of bins: each bin is a rectangle one bin wide.
        width = torch.gradient(z)[0]
        low = torch.maximum(edges[:-1, None], z - width / 2)
        high = torch.minimum(edges[1:, None], z + width / 2)
        shares = ((high - low).clamp(min=0) / width).float()
        centres = (edges[1:] + edges[:-1]) / 2
        hz = 1960 * (centres + 0.53) / (26.81 - centres - 0.53)
        # The ear is steeper where the threshold is high: below 4 Bark the exponent grows.
        exponent = 0.23 * torch.where(centres < 4, (6 / (centres + 2)) ** 0.15, torch.ones_like(centres))
        self.level = 10 ** (level_db / 10)
        self.shares: Tensor
        self.threshold: Tensor
        self.exponent: Tensor
        self.speech: Tensor
        self.register_buffer("shares", shares)  # (bands, F)
        self.register_buffer("threshold", (10 ** (threshold_db(hz) / 10)).float()[:, None])
        self.register_buffer("exponent", exponent.float()[:, None])
        self.register_buffer("speech", ((bins > 350) & (bins < 3250)).float())

    def powers(self, spectrum: Tensor) -> Tensor:
        """Sum the power of a spectrum (B, F, N) in bands (B, bands, N), speech at the level it is heard at."""
        power = spectrum.real.square() + spectrum.imag.square()
        gain = self.level / (power.detach() * self.speech[:, None]).sum(1).mean(-1).clamp(min=1e-9)
        return self.shares @ (power * gain[:, None, None])

    def loudness(self, power: Tensor) -> Tensor:
        """Turn band powers (B, bands, N) into loudness, in sone per Bark but for a factor."""
        ratio = power / self.threshold
        return (2 * self.threshold / 1e4) ** self.exponent * 10 * ((0.5 + 0.5 * ratio) ** self.exponent - 1)

    def forward(self, estimate: Tensor, clean: Tensor) -> Tensor:
        """Compare spectra (B, F, N); returns the mean disturbance."""
        heard, wanted = self.powers(estimate), self.powers(clean)
        loud, reference = self.loudness(heard), self.loudness(wanted)
        masked = 0.25 * torch.minimum(loud, reference)
        apart = loud - reference
        apart = apart.sign() * (apart.abs() - masked).clamp(min=0)
        added = ((heard + 50) / (wanted + 50)) ** 1.2
        added = torch.where(added < 3, torch.zeros_like(added), added.clamp(max=12))
        even = (apart.square().mean(1) + 1e-8).sqrt() - 1e-4  # (B, N)
        uneven = (apart.abs() * added).mean(1)
        # Loud frames decide a little more; a bad moment costs more than the same spread out.
        weight = ((wanted.sum(1) + 1e5) / 1e7) ** 0.04
        even, uneven = (even / weight).clamp(max=45), (uneven / weight).clamp(max=45)
        return 0.1 * _worst(even) + 0.0309 * _worst(uneven)


class IntelligibilityLoss(nn.Module):
    """Measure how far the envelopes of third octaves are from those of the clean speech, over spans of 0.4 s.

    One minus the mean correlation: the short-time objective intelligibility, on the frames of the network.

    Args:
        rate: Hz.
        n_fft: frame length of the spectra, in samples.
        hop: step between frames, in samples.

    References:
        Taal, Hendriks, Heusdens, Jensen (2011), An algorithm for intelligibility prediction of time-frequency
        weighted noisy speech, equations 1 to 6; Fu et al. (2018), End-to-end waveform utterance enhancement for
        direct evaluation metrics optimization (as a loss).

    >>> loss = IntelligibilityLoss()
    >>> clean = torch.randn(2, 257, 50, dtype=torch.complex64)
    >>> round(float(loss(clean, clean)), 4)
    0.0
    """

    def __init__(self, *, rate: int = 16_000, n_fft: int = 512, hop: int = 256) -> None:
        super().__init__()
        bins = torch.arange(n_fft // 2 + 1) * (rate / n_fft)
        centres = 150 * 2 ** (torch.arange(15) / 3)
        edges = 2 ** (1 / 6)
        inside = (bins >= centres[:, None] / edges) & (bins < centres[:, None] * edges)
        self.span = round(0.384 * rate / hop)
        self.bands: Tensor
        self.register_buffer("bands", inside.float())  # (bands, F)

    def forward(self, estimate: Tensor, clean: Tensor) -> Tensor:
        """Compare spectra (B, F, N); silent frames do not count. Returns the mean over the examples."""
        return torch.stack([self._one(*pair) for pair in zip(estimate, clean, strict=True)]).mean()

    def _one(self, estimate: Tensor, clean: Tensor) -> Tensor:
        power = clean.abs().square().sum(0)
        spoken = power > 1e-4 * power.max()
        if int(spoken.sum()) < self.span:
            return estimate.real.sum() * 0
        heard, wanted = (self._envelopes(x[:, spoken]) for x in (estimate, clean))  # (bands, spans, span)
        heard = heard * (wanted.norm(dim=-1, keepdim=True) / (heard.norm(dim=-1, keepdim=True) + 1e-8))
        heard = torch.minimum(heard, wanted * (1 + 10 ** (15 / 20)))  # errors beyond -15 dB are as bad as any
        heard, wanted = (x - x.mean(-1, keepdim=True) for x in (heard, wanted))
        size = heard.norm(dim=-1) * wanted.norm(dim=-1) + 1e-8
        return 1 - ((heard * wanted).sum(-1) / size).mean()

    def _envelopes(self, spectrum: Tensor) -> Tensor:
        power = spectrum.real.square() + spectrum.imag.square()
        return (self.bands @ power + 1e-12).sqrt().unfold(1, self.span, 1)


def _worst(x: Tensor, span: int = 20) -> Tensor:
    """Average values (B, N): a sixth-power mean over spans of frames, the root mean square over these."""
    frames = x.shape[-1] // span * span
    spans = x[..., :frames].unflatten(-1, (-1, span)) if frames else x[:, None]
    six = ((spans + 1e-6) ** 6).mean(-1) ** (1 / 6)
    return (six.square().mean(-1)).sqrt().mean()
