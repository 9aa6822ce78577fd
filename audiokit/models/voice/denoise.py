"""The neural engine of `denoise`: a network for mono speech at 16 kHz, run on any audio, block by block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.dsp.separation.denoise import PlainDenoiser
from audiokit.dsp.separation.noise import Rule
from audiokit.dsp.spectrum.stft import IstftStream, StftStream
from audiokit.errors import ModelError
from audiokit.models.voice.easing import Easing

if TYPE_CHECKING:
    from audiokit.models.folder.runtime import Network


@dataclass(frozen=True)
class Surroundings:
    """What surrounds a network, as its card says.

    Attributes:
        first_db: floor of the Wiener engine that runs before the network; None: nothing runs before it.
        spare_clean: whether recordings that are clean already get less of the network's work.
        easing: how gently gains are applied; None: the network's mask as it is.
    """

    first_db: float | None
    spare_clean: bool
    easing: Easing | None = None

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> Surroundings:
        """Read a model card.

        >>> Surroundings.of({"frontend": {"first_db": -12.0}})
        Surroundings(first_db=-12.0, spare_clean=True, easing=None)
        """
        said = card.get("frontend", {})
        first_db = said.get("first_db")
        return cls(first_db, bool(said.get("spare_clean", first_db is not None)), Easing.of(said.get("easing")))


def load_network(model: str, *, device: str = "auto") -> tuple[Network, Surroundings]:
    """Load a denoiser for the neural engine.

    Returns:
        The network, and what surrounds it.

    Raises:
        ModelError: there is no such model, or it is of another kind.
    """
    from audiokit.models.folder.runtime import open_network

    network = open_network(model, kind="denoise", device=device)
    if network.card["architecture"] != "gtcrn":
        raise ModelError(f"{model}: a denoiser of an architecture that this command does not run")
    return network, Surroundings.of(network.card)


def working_gain(y: np.ndarray) -> float:
    """Choose a gain that brings audio (C, T) to the level at which networks are trained.

    >>> round(working_gain(np.full((1, 100), 0.001, np.float32)), 1)
    50.1
    """
    level = float(np.sqrt(np.mean(np.square(y, dtype=np.float64)))) if y.size else 0.0
    return 1.0 if level < 1e-7 else 10 ** (-26 / 20) / level


class NeuralDenoiser:
    """Denoise speech of any rate and any number of channels with a network that works on mono at 16 kHz.

    The network gives every channel a complex mask; their mean, weighted by power, is applied to all. What lies above
    the network's band goes through the plain engine, and down with the network where that finds no speech in its
    highest octave. Audio that the network leaves alone comes out as it went in.

    Args:
        network: the denoiser.
        channels: of the audio.
        rate: of the audio, in Hz.
        strength: share of the noise reduction to apply.
        gain: brings the audio to the network's working level; undone afterwards.
        first_db: floor of the Wiener engine that runs before the network; None runs the network alone.
        easing: how gently the gains of both are applied; None applies the network's mask as it is.
    """

    def __init__(
        self,
        network: Network,
        *,
        channels: int,
        rate: int,
        strength: float = 1.0,
        gain: float = 1.0,
        first_db: float | None = None,
        easing: Easing | None = None,
    ) -> None:
        config = network.settings
        own_rate = config["rate"]
        self.channels, self._strength, self._gain = channels, strength, gain
        self._network, self._easing = network, easing
        states = list(network.inputs().values())[1:]
        self._state = tuple(
            np.zeros([channels if axis == "batch" else int(axis) for axis in s], np.float32) for s in states
        )
        rule = None if first_db is None else Rule(floor_db=first_db)
        self._first = PlainDenoiser(channels=channels, rate=own_rate, rule=rule) if rule else None
        sizes: dict[str, Any] = {"n_fft": config["n_fft"], "hop": config["hop"], "window": "sqrt-hann"}
        self._analysis, self._raw_analysis = (StftStream(channels=channels, **sizes) for _ in range(2))
        self._synthesis = IstftStream(channels=channels, **sizes)
        self._down = _resampler(rate, own_rate, channels)
        self._up = _resampler(own_rate, rate, 2 * channels)
        self._above = PlainDenoiser(channels=channels, rate=rate, strength=strength) if rate > own_rate else None
        self._openness = _Curve(step=config["hop"] * rate / own_rate)
        # Audio on its way: the input, the input at the network's rate (until it is heard, and until it is finished),
        # and the finished lower band.
        self._input, self._raw, self._low, self._lower = (_Queue(channels) for _ in range(4))

    def push(self, y: np.ndarray) -> np.ndarray:
        """Take audio (C, n) and return finished audio (C, m)."""
        return self._work(y, last=False)

    def finish(self) -> np.ndarray:
        """Return the rest; all audio together is as long as the input."""
        return self._work(np.zeros((self.channels, 0), np.float32), last=True)

    def _work(self, y: np.ndarray, *, last: bool) -> np.ndarray:
        self._input.put(y)
        low = self._down(y, last)
        self._low.put(low)
        self._raw.put(low)
        if self._first is not None:
            low = self._first.push(low)
            low = np.concatenate([low, self._first.finish()], axis=1) if last else low
        raw = self._raw.take(low.shape[1])
        parts = [self._synthesis.push(self._enhance(self._analysis.push(low), self._raw_analysis.push(raw)))]
        if last:
            parts.append(self._synthesis.push(self._enhance(self._analysis.finish(), self._raw_analysis.finish())))
            parts.append(self._synthesis.finish(self._analysis.length))
        done = np.concatenate(parts, axis=1)
        heard = self._low.take(done.shape[1])
        done = heard + self._strength * (done - heard)
        both = self._up(np.concatenate([heard, done]), last)
        # Resampling there and back may come out a sample short or long.
        count = self._input.size if last else min(both.shape[1], self._input.size)
        both = np.pad(both, ((0, 0), (0, max(0, count - both.shape[1]))))[:, :count]
        before, after = both[: self.channels], both[self.channels :]
        rest = self._input.take(count) - before
        if self._above is None:
            return rest + after
        self._lower.put(after)
        above = self._above.push(rest)
        if last:
            above = np.concatenate([above, self._above.finish()], axis=1)
        return self._lower.take(above.shape[1]) + above * self._openness.take(above.shape[1], self._strength)

    def _enhance(self, spectra: np.ndarray, raw: np.ndarray) -> np.ndarray:
        if spectra.shape[2] == 0:
            return spectra
        heard = raw if self._easing is not None and self._easing.hears_input else spectra
        x = (heard * np.float32(self._gain)).transpose(0, 2, 1)  # (C, N, F)
        mask, *state = self._network.run(np.stack([x.real, x.imag], axis=1), *self._state)
        self._state = tuple(state)
        masks = (mask[:, 0] + 1j * mask[:, 1]).transpose(0, 2, 1)
        if self.channels > 1:
            weight = np.abs(heard) ** 2 + 1e-20
            masks = (masks * weight).sum(axis=0, keepdims=True) / weight.sum(axis=0, keepdims=True)
        enhanced = (heard * masks).astype(np.complex64)
        self._openness.put(_band_ratio(heard, enhanced))
        if self._easing is None:
            return enhanced
        loud, left = (np.sqrt((np.abs(S) ** 2).sum(axis=0, keepdims=True)) for S in (raw, spectra))
        gain = self._easing.gain(np.abs(masks), left / (loud + 1e-9))
        return (raw * gain.astype(np.float32)).astype(np.complex64)


def _band_ratio(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Measure how much of the amplitude of the highest octave is left, per frame (N,)."""
    low, high = before.shape[1] // 2, int(before.shape[1] * 0.92)
    power = [np.sum(np.abs(S[:, low:high]) ** 2, axis=(0, 1)) for S in (before, after)]
    return np.sqrt(np.minimum((power[1] + 1e-12) / (power[0] + 1e-12), 1))


class _Queue:
    """Audio (C, n) that waits for its counterpart."""

    def __init__(self, channels: int) -> None:
        self._blocks = [np.zeros((channels, 0), np.float32)]
        self.size = 0

    def put(self, y: np.ndarray) -> None:
        self._blocks.append(y)
        self.size += y.shape[1]

    def take(self, count: int) -> np.ndarray:
        """Take the oldest `count` samples."""
        held = np.concatenate(self._blocks, axis=1) if len(self._blocks) > 1 else self._blocks[0]
        self._blocks = [held[:, count:]]
        self.size = held.shape[1] - count if held.shape[1] > count else 0
        return held[:, :count]


class _Curve:
    """A value per frame, read per sample by linear interpolation."""

    def __init__(self, *, step: float) -> None:
        self._step, self._values, self._first, self._at = step, np.zeros(0), 0, 0

    def put(self, values: np.ndarray) -> None:
        self._values = np.concatenate([self._values, values])

    def take(self, count: int, strength: float) -> np.ndarray:
        """Take the next `count` samples (count,), float32, moved towards 1 where the strength is less than 1."""
        if self._values.size == 0:
            return np.ones(count, np.float32)
        at = (self._at + np.arange(count)) / self._step - self._first
        curve = np.interp(at, np.arange(self._values.size), self._values)
        self._at += count
        drop = min(int(self._at / self._step) - self._first, self._values.size - 1)
        self._values, self._first = self._values[drop:], self._first + drop
        return (1 + strength * (curve - 1)).astype(np.float32)


def _resampler(source: int, target: int, channels: int) -> Callable[[np.ndarray, bool], np.ndarray]:
    if source == target:
        return lambda y, last: y
    import soxr

    stream = soxr.ResampleStream(source, target, channels, dtype="float32", quality="HQ")

    def resample(y: np.ndarray, last: bool) -> np.ndarray:
        out = stream.resample_chunk(np.ascontiguousarray(y.T, dtype=np.float32), last=last)
        return np.ascontiguousarray(out.reshape(-1, channels).T)

    return resample
