"""Style transfer of chunk sets: a chunk set in, one of the same kind and layout out.

Sets that keep the phase are turned to audio and back, which loses nothing. Of magnitudes and mel bands the levels
are changed, so that `invert` can find their phases afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.spectrum.stft import IstftStream, StftStream
from audiokit.dsp.spectrum.style import StyleFrontend, gain_db, peak_of, picture, resolved, same_picture, spread_gain
from audiokit.dsp.spectrum.transform import Transform, encode, scale_values
from audiokit.dsp.spectrum.windows import check_length, join_chunks, windows
from audiokit.engine.chunks import Chunks, piece
from audiokit.engine.flow import Notes
from audiokit.engine.sound import Sound
from audiokit.engine.spool import Spool
from audiokit.errors import InputError
from audiokit.models.style.stylizer import Stylizer
from audiokit.stages.stylize.audio import change_sound

if TYPE_CHECKING:
    from audiokit.engine.chunks import Piece

Array = NDArray[np.float32]
_FRAMES = 512


class _Changer(Protocol):
    """What changes one kind of set: first the change is found, then the values are made."""

    def run(self) -> Transform:
        """Find the change; returns the transform of what `values` yields."""

    def values(self) -> Iterator[Array]:
        """Yield stored values, in order."""


def change_chunks(chunks: Chunks, stylizer: Stylizer, notes: Notes) -> Chunks:
    """Change a chunk set, array or tar stream.

    Raises:
        InputError: it holds no spectra, or spectra that the model cannot see.
    """

    head = chunks.head
    if head.kind != "spectrum" or head.transform is None:
        raise InputError(
            f"{chunks.name}: holds {head.kind} chunks, not spectra", hint="give the audio file, or spectra of it"
        )
    transform = Transform.from_dict(head.transform, chunks.name)
    changer: _Changer = (_Complex if transform.is_complex else _Levels)(chunks, transform, stylizer)
    made = changer.run()

    def pieces() -> Iterator[Piece]:

        for number, (values, start, stop) in enumerate(windows(changer.values(), head.chunk, head.chunk - head.hop)):
            notes.report["frames"] = stop
            yield piece(values, start, stop, number=number)

    return chunks.derive(pieces, notes=notes, transform=made.to_dict(), length=head.length)


class _Complex:
    """A set that keeps the phase: to audio, through the model, and back."""

    def __init__(self, chunks: Chunks, transform: Transform, stylizer: Stylizer) -> None:
        self.chunks, self.transform, self.stylizer = chunks, transform, stylizer

    def run(self) -> Transform:
        """Make the changed sound; returns the transform of what `values` yields."""
        head = self.chunks.head
        self.changed = change_sound(Sound(head.rate, head.channels, self._sound), self.stylizer, Notes())
        return self.transform

    def _sound(self) -> Iterator[Array]:
        back, count = IstftStream(channels=self.chunks.head.channels, **self.transform.synthesis), 0
        for frames in join_chunks(self.chunks.parts(self.transform), self.transform, self.chunks.name):
            count += frames.shape[2]
            yield back.push(frames)
        check_length(self.chunks.head.length, count, self.transform, self.chunks.name)
        yield back.finish(self.chunks.head.length)

    def values(self) -> Iterator[Array]:
        """Yield the spectrum of the changed sound, as stored values."""
        stream = StftStream(channels=self.chunks.head.channels, **self.transform.framing)
        for block in self.changed.blocks():
            yield encode(stream.push(block), self.transform)
        yield encode(stream.finish(), self.transform)


class _Levels:
    """A set of magnitudes or mel bands: its levels are changed, its mean power is kept."""

    def __init__(self, chunks: Chunks, transform: Transform, stylizer: Stylizer) -> None:

        self.chunks, self.transform, self.stylizer = chunks, transform, stylizer
        self.strength = stylizer.strength
        self.mel = transform.kind == "mel"
        frontend = stylizer.frontend
        framing = frontend.framing(transform.rate)
        framed_alike = all(getattr(transform, name) == framing[name] for name in ("n_fft", "hop", "window"))
        if not same_picture(transform, frontend.transform) and (self.mel or not framed_alike):
            t = frontend.transform
            made = f"{transform.kind} of {transform.n_fft}/{transform.hop} at {transform.rate} Hz"
            wanted = f"--preset {t.preset}" if t.preset else f"--n-fft {framing['n_fft']} --hop {framing['hop']}"
            raise InputError(
                f"{chunks.name}: {made}, but the model sees {t.kind} of {t.n_fft}/{t.hop} at {t.rate} Hz",
                hint=f"make the set with: audiokit spectro FILE {wanted}",
            )
        shape = (chunks.head.channels, transform.bins if self.mel else transform.n_fft // 2 + 1)
        self.before, self.after = _FrameSpool(shape), _FrameSpool(shape)
        self.factor, self.made = 1.0, transform

    def run(self) -> Transform:
        """Change all levels; returns the transform of what `values` yields."""

        for frames in join_chunks(self.chunks.parts(self.transform), self.transform, self.chunks.name):
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

    def values(self) -> Iterator[Array]:
        """Yield the changed levels, as stored values."""
        for frames in self.after.blocks():
            yield scale_values(self._stored_scale(frames * np.float32(self.factor)), self.made)

    def _stored_scale(self, frames: Array) -> Array:
        """Undo what `decode` does after the logarithm: gain, power and lowest bin."""
        t = self.transform
        if self.mel:
            return frames * np.float32(t.gain**t.power)
        return (frames[:, t.first_bin :] * np.float32(t.gain)) ** np.float32(t.power)

    def _changed(self) -> Iterator[Array]:
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

    def _answers(self, slider: Any, frontend: StyleFrontend) -> Iterator[tuple[Array, Array]]:
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

    def _picture(self, frames: Array, frontend: StyleFrontend, transform: Transform) -> Any:
        """What the model sees of (C, bins, k): one picture (rows, k) of all channels together."""
        if not self.mel and transform is not self.transform:
            return picture(_centre(frames), frontend, transform, n_fft=self.transform.n_fft)[0]
        power = 2.0 / self.transform.power if self.mel else 2.0
        joined = np.mean(frames.astype(np.float64) ** power, axis=0, keepdims=True) ** (1 / power)
        return scale_values(self._stored_scale(joined.astype(np.float32)), transform)[0, : frontend.bins]


def _centre(frames: Array) -> Any:
    return np.sqrt(np.mean(frames**2, axis=0, keepdims=True)).astype(np.complex64)


class _FrameSpool:
    """Frames (C, F, k) kept like audio of C * F channels."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._spool = Spool(shape[0] * shape[1])

    @property
    def frames(self) -> int:
        """How many there are."""
        return self._spool.length

    def write(self, frames: Array) -> None:
        """Append frames."""
        self._spool.write(frames.reshape(-1, frames.shape[2]))

    def blocks(self) -> Iterator[Array]:
        """Yield all frames from the beginning."""
        return (block.reshape(*self.shape, -1) for block in self._spool.blocks(_FRAMES))
