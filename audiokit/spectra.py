"""Audio to spectrograms: the function behind `audiokit.spectro`, and the per-file task behind the command."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from audiokit.errors import ParameterError
from audiokit.io.audio import Reader
from audiokit.io.chunkset import Head, create_chunks

if TYPE_CHECKING:
    import numpy as np

    from audiokit.dsp.spectrum.transform import Transform
    from audiokit.engine.batch import Job

_BLOCK = 1 << 16
_PICTURE_COLUMNS = 2400
#: What `--kind mel` makes unless told otherwise is librosa's mel spectrogram, and what the shipped inverters know.
_MEL = {"n_mels": 128, "power": 2.0}


@dataclass(frozen=True)
class SpectroOptions:
    """What `spectro` makes; None means the preset's value, or the general default.

    Attributes:
        kind, n_fft, hop, window, n_mels, fmin, fmax, scale: as in `audiokit.dsp.spectrum.transform.Transform`.
        rate: sample rate to work at in Hz (the input's, or the preset's).
        preset: name of a front-end.
        mono: average the channels first.
        chunk, overlap: length and overlap of chunks, such as 6s or 256f (frames); "all" makes one chunk.
    """

    kind: str | None = None
    n_fft: int | None = None
    hop: int | None = None
    window: str | None = None
    n_mels: int | None = None
    fmin: float | None = None
    fmax: float | None = None
    scale: str | None = None
    rate: int | None = None
    preset: str | None = None
    mono: bool = False
    chunk: str | None = None
    overlap: str | None = None


def spectro(
    y: np.ndarray,
    rate: int,
    *,
    kind: str | None = None,
    n_fft: int | None = None,
    hop: int | None = None,
    window: str | None = None,
    n_mels: int | None = None,
    fmin: float | None = None,
    fmax: float | None = None,
    scale: str | None = None,
    preset: str | None = None,
) -> tuple[np.ndarray, Transform]:
    """Turn audio into a spectrogram.

    Args:
        y: audio (C, T), float32.
        rate: its sample rate in Hz.
        kind: "stft" (default), "magnitude" or "mel".
        n_fft: frame length in samples (2048).
        hop: step between frames in samples (a quarter of the frame).
        window: name of the window ("hann").
        n_mels: mel bands (128).
        fmin: lowest mel frequency in Hz (0).
        fmax: highest mel frequency in Hz (half the rate).
        scale: "linear", "log" (natural; default for magnitudes and mel bands), "log10" or "db".
        preset: a known system's front-end, whose numbers the other options change.

    Returns:
        Values (C, bins, N), complex64 for kind stft and float32 otherwise, and the Transform that says what they
        are; `audiokit.invert` takes both.

    Raises:
        ParameterError: an option is out of range, or the preset works at another rate.

    >>> import numpy as np
    >>> X, transform = spectro(np.zeros((2, 22050), np.float32), 22050, preset="melgan")
    >>> X.shape, transform.scale
    ((2, 80, 87), 'log10')
    """
    from audiokit.dsp.spectrum.transform import forward

    options = SpectroOptions(kind, n_fft, hop, window, n_mels, fmin, fmax, scale, preset=preset)
    transform = make_transform(options, rate)
    if transform.rate != rate:
        raise ParameterError(
            f"the audio is at {rate} Hz, but preset {transform.preset} works at {transform.rate} Hz",
            hint=f"resample it first, for instance with audiokit.read(path, rate={transform.rate})",
        )
    return forward(y, transform)


def make_transform(options: SpectroOptions, rate: int) -> Transform:
    """Decide what is made of audio at a rate.

    Raises:
        ParameterError: an option is unknown or out of range, or the result could not be turned back.
    """
    from audiokit.dsp.spectrum.presets import find_preset, matching_presets
    from audiokit.dsp.spectrum.transform import Transform

    names = ("kind", "n_fft", "hop", "window", "n_mels", "fmin", "fmax", "scale")
    given: dict[str, Any] = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    if options.rate is not None:
        given["rate"] = options.rate
    if options.preset is not None:
        base = find_preset(options.preset).transform(options.preset)
        if not given:
            return base
        changed = replace(base, **_reframed(given, base))
        name = options.preset if options.preset in matching_presets(changed) else None
        return replace(changed, preset=name)
    given.setdefault("kind", "stft")
    given.setdefault("rate", rate)
    if "n_fft" in given:
        given.setdefault("hop", max(1, given["n_fft"] // 4))
    if given["kind"] == "mel":
        given = {**_MEL, **given}
    elif {"n_mels", "fmin", "fmax"} & given.keys():
        raise ParameterError("--n-mels, --fmin and --fmax belong to --kind mel", hint="add --kind mel")
    if given["kind"] != "stft":
        given.setdefault("scale", "log")
    power = given.get("power", 1.0)
    transform = Transform(**given, floor=1e-5**power)
    _check_overlap(transform)
    return transform


def _reframed(given: dict[str, Any], base: Transform) -> dict[str, Any]:
    """Padding follows a changed frame length; the band's end follows a changed rate."""
    if "n_fft" in given or "hop" in given:
        given = {**given, "pad": None, "tail": None}
    if base.kind == "mel" and "rate" in given and "fmax" not in given and base.fmax == base.rate / 2:
        given = {**given, "fmax": None}
    return given


def _check_overlap(transform: Transform) -> None:
    import numpy as np

    from audiokit.dsp.spectrum.stft import overlap_add, window_values

    squared = window_values(transform.window, transform.n_fft) ** 2
    count = 2 * -(-transform.n_fft // transform.hop) + 1
    summed = overlap_add(np.broadcast_to(squared, (1, count, len(squared))), transform.hop)[0]
    middle = summed[transform.n_fft : -transform.n_fft]
    if middle.size and middle.min() < 1e-2 * middle.max():
        raise ParameterError(
            f"hop {transform.hop} with a {transform.window} window of {transform.n_fft} leaves gaps between frames",
            hint=f"choose --hop {transform.n_fft // 4}",
        )


def chunk_frames(options: SpectroOptions, transform: Transform) -> tuple[int | None, int]:
    """Turn --chunk and --overlap into frames; the chunk is None for one chunk of everything.

    >>> from audiokit.dsp.spectrum.transform import Transform
    >>> chunk_frames(SpectroOptions(chunk="6s", overlap="64f"), Transform(rate=22050, n_fft=1024, hop=256))
    (517, 64)
    """
    from audiokit.dsp.spectrum.presets import find_preset

    chunk, overlap = options.chunk, options.overlap
    preset = find_preset(options.preset) if options.preset else None
    if chunk is None and preset is not None and preset.chunk:
        frames: int | None = preset.chunk
        shared = preset.overlap if overlap is None else _frames(overlap, "--overlap", transform)
    else:
        frames = None if chunk == "all" else max(1, _frames(chunk or "6s", "--chunk", transform))
        shared = 0 if frames is None else _frames(overlap or "0.5s", "--overlap", transform)
        if overlap is None and frames is not None:
            shared = min(shared, frames // 2)
    if frames is not None and not 0 <= shared < frames:
        raise ParameterError(
            f"overlap of {shared} frames is not less than the chunk of {frames}", hint="choose a shorter --overlap"
        )
    return frames, shared


def _frames(text: str, name: str, transform: Transform) -> int:
    from audiokit.engine.options import seconds

    if text.endswith("f") and text[:-1].isdigit():
        return int(text[:-1])
    return round(seconds(text, name) * transform.rate / transform.hop)


def spectro_file(job: Job, *, options: SpectroOptions) -> dict[str, Any]:
    """Turn one audio file into a chunk set, an array, a tar stream or a picture."""
    with Reader(job.source, rate=_rate(options), mono=options.mono) as reader:
        transform = make_transform(options, reader.rate)
        stream = _Replay(reader) if transform.needs_peak else _Once(reader)
        with stream:
            if transform.needs_peak:
                transform = _measure(stream, reader.channels, transform)
            if Path(job.target).suffix == ".png":
                report = _draw(job, stream, reader, transform)
            else:
                report = _write(job, stream, reader, transform, options)
        source_rate = reader.info.rate
    report.update(rate=transform.rate, kind=transform.kind, preset=transform.preset, bins=transform.bins)
    if source_rate != transform.rate:
        report["resampled_from"] = source_rate
    return {"input": job.source, "output": job.target, **report}


def _rate(options: SpectroOptions) -> int | None:
    if options.rate is None and options.preset is not None:
        from audiokit.dsp.spectrum.presets import find_preset

        return find_preset(options.preset).fields["rate"]
    return options.rate


class _Once:
    """Audio that is read one time, as it comes."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.length = 0

    def __enter__(self) -> _Once:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the audio in blocks (C, n)."""
        self.length = 0
        for block in self._reader.blocks(_BLOCK):
            self.length += block.shape[1]
            yield block


class _Replay(_Once):
    """Audio that is read twice: the first time goes through a file, so that a pipe will do."""

    def __enter__(self) -> _Replay:
        self._spool = TemporaryFile()
        self._spooled = False
        return self

    def __exit__(self, *error: object) -> None:
        self._spool.close()

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the audio in blocks (C, n), as often as asked."""
        import numpy as np

        if not self._spooled:
            for block in super().blocks():
                self._spool.write(np.ascontiguousarray(block.T, np.float32).tobytes())
                yield block
            self._spooled = True
            return
        self._spool.seek(0)
        size = 4 * self._reader.channels
        while data := self._spool.read(_BLOCK * size):
            yield np.ascontiguousarray(np.frombuffer(data, np.float32).reshape(-1, self._reader.channels).T)


def _spectra(stream: _Once, channels: int, transform: Transform) -> Iterator[np.ndarray]:
    from audiokit.dsp.spectrum.stft import StftStream

    frames = StftStream(channels=channels, **transform.framing)
    for block in stream.blocks():
        yield frames.push(block)
    yield frames.finish()


def _measure(stream: _Once, channels: int, transform: Transform) -> Transform:
    from audiokit.dsp.spectrum.transform import energies, resolve

    peak = 0.0
    for S in _spectra(stream, channels, transform):
        peak = max(peak, float(energies(S, transform).max(initial=0.0)))
    return resolve(transform, peak)


def _write(job: Job, stream: _Once, reader: Reader, transform: Transform, options: SpectroOptions) -> dict[str, Any]:
    from audiokit.dsp.spectrum.transform import encode

    chunk, overlap = chunk_frames(options, transform)
    if Path(job.target).suffix == ".npy":
        chunk = None
    head = Head(
        kind="spectrum",
        rate=transform.rate,
        channels=reader.channels,
        length=reader.length,
        dtype=transform.dtype,
        chunk=chunk or 1,
        hop=(chunk - overlap) if chunk else 1,
        name=_stem(job.source),
        transform=transform.to_dict(),
        source=_describe(job.source, reader),
        history=[*reader.info.history, *job.history],
    )
    count = frames = 0
    with create_chunks(job.target, head, force=job.force) as writer:
        spectra = _spectra(stream, reader.channels, transform)
        for S, start, stop in windows(spectra, chunk, overlap):
            if chunk is None:
                head.chunk = head.hop = max(1, stop)
            writer.write(encode(S, transform), start, stop)
            count, frames = count + 1, stop
        head.length = stream.length
    return {
        "seconds": round(stream.length / transform.rate, 6),
        "channels": reader.channels,
        "frames": frames,
        "chunks": count,
    }


def windows(spectra: Iterator[np.ndarray], chunk: int | None, overlap: int) -> Iterator[tuple[np.ndarray, int, int]]:
    """Cut a stream of frames into windows that overlap; the last one is as long as what is left.

    Args:
        spectra: blocks (C, F, k) of one continuous spectrum.
        chunk: frames per window; None gives one window of everything.
        overlap: frames that neighbouring windows share.

    Yields:
        Window (C, F, n) and the frames start, stop that it covers.

    >>> import numpy as np
    >>> [(start, stop) for _, start, stop in windows(iter([np.zeros((1, 1, 25))]), 10, 4)]
    [(0, 10), (6, 16), (12, 22), (18, 25)]
    """
    import numpy as np

    held: list[np.ndarray] = []
    size = start = done = 0
    for block in spectra:
        held.append(block)
        size += block.shape[2]
        while chunk is not None and size >= chunk:
            together = np.concatenate(held, axis=2)
            yield np.ascontiguousarray(together[:, :, :chunk]), start, start + chunk
            done = start + chunk
            start += chunk - overlap
            held = [together[:, :, chunk - overlap :]]
            size = held[0].shape[2]
    if start + size > done:
        yield np.concatenate(held, axis=2), start, start + size


def _stem(source: str) -> str:
    return "stdin" if source == "-" else Path(source).stem


def _describe(source: str, reader: Reader) -> dict[str, Any]:
    about: dict[str, Any] = {"name": Path(source).name if source != "-" else "-", "subtype": reader.info.subtype}
    about.update(rate=reader.info.rate, format=reader.info.format, tags=reader.info.tags)
    if source != "-":
        with open(source, "rb") as file:
            about["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return about


def _draw(job: Job, stream: _Once, reader: Reader, transform: Transform) -> dict[str, Any]:
    """Draw the level of every bin over time; columns are merged as they come, so that hours fit."""
    import numpy as np

    from audiokit.dsp.spectrum.mel import hz_to_mel, mel_to_hz
    from audiokit.dsp.spectrum.stft import window_values
    from audiokit.dsp.spectrum.transform import energies
    from audiokit.io.image import save_spectrogram

    columns = np.zeros((reader.channels, transform.bins, 0), np.float32)
    merged, frames, pending = 1, 0, columns
    for S in _spectra(stream, reader.channels, transform):
        frames += S.shape[2]
        pending = np.concatenate([pending, energies(S, replace(transform, gain=1.0))], axis=2)
        whole = pending.shape[2] // merged * merged
        columns = np.concatenate([columns, _merge(pending[:, :, :whole], merged)], axis=2)
        pending = pending[:, :, whole:]
        while columns.shape[2] > 2 * _PICTURE_COLUMNS:
            even = columns.shape[2] // 2 * 2
            pending = np.concatenate([np.repeat(columns[:, :, even:], merged, axis=2), pending], axis=2)
            columns, merged = _merge(columns[:, :, :even], 2), merged * 2
    if pending.shape[2]:
        columns = np.concatenate([columns, pending.max(axis=2, keepdims=True)], axis=2)
    full_scale = window_values(transform.window, transform.n_fft).sum() / 2
    level = 20 / transform.power * np.log10(np.maximum(columns, 1e-20)) - 20 * np.log10(full_scale)
    if transform.kind == "mel":
        band = (transform.fmin, transform.fmax or transform.rate / 2)
        low, high = (float(hz_to_mel(hz, htk=transform.htk)) for hz in band)
        centres = mel_to_hz(np.linspace(low, high, transform.bins + 2)[1:-1], htk=transform.htk)
    else:
        centres = np.arange(transform.first_bin, transform.n_fft // 2 + 1) * transform.rate / transform.n_fft
    save_spectrogram(
        job.target,
        level,
        seconds=frames * transform.hop / transform.rate,
        frequencies_hz=centres,
        title=f"{_stem(job.source)}, {transform.preset or transform.kind}",
        axis="mel" if transform.kind == "mel" else "linear",
        force=job.force,
    )
    return {
        "seconds": round(stream.length / transform.rate, 6),
        "channels": reader.channels,
        "frames": frames,
    }


def _merge(columns: np.ndarray, count: int) -> np.ndarray:
    return columns.reshape(*columns.shape[:2], -1, count).max(axis=3)
