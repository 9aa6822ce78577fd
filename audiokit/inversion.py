"""Spectrograms back to audio: the function behind `audiokit.invert`, and the per-file task behind the command.

Chunks are decoded one by one, cross-faded over the frames they share into one continuous spectrum, and an engine
turns its frames into audio as they come. `choose_engine` is the one place that decides which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from audiokit.errors import DamagedError, InputError, ModelError, ParameterError, UsageError
from audiokit.io.chunkset import Head, Item, load_npy, open_chunks

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.transform import Transform
    from audiokit.engine.batch import Job
    from audiokit.spectra import SpectroOptions

METHODS = ("auto", "istft", "pghi", "griffin-lim")
#: Frames that go through an engine at once, so that one long array needs no more memory than many chunks.
_FRAMES = 1024


@dataclass(frozen=True)
class InvertOptions:
    """How `invert` goes about it.

    Attributes:
        method: "auto" (exact where the phase is kept, else "griffin-lim"), "istft", "pghi" or "griffin-lim".
        iterations: rounds of fast Griffin-Lim.
        init: where it starts: "pghi", "source" or "random".
        source: audio file whose phase init "source" takes.
        model: mel inverter network by name or folder; "none" for the classical solve; None picks what fits.
        seed: of random phases.
        vocoder: neural vocoder by name, folder or official checkpoint, instead of phase retrieval.
        device: where a vocoder runs.
    """

    method: str = "auto"
    iterations: int = 32
    init: str = "pghi"
    source: str | None = None
    model: str | None = None
    seed: int = 0
    vocoder: str | None = None
    device: str = "cpu"

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


def invert(
    X: np.ndarray,
    transform: Transform,
    *,
    length: int | None = None,
    method: str = "auto",
    iterations: int = 32,
    init: str = "pghi",
    source: np.ndarray | None = None,
    model: str | None = None,
    vocoder: str | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> np.ndarray:
    """Turn a spectrogram back into audio.

    Args:
        X: values as `audiokit.spectro` makes them, (C, bins, N).
        transform: what they are.
        length: samples to return; what the frames cover unless given.
        method: "auto" (exact where the phase is kept, else "griffin-lim"), "istft", "pghi" or "griffin-lim".
        iterations: rounds of fast Griffin-Lim.
        init: where it starts: "pghi", "source" or "random".
        source: audio (C, T) or (1, T) at transform.rate whose phase to start from, for init "source".
        model: mel inverter network by name or folder; "none" for the classical solve; None picks what fits.
        vocoder: neural vocoder by name, folder or official checkpoint, instead of phase retrieval.
        device: where a vocoder runs.
        seed: of random phases.

    Returns:
        Audio (C, T), float32, at transform.rate.

    Raises:
        DamagedError: the values do not fit the transform, or are not finite.
        ParameterError: an option is unknown or does not fit.

    >>> import audiokit
    >>> y = np.sin(np.arange(5000, dtype=np.float32))[None]
    >>> X, transform = audiokit.spectro(y, 8000)
    >>> bool(np.abs(audiokit.invert(X, transform, length=5000) - y).max() < 1e-6)
    True
    """
    chosen = InvertOptions(method, iterations, init, None, model, seed, vocoder, device)
    blocks = iter([source]) if source is not None else None
    engine = choose_engine(transform, X.shape[0] // transform.planes, chosen, blocks)
    audio = [engine.push(frames) for frames in _pieces(_decoded(X, transform, "the array"))]
    return np.concatenate([*audio, engine.finish(length)], axis=1)


def choose_engine(
    transform: Transform, channels: int, options: InvertOptions, source: Iterator[np.ndarray] | None = None
) -> Engine:
    """Pick what turns decoded frames of a transform into audio.

    Raises:
        UsageError: the exact inverse is asked for, but the phase was not kept.
        ModelError: the mel inverter or vocoder asked for does not fit the bands.
    """
    if options.vocoder is not None:
        from audiokit.models.vocoders.vocoder import VocoderEngine, load_vocoder

        network, card = load_vocoder(options.vocoder, device=options.device)
        return VocoderEngine(transform, channels, network, card, options.vocoder)
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
        options: InvertOptions,
        start_only: bool,
        linear,
        source: Iterator[np.ndarray] | None,
    ) -> None:
        from audiokit.dsp.spectrum.phase import BandKeeper, PhaseSettings, PhaseStream
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
    from audiokit.models.folder.checkpoint import load
    from audiokit.models.vocoders.mel2linear import NetworkLinear

    network, card = load(name, kind="mel2linear")
    wanted = transform.front_end
    differing = {k: v for k, v in card["frontend"].items() if wanted.get(k) != v}
    if differing:
        raise ModelError(
            f"{name}: made for other mel bands ({', '.join(f'{k} {v}' for k, v in differing.items())})",
            hint="leave --model out to take what fits, or --model none to solve without a network",
        )
    return NetworkLinear(transform, network, name=name)  # type: ignore[arg-type]


def fitting_model(transform: Transform) -> str | None:
    """Name the shipped mel inverter that fits, if there is one."""
    from audiokit.models.folder.checkpoint import read_card, shipped

    for name, folder in shipped().items():
        card = read_card(folder)
        if card.get("kind") == "mel2linear" and card.get("frontend") == transform.front_end:
            return name
    return None


def _decoded(X: np.ndarray, transform: Transform, name: str) -> np.ndarray:
    from audiokit.dsp.spectrum.transform import decode

    if not np.isfinite(X).all():
        raise DamagedError(f"{name}: holds NaN or infinity")
    try:
        return decode(X, transform)
    except DamagedError as error:
        raise DamagedError(f"{name}: {error}") from None


def _pieces(frames: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, frames.shape[2], _FRAMES):
        yield frames[:, :, start : start + _FRAMES]


def join_chunks(chunks: Iterable[tuple[Item, np.ndarray]], transform: Transform, name: str) -> Iterator[np.ndarray]:
    """Decode chunks and cross-fade them over the frames they share.

    Args:
        chunks: (item, stored values) in order.
        transform: what the values are.
        name: of the set, for errors.

    Yields:
        Decoded frames (C, bins, k) of one continuous spectrum.

    Raises:
        DamagedError: there is a gap, or a chunk is not what its item says.
    """
    held: np.ndarray | None = None
    first = 0
    for item, values in chunks:
        if item.stop - item.start != values.shape[-1]:
            raise DamagedError(
                f"{name}: {item.file} has {values.shape[-1]} frames, but covers {item.start} to {item.stop}"
            )
        frames = _decoded(values, transform, f"{name}: {item.file}")
        if held is None:
            held, first = frames[:, :, :0], item.start
        shared = first + held.shape[2] - item.start
        if shared < 0 or item.start < first:
            raise DamagedError(
                f"{name}: {item.file} starts at frame {item.start}, but the chunks before end at"
                f" {first + held.shape[2]}"
            )
        # Nothing that comes later can change what lies before this chunk.
        ready = item.start - first
        yield from _pieces(held[:, :, :ready])
        held, first = _crossfade(held[:, :, ready:], frames), item.start
    if held is not None:
        yield from _pieces(held)


def _crossfade(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Fade from the end of `old`, which lies over the beginning of `new`, into `new`."""
    shared = min(old.shape[2], new.shape[2])
    fade = (np.arange(shared, dtype=np.float32) + 1) / np.float32(shared + 1)
    # Written so that equal frames stay equal to the bit.
    mixed = old[:, :, :shared] + fade * (new[:, :, :shared] - old[:, :, :shared])
    return np.concatenate([mixed, (new if new.shape[2] > shared else old)[:, :, shared:]], axis=2)


def invert_file(job: Job, *, options: InvertOptions, bare: SpectroOptions) -> dict[str, Any]:
    """Turn one chunk set, array or stream into audio."""
    from audiokit.io.audio import AudioInfo, Reader, Writer

    with ExitStack() as stack:
        head, transform, chunks, warnings = _open(job.source, bare)
        source = None
        if options.source is not None:
            reader = stack.enter_context(Reader(options.source, rate=transform.rate))
            source = reader.blocks()
        engine = choose_engine(transform, head.channels, options, source)
        about = head.source
        like = AudioInfo(
            str(about.get("name", "")), engine.rate, head.channels, head.length,
            str(about.get("subtype", "FLOAT")), str(about.get("format", "")),
            {k: str(v) for k, v in dict(about.get("tags") or {}).items()}, head.history,
        )  # fmt: skip
        writer = stack.enter_context(
            Writer(job.target, engine.rate, head.channels, like=like, history=job.history, force=job.force)
        )
        for frames in join_chunks(chunks, transform, job.source):
            writer.write(engine.push(frames))
        writer.write(engine.finish(head.length))
    return {
        "input": job.source,
        "output": job.target,
        "seconds": round(writer.length / engine.rate, 6),
        "rate": engine.rate,
        "channels": head.channels,
        "engine": engine.name,
        "warnings": [*warnings, *writer.warnings],
    }


Chunks = Iterable[tuple[Item, np.ndarray]]


def _open(source: str, bare: SpectroOptions) -> tuple[Head, Transform, Chunks, list[str]]:
    """Open what there is to invert, and find out what its numbers mean."""
    from audiokit.dsp.spectrum.transform import Transform

    path = Path(source)
    if source != "-" and path.suffix == ".npy" and not path.with_suffix(".json").exists():
        return _open_bare(path, bare)
    reader = open_chunks(source)
    head = reader.head
    if head.kind != "spectrum" or head.transform is None:
        raise InputError(
            f"{reader.name}: holds {head.kind} chunks, not spectra",
            hint="make spectra with: audiokit spectro FILE -o NAME.chunks",
        )
    return head, Transform.from_dict(head.transform, reader.name), reader, []


def _open_bare(path: Path, bare: SpectroOptions) -> tuple[Head, Transform, Chunks, list[str]]:
    """Read another project's array, which only the options describe."""
    from audiokit.dsp.spectrum.presets import find_preset
    from audiokit.dsp.spectrum.transform import resolve
    from audiokit.spectra import make_transform

    if bare.preset is None and (bare.kind is None or bare.rate is None):
        raise InputError(
            f"{path}: no {path.with_suffix('.json').name} beside it says what this array is",
            hint="add --preset NAME, or at least --kind and --rate",
        )
    transform = make_transform(bare, bare.rate or 0)
    array = load_npy(path)
    warnings = []
    if transform.reference is None:
        transform = resolve(transform, 1.0)
        warnings.append("the level of 0 dB is not recorded; it is taken as 1.0, so the loudness is arbitrary")
    preset = find_preset(bare.preset) if bare.preset else None
    step = preset.chunk - preset.overlap if preset is not None and preset.chunk else None
    pieces = shape_bare(array, transform, str(path), step=step)
    channels = pieces[0][1].shape[0] // transform.planes
    head = Head("spectrum", transform.rate, channels, None, transform.dtype, 1, 1, transform=transform.to_dict())
    return head, transform, pieces, warnings


def shape_bare(
    array: np.ndarray, transform: Transform, name: str, *, step: int | None
) -> list[tuple[Item, np.ndarray]]:
    """Bring an array of another project into chunks (planes * C, bins, frames).

    Args:
        array: what the file holds.
        transform: what its numbers are.
        name: for errors.
        step: frames between stacked windows, for the systems that stack windows of one sound.

    Raises:
        DamagedError: no arrangement known for this front-end has this shape.

    >>> from audiokit.dsp.spectrum.presets import find_preset
    >>> jazz = find_preset("cyclegan-music").transform("cyclegan-music")
    >>> [item.start for item, _ in shape_bare(np.zeros((3, 1, 128, 256)), jazz, "x.npy", step=128)]
    [0, 128, 256]
    """
    bins, planes = transform.bins, transform.planes
    if array.dtype.kind not in "fciu":
        raise DamagedError(f"{name}: holds {array.dtype}, not numbers")
    if transform.kind == "real-imag" and array.ndim == 3 and planes in array.shape:
        # Notes are kept with their upper bins cut off; those are silent.
        array = np.moveaxis(array, 2, 0) if array.shape[2] == planes and array.shape[0] != planes else array
        array = np.pad(array, ((0, 0), (0, max(0, bins - array.shape[1])), (0, 0)))
    elif transform.kind == "magnitude-if" and array.ndim == 3 and array.shape[1:] == (bins, planes):
        array = np.transpose(array, (2, 1, 0))
    elif array.ndim == 4 and array.shape[1:3] == (1, bins) and step:
        array = array[:, 0]
    elif array.ndim == 2:
        array = array.T[None] if array.shape[1] == bins and array.shape[0] != bins else array[None]
    if array.ndim != 3 or array.shape[1] != bins or array.shape[0] % planes or 0 in array.shape:
        raise DamagedError(
            f"{name}: an array of shape {array.shape} is no {transform.preset or transform.kind} spectrogram"
            f" with {bins} bins",
            hint="check --preset, --n-fft and --n-mels",
        )
    if not np.isfinite(array).all():
        raise DamagedError(f"{name}: holds NaN or infinity")
    dtype = np.complex64 if transform.kind == "stft" else np.float32
    if np.iscomplexobj(array) and dtype is np.float32:
        raise DamagedError(f"{name}: complex numbers, but {transform.kind} values are real", hint="try --kind stft")
    array = array.astype(dtype)
    stacked = array[:, None] if step else array[None]
    if step and array.shape[2] < step:
        raise DamagedError(f"{name}: windows of {array.shape[2]} frames cannot be {step} frames apart")
    return [
        (Item(f"{k}", k * (step or 0), k * (step or 0) + window.shape[2], window.shape, ""), window)
        for k, window in enumerate(stacked)
    ]
