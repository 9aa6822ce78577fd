"""Engines that turn the frames of a spectrum into audio as they come; `choose_engine` alone decides which.

Where the phase was kept the exact inverse; else a neural vocoder, or phase retrieval, after a network or the classical
solve has turned mel bands into linear bins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from audiokit.dsp.spectrum.transform import Transform
from audiokit.dsp.spectrum.windows import decoded, pieces_of
from audiokit.errors import ModelError, ParameterError, UsageError

METHODS = ("auto", "istft", "pghi", "griffin-lim")


@dataclass(frozen=True)
class Inversion:
    """How a spectrum becomes audio.

    Attributes:
        method: "auto" (exact where the phase is kept, else "griffin-lim"), "istft", "pghi" or "griffin-lim".
        iterations: rounds of fast Griffin-Lim.
        init: where it starts: "pghi", "source" or "random".
        model: mel inverter network by name or folder; "none" for the classical solve; None picks what fits.
        seed: of random phases.
        vocoder: neural vocoder by name, folder or official checkpoint, instead of phase retrieval.
        device: where a vocoder runs.
    """

    method: str = "auto"
    iterations: int = 32
    init: str = "pghi"
    model: str | None = None
    seed: int = 0
    vocoder: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.vocoder is not None and (self.method != "auto" or self.init != "pghi" or self.model is not None):
            raise ParameterError("--vocoder replaces --method, --init and --model", hint="leave those out")
        if self.method not in METHODS:
            raise ParameterError(f"unknown method {self.method!r}", hint=f"methods: {', '.join(METHODS)}")
        if self.init == "source" and self.method in ("istft", "pghi"):
            raise ParameterError(f"--init source has no meaning for --method {self.method}")


class Engine(Protocol):
    """Turn decoded frames into audio as they come.

    Attributes:
        name: what it is, for reports.
        rate: of the audio, Hz.
    """

    name: str
    rate: int

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Take decoded frames (C, bins, k); return audio (C, n)."""
        ...

    def finish(self, length: int | None) -> np.ndarray:
        """Return the rest, so that `length` samples have come in all."""
        ...


def to_audio(
    X: np.ndarray, transform: Transform, *, length: int | None = None, how: Inversion | None = None
) -> np.ndarray:
    """Turn a whole spectrogram into audio.

    Args:
        X: stored values (C, bins, N).
        transform: what they are.
        length: samples to return; what the frames cover unless given.
        how: which engine, and its settings.

    Returns:
        Audio (C, T), float32, at transform.rate.
    """
    engine = choose_engine(transform, X.shape[0] // transform.planes, how or Inversion())
    audio = [engine.push(frames) for frames in pieces_of(decoded(X, transform, "the array"))]
    return np.concatenate([*audio, engine.finish(length)], axis=1)


def choose_engine(
    transform: Transform, channels: int, options: Inversion, source: Iterator[np.ndarray] | None = None
) -> Engine:
    """Pick what turns decoded frames of a transform into audio.

    Raises:
        UsageError: the exact inverse is asked for, but the phase was not kept.
        ModelError: the mel inverter or vocoder asked for does not fit the bands.
    """
    if options.vocoder is not None:
        from audiokit.models.vocoders.vocoder import VocoderEngine, load_vocoder

        network = load_vocoder(options.vocoder, device=options.device)
        return VocoderEngine(transform, channels, network, options.vocoder)
    if options.model not in (None, "none") and transform.kind != "mel":
        raise ModelError(
            f"{options.model}: turns mel bands into linear bins, but this is a spectrum of kind {transform.kind}",
            hint="leave --model out",
        )
    method = options.method
    if method == "auto":
        keeps = transform.is_complex and options.init == "pghi"
        method = "istft" if keeps else "griffin-lim"
    if method == "istft":
        if not transform.is_complex:
            raise UsageError(
                f"--method istft: a {transform.kind} spectrogram has no phase", hint="choose --method griffin-lim"
            )
        return ExactEngine(transform, channels)
    linear = None
    if transform.kind == "mel":
        linear = _mel_solver(transform, options.model)
    return PhaseEngine(transform, channels, options, method == "pghi", linear, source)


class ExactEngine:
    """Invert complex spectra by least squares."""

    def __init__(self, transform: Transform, channels: int) -> None:
        from audiokit.dsp.spectrum.stft import IstftStream

        self.name, self.rate = "istft", transform.rate
        self._stream = IstftStream(channels=channels, **transform.synthesis)

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Take complex frames (C, F, k); return audio (C, n)."""
        return self._stream.push(frames)

    def finish(self, length: int | None) -> np.ndarray:
        """Return the rest."""
        return self._stream.finish(length)


class PhaseEngine:
    """Find linear magnitudes (of mel bands) and phases, then invert."""

    def __init__(
        self,
        transform: Transform,
        channels: int,
        options: Inversion,
        start_only: bool,
        linear,
        source: Iterator[np.ndarray] | None,
    ) -> None:
        from audiokit.dsp.spectrum.griffin_lim import BandKeeper, PhaseSettings
        from audiokit.dsp.spectrum.phase import PhaseStream
        from audiokit.dsp.spectrum.stft import IstftStream

        settings = PhaseSettings(
            transform.n_fft,
            transform.hop,
            transform.window,
            transform.sides,
            transform.pad_mode,
            init=options.init,
            iterations=0 if start_only else options.iterations,
        )
        self.name = "pghi" if start_only else f"griffin-lim from {options.init}"
        if linear is not None:
            self.name = f"{linear.name}, {self.name}"
        self.rate = transform.rate
        self._linear = linear
        keeper = BandKeeper(transform.filters, transform.power) if transform.kind == "mel" else None
        rng = np.random.default_rng(options.seed)
        self._phases = PhaseStream(channels, settings, keeper=keeper, rng=rng)
        self._audio = IstftStream(channels=channels, **transform.synthesis)
        self._source = SourceFrames(transform, source) if options.init == "source" else None
        if self._source is not None and source is None:
            raise UsageError("--init source needs the sound to start from", hint="add --source FILE")

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Take magnitudes or mel bands (C, bins, k), or complex frames to forget the phase of."""
        magnitude = np.abs(frames) if self._linear is None else self._linear.push(frames)
        return self._retrieve(magnitude)

    def _retrieve(self, magnitude: np.ndarray) -> np.ndarray:
        source = self._source.take(magnitude.shape[2]) if self._source is not None else None
        return self._audio.push(self._phases.push(magnitude, source))

    def finish(self, length: int | None) -> np.ndarray:
        """Return the rest."""
        last = None if self._linear is None else self._linear.finish()
        first = [] if last is None else [self._retrieve(last)]
        parts = [*first, self._audio.push(self._phases.finish(length)), self._audio.finish(length)]
        return np.concatenate(parts, axis=1)


class SourceFrames:
    """Spectra of the sound whose phase is used, as many frames as asked."""

    def __init__(self, transform: Transform, blocks: Iterator[np.ndarray] | None) -> None:
        self._transform, self._blocks = transform, blocks
        self._stream: Any = None
        self._held: np.ndarray | None = None

    def take(self, count: int) -> np.ndarray:
        """Return the next frames (C, F, k), fewer than `count` once the sound is over."""
        from audiokit.dsp.spectrum.stft import StftStream

        while self._blocks is not None and (self._held is None or self._held.shape[2] < count):
            block = next(self._blocks, None)
            if self._stream is None:
                first = np.zeros((1, 0), np.float32) if block is None else block
                self._stream = StftStream(channels=first.shape[0], **self._transform.framing)
            frames = self._stream.finish() if block is None else self._stream.push(block)
            self._blocks = None if block is None else self._blocks
            self._held = frames if self._held is None else np.concatenate([self._held, frames], axis=2)
        assert self._held is not None
        taken, self._held = self._held[:, :, :count], self._held[:, :, count:]
        return taken


class ClassicalLinear:
    """Linear magnitudes by the non-negative solve of each block of frames."""

    name = "non-negative solve"

    def __init__(self, transform: Transform) -> None:
        self._transform = transform

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Mel bands (C, n_mels, k) -> magnitude (C, F, k)."""
        from audiokit.dsp.spectrum.mel import mel_to_linear

        found = mel_to_linear(frames, self._transform.filters)
        return found if self._transform.power == 1 else np.sqrt(found)

    def finish(self) -> None:
        """Nothing is held back."""


def _mel_solver(transform: Transform, model: str | None) -> Any:
    """The network that fits the bands (the one asked for, else a shipped one), or the classical solve."""
    name = fitting_model(transform) if model is None else model
    if name is None or name == "none":
        return ClassicalLinear(transform)
    from audiokit.models.folder.runtime import open_network
    from audiokit.models.vocoders.mel_linear import NetworkLinear

    network = open_network(name, kind="mel2linear", device="cpu")
    wanted = transform.front_end
    differing = {k: v for k, v in network.card["frontend"].items() if wanted.get(k) != v}
    if differing:
        raise ModelError(
            f"{name}: made for other mel bands ({', '.join(f'{k} {v}' for k, v in differing.items())})",
            hint="leave --model out to take what fits, or --model none to solve without a network",
        )
    return NetworkLinear(transform, network, name=name)


def fitting_model(transform: Transform) -> str | None:
    """Name the shipped mel inverter that fits, if there is one."""
    from audiokit.models.folder.checkpoint import read_card, shipped

    for name, folder in shipped().items():
        card = read_card(folder)
        if card.get("kind") == "mel2linear" and card.get("frontend") == transform.front_end:
            return name
    return None
