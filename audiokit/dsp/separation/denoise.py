"""Noise reduction without a trained model: Wiener (OM-LSA), gate, and threshold mask, whole or block by block.

All engines look at short frames, estimate the power of the noise in every bin, and turn bins down by a gain between a
floor and 1; phases and timing stay as they are. Channels share one gain, so a stereo image does not move. The noise
is tracked from the audio itself by its smoothed minima over a second or so, half of it to come (the audio waits for
that, the result is not delayed), refined frame by frame where speech is unlikely, or taken from a profile: a
recording of the noise alone.

References:
    Gerkmann and Hendriks (2012), Unbiased MMSE-based noise power estimation with low complexity and low tracking delay.
    Ephraim and Malah (1985), Speech enhancement using a minimum mean-square error log-spectral amplitude estimator.
    Cohen (2003), Noise spectrum estimation in adverse environments: improved minima controlled recursive averaging.
"""

from __future__ import annotations

import numpy as np

from audiokit.dsp.separation.noise import SILENCE, NoiseFloor, Rule, frame_size
from audiokit.dsp.spectrum.moving import moving_maximum, moving_mean
from audiokit.dsp.spectrum.stft import IstftStream, StftStream, istft, stft
from audiokit.errors import ParameterError


def denoise_plain(
    y: np.ndarray, *, rate: int, rule: Rule | None = None, profile: np.ndarray | None = None, strength: float = 1.0
) -> np.ndarray:
    """Reduce noise with one of the engines that need no trained model.

    Args:
        y: audio (C, T), float32.
        rate: Hz.
        rule: engine and settings.
        profile: noise power per bin from `noise_profile`, instead of tracking it.
        strength: share of the noise reduction to apply, 0 (the input) to 1.

    Returns:
        Audio (C, T), float32, in time with the input.

    Raises:
        ParameterError: strength is outside 0..1, or the profile was made at another rate.

    >>> quiet = denoise_plain(np.zeros((2, 5000), np.float32), rate=16_000)
    >>> quiet.shape, float(np.abs(quiet).max())
    ((2, 5000), 0.0)
    """
    stream = PlainDenoiser(channels=y.shape[0], rate=rate, rule=rule, profile=profile, strength=strength)
    parts = [stream.push(y[:, a : a + (1 << 18)]) for a in range(0, y.shape[1], 1 << 18)]
    return np.concatenate([*parts, stream.finish()], axis=1)


def denoise_rows(y: np.ndarray, *, rate: int, rule: Rule | None = None) -> np.ndarray:
    """Run the Wiener engine on unrelated recordings at once, each for itself; faster than one after the other.

    Args:
        y: recordings (B, T), float32.
        rate: Hz.
        rule: settings.

    Returns:
        Audio (B, T), float32.

    >>> denoise_rows(np.zeros((3, 8000), np.float32), rate=16_000).shape
    (3, 8000)
    """
    rule = rule or Rule()
    n_fft = frame_size(rate)
    hop = n_fft // 4
    spectra = stft(y, n_fft=n_fft, hop=hop)
    power = (np.abs(spectra).astype(np.float64) ** 2).reshape(-1, spectra.shape[2])
    power, floor = NoiseFloor(rule, frames_per_s=rate / hop).push(power, last=True)
    gain = _WienerGains(rule, rows=y.shape[0]).push(power, floor, last=True).astype(np.float32)
    return istft(spectra * gain.reshape(spectra.shape), n_fft=n_fft, hop=hop, length=y.shape[1])


class PlainDenoiser:
    """Reduce noise in audio that arrives in blocks; the result does not depend on the blocks.

    `push` returns what is finished, which lags behind by what the noise tracker looks ahead; `finish` the rest.

    >>> stream = PlainDenoiser(channels=1, rate=16_000)
    >>> y = np.ones((1, 40_000), np.float32)
    >>> stream.push(y).shape[1] + stream.finish().shape[1]
    40000
    """

    def __init__(
        self,
        *,
        channels: int,
        rate: int,
        rule: Rule | None = None,
        profile: np.ndarray | None = None,
        strength: float = 1.0,
    ) -> None:
        if not 0 <= strength <= 1:
            raise ParameterError(f"strength {strength} is not in 0..1")
        self.rule, self.strength, self.channels = rule or Rule(), strength, channels
        n_fft = frame_size(rate)
        hop = n_fft // 4
        if profile is not None and profile.shape != (n_fft // 2 + 1,):
            raise ParameterError(
                f"the noise profile has {profile.size} bins, audio at {rate} Hz has {n_fft // 2 + 1}",
                hint="make the profile at the rate of the audio",
            )
        self._analysis = StftStream(channels=channels, n_fft=n_fft, hop=hop)
        self._synthesis = IstftStream(channels=channels, n_fft=n_fft, hop=hop)
        self._profile = profile
        self._floor = NoiseFloor(self.rule, frames_per_s=rate / hop)
        self._gains = _gains_of(self.rule, n_fft, channels)
        self._spectra: list[np.ndarray] = []

    def push(self, y: np.ndarray) -> np.ndarray:
        """Take audio (C, n) and return finished audio (C, m)."""
        return self._work(self._analysis.push(y), last=False)

    def finish(self) -> np.ndarray:
        """Return the rest; all audio together is as long as the input."""
        body = self._work(self._analysis.finish(), last=True)
        return np.concatenate([body, self._synthesis.finish(self._analysis.length)], axis=1)

    def _work(self, spectra: np.ndarray, *, last: bool) -> np.ndarray:
        power = (np.abs(spectra).astype(np.float64) ** 2).sum(axis=0)
        self._spectra.append(spectra)
        if self._profile is not None:
            noise = np.broadcast_to(self._profile[:, None], power.shape)
        else:
            power, noise = self._floor.push(power, last=last)
        gain = self._gains.push(power, noise, last=last)
        if gain.shape[1] == 0:
            return np.zeros((self.channels, 0), np.float32)
        held = np.concatenate(self._spectra, axis=2)
        ready, self._spectra = held[:, :, : gain.shape[1]], [held[:, :, gain.shape[1] :]]
        gain = 1 + self.strength * (gain - 1)
        return self._synthesis.push(ready * gain.astype(np.float32))


def _gains_of(rule: Rule, n_fft: int, channels: int) -> _WienerGains | _SmoothGains:
    # A sine of amplitude 1 has this power in its bin under a Hann window.
    full_scale = (n_fft / 4) ** 2 * channels
    return _WienerGains(rule) if rule.engine == "wiener" else _SmoothGains(rule, full_scale)


class _WienerGains:
    """The log-spectral amplitude estimator on a decision-directed signal-to-noise ratio, frame by frame."""

    # Ratio of speech to noise that the speech presence probability expects (15 dB).
    _EXPECTED = 10**1.5
    # Loudest frame over noise, in dB, up to which the floor is reached and from which this share of it is.
    _CLEAN = (24.0, 36.0, 0.1)
    # The loudest frame fades by 3 dB in 10 s.
    _FORGET = 0.9994

    def __init__(self, rule: Rule, *, rows: int = 1) -> None:
        self._rule, self._rows = rule, rows
        self._noise: np.ndarray | None = None
        self._clean = np.zeros(0)
        self._presence = np.zeros(0)
        self._loudest = np.zeros(rows)

    def push(self, power: np.ndarray, floor: np.ndarray, *, last: bool) -> np.ndarray:
        """Turn power and noise floor (F, n) into gains (F, n)."""
        rule = self._rule
        lowest = 10 ** (rule.floor_db * self._depth(power, floor) / 20)
        # Frame after frame in memory, as they are worked on.
        frames, floors = (np.ascontiguousarray(x.T) for x in (power, floor))
        gains = np.empty_like(frames)
        for n, here in enumerate(frames):
            noise = self._follow(here, floors[n])
            now = np.minimum(here / noise, 1e4)
            prior = rule.memory * self._clean / noise + (1 - rule.memory) * np.maximum(now - 1, 0)
            prior = np.maximum(prior, 10**-1.8)
            wiener = prior / (1 + prior)
            gain = np.minimum(wiener * np.exp(0.5 * exponential_integral(np.maximum(wiener * now, 1e-3))), 1)
            self._clean = gain**2 * here
            np.maximum(gain, lowest[n], out=gains[n])
        return gains.T

    def _depth(self, power: np.ndarray, floor: np.ndarray) -> np.ndarray:
        """Weigh the gain floor, less for the cleaner: faint noise is part of a good recording."""
        low, high, least = self._CLEAN
        loud, faint = (x.reshape(self._rows, x.shape[0] // self._rows, x.shape[1]).sum(axis=1) for x in (power, floor))
        loudest = np.ascontiguousarray(loud.T)
        for here in loudest:
            self._loudest = np.maximum(here, self._loudest * self._FORGET, out=here)
        ratio_db = 10 * np.log10((loudest + SILENCE) / faint.T)
        depth = np.interp(ratio_db, (low, high), (1, least))
        return np.repeat(depth, power.shape[0] // self._rows, axis=1)

    def _follow(self, power: np.ndarray, floor: np.ndarray) -> np.ndarray:
        """Move the noise towards the power where speech is unlikely, within reach of the floor."""
        if self._noise is None:
            self._noise = floor.copy()
            self._clean = np.zeros_like(floor)
            self._presence = np.full_like(floor, 0.5)
        if self._rule.cap <= 1:
            return floor
        x = self._EXPECTED
        ratio = np.minimum(power / self._noise, 80)
        speech = 1 / (1 + (1 + x) * np.exp(-ratio * x / (1 + x)))
        self._presence = 0.9 * self._presence + 0.1 * speech
        # Speech that seems to stay for ever is noise that became louder.
        speech = np.where(self._presence > 0.99, np.minimum(speech, 0.99), speech)
        moved = 0.8 * self._noise + 0.2 * (speech * self._noise + (1 - speech) * power)
        self._noise = np.minimum(np.maximum(moved, floor), self._rule.cap * floor)
        return self._noise


def exponential_integral(x: np.ndarray) -> np.ndarray:
    """Integrate exp(-t) / t from x (> 0) to infinity, to within 2e-7; scipy's E1 takes eight times as long.

    References:
        Abramowitz and Stegun (1964), Handbook of mathematical functions, 5.1.53 and 5.1.56.

    >>> [round(float(value), 5) for value in exponential_integral(np.array([0.1, 1.0, 3.0]))]
    [1.82292, 0.21938, 0.01305]
    """
    least, most = np.minimum(x, 1.0), np.maximum(x, 1.0)
    near = _polynomial(least, _E1_NEAR) - np.log(least)
    far = _polynomial(most, _E1_FAR) / (_polynomial(most, _E1_BELOW) * most) * np.exp(-most)
    return np.where(x < 1.0, near, far)


_E1_NEAR = (0.00107857, -0.00976004, 0.05519968, -0.24991055, 0.99999193, -0.57721566)
_E1_FAR = (1.0, 8.5733287401, 18.0590169730, 8.6347608925, 0.2677737343)
_E1_BELOW = (1.0, 9.5733223454, 25.6329561486, 21.0996530827, 3.9584969228)


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    """Highest power first, by Horner's rule."""
    out = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        out *= x
        out += coefficient
    return out


class _SmoothGains:
    """Gate and mask: a bin is open when its neighbourhood is loud, and opens and closes gently."""

    def __init__(self, rule: Rule, full_scale: float) -> None:
        self._rule, self._full_scale = rule, full_scale
        # Frames of 8 ms: opens within 2 of them, closes within 6.
        self._reach = 0 if rule.hard else 6
        self._held: list[np.ndarray] = []
        self._before = 0

    def push(self, power: np.ndarray, floor: np.ndarray, *, last: bool) -> np.ndarray:
        """Turn power and noise floor (F, n) into gains (F, m); m lags behind until the last call."""
        limit = self._limit(floor)
        lowest = 10 ** (self._rule.floor_db / 20)
        if self._rule.hard:
            return (power > limit).astype(np.float64)
        self._held.append(np.concatenate([power, limit]))
        held = np.concatenate(self._held, axis=1)
        ready = held.shape[1] - self._before - (0 if last else self._reach)
        if ready <= 0:
            return power[:, :0]
        bins = power.shape[0]
        opened = self._open(held[:bins], held[bins:])[:, self._before : self._before + ready]
        keep = max(0, self._before + ready - self._reach)
        self._held = [held[:, keep:]]
        self._before += ready - keep
        return lowest ** (1 - opened)

    def _limit(self, floor: np.ndarray) -> np.ndarray:
        rule = self._rule
        if rule.engine == "gate":
            return floor * 10 ** ((6.0 if rule.threshold_db is None else rule.threshold_db) / 10)
        if rule.threshold_db is None:
            return np.broadcast_to(floor.mean(axis=0, keepdims=True) * 10, floor.shape)
        return np.full_like(floor, self._full_scale * 10 ** (rule.threshold_db / 10))

    def _open(self, power: np.ndarray, limit: np.ndarray) -> np.ndarray:
        near = moving_mean(moving_mean(power, 5, axis=0), 7, axis=1)
        over_db = 10 * np.log10((near + SILENCE) / (limit + SILENCE))
        opened = 1 / (1 + np.exp(-np.clip(over_db / 1.5, -40, 40)))
        return moving_mean(moving_maximum(opened, 3, axis=0), 5, axis=1)
