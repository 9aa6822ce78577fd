"""Style transfer of chunk sets: a chunk set in, one of the same kind and layout out.

Sets that keep the phase are turned to audio and back, which loses nothing. Of magnitudes and mel bands the levels
are changed, so that `invert` can find their phases afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.dsp.spectrum.style import StyleFrontend, gain_db, peak_of, picture, resolved, same_picture, spread_gain
from audiokit.dsp.spectrum.transform import Transform, encode, scale_values
from audiokit.errors import InputError
from audiokit.stylizing import Spool, StylizeOptions, change_sound, make_stylizer

if TYPE_CHECKING:
    from audiokit.engine.batch import Job
    from audiokit.io.chunkset import Head
    from audiokit.models.style.stylizer import Stylizer

_FRAMES = 512


def stylize_chunks(job: Job, options: StylizeOptions) -> dict[str, Any]:
    """Change one chunk set, array or tar stream."""
    from audiokit.io.chunkset import create_chunks, open_chunks
    from audiokit.spectra import windows

    stylizer, card = make_stylizer(options)
    reader = open_chunks(job.source)
    head: Head = reader.head
    if head.kind != "spectrum" or head.transform is None:
        raise InputError(
            f"{reader.name}: holds {head.kind} chunks, not spectra", hint="give the audio file, or spectra of it"
        )
    transform = Transform.from_dict(head.transform, reader.name)
    with ExitStack() as stack:
        change = _Complex if transform.is_complex else _Levels
        changer = change(stack, reader, head, transform, stylizer, options)
        transform = changer.run()
        out = replace(head, transform=transform.to_dict(), history=[*head.history, *job.history])
        with create_chunks(job.target, out, force=job.force) as writer:
            frames = 0
            for values, start, stop in windows(changer.values(), head.chunk, head.chunk - head.hop):
                writer.write(values, start, stop)
                frames = stop
    return {
        "seconds": round((head.length or 0) / head.rate, 6),
        "rate": head.rate,
        "channels": head.channels,
        "frames": frames,
        "model": options.model,
        "labels": card.get("labels"),
        "warnings": [],
    }


class _Complex:
    """A set that keeps the phase: to audio, through the model, and back."""

    def __init__(self, stack: ExitStack, reader: Any, head: Head, transform: Transform, stylizer: Stylizer, options):
        self.reader, self.head, self.transform, self.stylizer = reader, head, transform, stylizer
        self.strength = options.strength
        self.sound, self.changed = (stack.enter_context(Spool(head.channels)) for _ in range(2))
        self.gain = 1.0

    def run(self) -> Transform:
        """Make the changed sound; returns the transform of what `values` yields."""
        from audiokit.dsp.spectrum.stft import IstftStream
        from audiokit.inversion import join_chunks

        back = IstftStream(channels=self.head.channels, **self.transform.synthesis)
        for frames in join_chunks(self.reader, self.transform, self.reader.name):
            self.sound.write(back.push(frames))
        self.sound.write(back.finish(self.head.length))
        self.gain = change_sound(self.sound, self.changed, self.stylizer, self.head.rate, strength=self.strength)
        return self.transform

    def values(self) -> Iterator[np.ndarray]:
        """Yield the spectrum of the changed sound, as stored values."""
        from audiokit.dsp.spectrum.stft import StftStream

        stream = StftStream(channels=self.head.channels, **self.transform.framing)
        for block in self.changed.blocks():
            yield encode(stream.push(block * np.float32(self.gain)), self.transform)
        yield encode(stream.finish(), self.transform)


class _Levels:
    """A set of magnitudes or mel bands: its levels are changed, its mean power is kept."""

    def __init__(self, stack: ExitStack, reader: Any, head: Head, transform: Transform, stylizer: Stylizer, options):
        self.reader, self.head, self.transform, self.stylizer = reader, head, transform, stylizer
        self.strength = options.strength
        self.mel = transform.kind == "mel"
        frontend = stylizer.frontend
        framing = frontend.framing(transform.rate)
        framed_alike = all(getattr(transform, name) == framing[name] for name in ("n_fft", "hop", "window"))
        if not same_picture(transform, frontend.transform) and (self.mel or not framed_alike):
            t = frontend.transform
            made = f"{transform.kind} of {transform.n_fft}/{transform.hop} at {transform.rate} Hz"
            wanted = f"--preset {t.preset}" if t.preset else f"--n-fft {framing['n_fft']} --hop {framing['hop']}"
            raise InputError(
                f"{reader.name}: {made}, but the model sees {t.kind} of {t.n_fft}/{t.hop} at {t.rate} Hz",
                hint=f"make the set with: audiokit spectro FILE {wanted}",
            )
        shape = (head.channels, transform.bins if self.mel else transform.n_fft // 2 + 1)
        self.before, self.after = (stack.enter_context(_FrameSpool(shape)) for _ in range(2))
        self.factor, self.made = 1.0, transform

    def run(self) -> Transform:
        """Change all levels; returns the transform of what `values` yields."""
        from audiokit.inversion import join_chunks

        for frames in join_chunks(self.reader, self.transform, self.reader.name):
            self.before.write(frames)
        power = 2.0 / self.transform.power if self.mel else 2.0
        energies, peak = [0.0, 0.0], 0.0
        for frames in self.before.blocks():
            energies[0] += float(np.sum(frames.astype(np.float64) ** power))
        for frames in self._changed() if energies[0] > 0 and self.strength > 0 else self.before.blocks():
            self.after.write(frames)
            energies[1] += float(np.sum(frames.astype(np.float64) ** power))
            peak = max(peak, float(self._stored_scale(frames).max(initial=0.0)))
        if energies[1] > 0:
            self.factor = (energies[0] / energies[1]) ** (1 / power)
        if self.transform.clip and peak > 0:  # 0 dB is the loudest cell: it moves with the level
            scale = self.factor ** (1.0 if self.mel else self.transform.power)
            self.made = replace(self.transform, reference=peak * scale)
        return self.made

    def values(self) -> Iterator[np.ndarray]:
        """Yield the changed levels, as stored values."""
        for frames in self.after.blocks():
            yield scale_values(self._stored_scale(frames * np.float32(self.factor)), self.made)

    def _stored_scale(self, frames: np.ndarray) -> np.ndarray:
        """Undo what `decode` does after the logarithm: gain, power and lowest bin."""
        t = self.transform
        if self.mel:
            return frames * np.float32(t.gain**t.power)
        return (frames[:, t.first_bin :] * np.float32(t.gain)) ** np.float32(t.power)

    def _changed(self) -> Iterator[np.ndarray]:
        frontend = self.stylizer.frontend
        slider = self.stylizer.slider(self.before.frames)
        answers = self._answers(slider, frontend)
        source = self.before.blocks()
        held = next(source)
        for x, answer in answers:
            gain = gain_db(x[None], answer[None], frontend)
            if not self.mel:
                gain = spread_gain(gain, frontend, bins=held.shape[1])
            while held.shape[2] < answer.shape[1]:
                held = np.concatenate([held, next(source)], axis=2)
            exponent = self.strength * (self.transform.power if self.mel else 1.0) / 20
            yield held[:, :, : answer.shape[1]] * (10 ** (gain * np.float32(exponent))).astype(np.float32)
            held = held[:, :, answer.shape[1] :]

    def _answers(self, slider: Any, frontend: StyleFrontend) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        transform = self._reference(frontend)
        waiting = np.zeros((frontend.bins, 0), np.float32)
        for frames in self.before.blocks():
            x = self._picture(frames, frontend, transform)
            waiting = np.concatenate([waiting, x], axis=1)
            answer = slider.push(x)
            if answer.shape[1]:
                yield waiting[:, : answer.shape[1]], answer
                waiting = waiting[:, answer.shape[1] :]
        yield waiting, slider.finish()

    def _reference(self, frontend: StyleFrontend) -> Transform:
        if same_picture(self.transform, frontend.transform):
            return self.transform
        n_fft = self.transform.n_fft
        return resolved(frontend, max(peak_of(_centre(f), frontend, n_fft=n_fft) for f in self.before.blocks()))

    def _picture(self, frames: np.ndarray, frontend: StyleFrontend, transform: Transform) -> np.ndarray:
        """What the model sees of (C, bins, k): one picture (rows, k) of all channels together."""
        if not self.mel and transform is not self.transform:
            return picture(_centre(frames), frontend, transform, n_fft=self.transform.n_fft)[0]
        power = 2.0 / self.transform.power if self.mel else 2.0
        joined = np.mean(frames.astype(np.float64) ** power, axis=0, keepdims=True) ** (1 / power)
        return scale_values(self._stored_scale(joined.astype(np.float32)), transform)[0, : frontend.bins]


def _centre(frames: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(frames**2, axis=0, keepdims=True)).astype(np.complex64)


class _FrameSpool:
    """Frames (C, F, k) in a temporary file, to be read as often as needed."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape, self.frames = shape, 0

    def __enter__(self) -> _FrameSpool:
        self._file = TemporaryFile()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, frames: np.ndarray) -> None:
        """Append frames."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(np.moveaxis(frames, 2, 0), np.float32).tobytes())
        self.frames += frames.shape[2]

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all frames from the beginning."""
        size = 4 * self.shape[0] * self.shape[1]
        for start in range(0, self.frames, _FRAMES):
            self._file.seek(start * size)
            data = self._file.read(_FRAMES * size)
            yield np.moveaxis(np.frombuffer(data, np.float32).reshape(-1, *self.shape), 0, 2)
