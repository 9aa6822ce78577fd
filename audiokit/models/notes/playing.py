"""A score played with one sound, block by block."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.dsp.effects.effects import fade_in
from audiokit.dsp.effects.long import Keep, in_memory
from audiokit.errors import InputError
from audiokit.models.notes.making import GAIN, NoteSettings, check_pitch, faded_in, with_effects
from audiokit.models.notes.notes import NoteModel, Sound

if TYPE_CHECKING:
    from audiokit.io.midi_format import Score

#: Samples that are handed on at once, of the longest note that is made whole, and of all notes that are kept.
_BLOCK, _LONG, _KEPT = 1 << 18, 1 << 20, 1 << 24


@dataclass
class _Playing:
    """A note that sounds: what of it is still to come begins at a sample of the score."""

    at: int
    waiting: np.ndarray
    blocks: Iterator[np.ndarray]

    def add_to(self, y: np.ndarray, start: int) -> bool:
        """Add what falls into a block (n,) that begins at a sample; whether anything is left for the next one."""
        stop = start + len(y)
        while self.at < stop:
            if not len(self.waiting):
                block = next(self.blocks, None)
                if block is None:
                    return False
                self.waiting = block
            part = self.waiting[: stop - self.at]
            y[self.at - start : self.at - start + len(part)] += GAIN * part
            self.at, self.waiting = self.at + len(part), self.waiting[len(part) :]
        return True


class _Notes:
    """The notes of one sound; short ones are kept for when they come again, as many as there is room for."""

    def __init__(self, model: NoteModel, sound: Sound, settings: NoteSettings, tail_s: float) -> None:
        self._model, self._sound, self._settings, self._tail_s = model, sound, settings, tail_s
        self._made: OrderedDict[tuple[int, int, float], np.ndarray] = OrderedDict()
        self._room = _KEPT

    def of(self, spec: tuple[int, int, float]) -> Iterator[np.ndarray]:
        """Blocks (n,) of a note: pitch, velocity, and the time it is held in seconds."""
        if (spec[2] + self._tail_s) * self._settings.rate > _LONG:
            return self._blocks(spec)
        if spec not in self._made:
            self._made[spec] = fade_in(np.concatenate([*self._raw(spec)]), *self._attack(spec))
            self._room -= len(self._made[spec])
            while self._room < 0 and len(self._made) > 1:
                self._room += len(self._made.popitem(last=False)[1])
        self._made.move_to_end(spec)
        return iter([self._made[spec]])

    def _blocks(self, spec: tuple[int, int, float]) -> Iterator[np.ndarray]:
        return faded_in(self._raw(spec), *self._attack(spec))

    def _attack(self, spec: tuple[int, int, float]) -> tuple[int, float]:
        return self._settings.rate, min(self._settings.attack_s, spec[2])

    def _raw(self, spec: tuple[int, int, float]) -> Iterator[np.ndarray]:
        pitch, velocity, held = spec
        rng = np.random.default_rng([self._settings.seed, 2, pitch, velocity, round(1000 * held)])
        return self._model.render_blocks(
            self._sound, pitch, velocity, held_s=held, release_s=self._tail_s, decay_s=self._settings.release_s,
            rate=self._settings.rate, rng=rng,
        )  # fmt: skip


def play(
    model: NoteModel,
    sound: Sound,
    score: Score,
    settings: NoteSettings,
    *,
    keep: Keep = in_memory,
    progress: Callable[[], Any] = lambda: None,
) -> tuple[Iterator[np.ndarray], list[str]]:
    """Render a score with one sound. Percussion (channel 10) is left out.

    Args:
        model: whose sound it is.
        sound: to play.
        score: what.
        settings: how.
        keep: where the amplifier keeps what it has to hear twice.
        progress: called for every note.

    Returns:
        Audio in blocks (n,), float32, and warnings. Nothing is turned down yet; see `within_full_scale`.

    Raises:
        InputError: the score has no notes to play.
        ParameterError: a pitch is out of range and `settings.nearest` is off.
    """
    notes = sorted((note for note in score.notes if note.channel != 9), key=lambda note: note.start_s)
    if not notes:
        raise InputError("the MIDI file holds no notes to play (percussion is left out)")
    rate, tail_s = settings.rate, settings.release_s or 1.0
    length = round((max(n.end_s for n in notes) + tail_s) * rate) + 2
    starts, specs, warnings = [], [], []
    for note in notes:
        pitch, moved = check_pitch(model, note.pitch, nearest=settings.nearest, octaves=True)
        warnings += [w for w in moved if w not in warnings]
        starts.append(round(note.start_s * rate))
        specs.append((round(pitch), note.velocity, round(max(0.03, note.end_s - note.start_s), 3)))
    made = _Notes(model, sound, settings, tail_s)

    def blocks() -> Iterator[np.ndarray]:
        playing: list[_Playing] = []
        coming = 0
        for start in range(0, length, _BLOCK):
            y = np.zeros(min(_BLOCK, length - start), np.float32)
            while coming < len(starts) and starts[coming] < start + len(y):
                playing.append(_Playing(starts[coming], np.zeros(0, np.float32), made.of(specs[coming])))
                coming += 1
                progress()
            playing = [note for note in playing if note.add_to(y, start)]
            yield y

    # One amplifier and one room for the whole performance.
    return with_effects(blocks(), settings, np.random.default_rng([settings.seed, 5]), keep=keep), warnings
