"""Mixes to train a separator on, made as they are needed from songs with stems and from loose parts.

Every example is new. Some mixes take all stems from one moment of one song, the others put parts together that never
met. Each part has its own speed (pitch and tempo together), gain, place between left and right, colour and, where it
is mono, sometimes a room; a stem that lies there in layers is mixed anew from them. Then all are summed and, often,
mastered: a compressor and a limiter hear the sum and turn all stems down alike, so that they still sum to the mix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.rhythm.key import CELLS, pitch_cells
from audiokit.errors import InputError
from audiokit.training.sound.studio import Audio, as_stereo, mastering_gain, placed, sung_through

#: What a mix of two stems calls everything that is not the first.
REST = "accompaniment"
# Semitones by which recordings are at most played higher or lower.
_WIDEST = 3.5


@dataclass(frozen=True)
class Part:
    """A recording of one stem.

    Attributes:
        audio: (C, T), 16-bit integers, one or two channels.
        cutoff: share of the band (0..1) that the recording fills; above it there is nothing to learn.
        layers: recordings (C, T) that sum to `audio`, where they are known.
    """

    audio: NDArray[np.int16]
    cutoff: float = 1.0
    layers: Sequence[NDArray[np.int16]] = ()

    def cut(self, start: int, length: int) -> Audio:
        """Take samples as float32 (C, length); the recording repeats when it ends."""
        return _cut(self.audio, start, length)

    def remixed(self, start: int, length: int, rng: np.random.Generator) -> Audio:
        """Take samples as `cut` does; layers get levels of their own, and some are left out."""
        if not self.layers or rng.random() < 0.3:
            return self.cut(start, length)
        gains = 10 ** (rng.normal(0, 4, len(self.layers)) / 20) * (rng.random(len(self.layers)) < 0.85)
        if not gains.any():
            gains[rng.integers(len(gains))] = 1.0
        layers = zip(gains, self.layers, strict=True)
        return np.sum([np.float32(g) * as_stereo(_cut(y, start, length)) for g, y in layers if g], axis=0)


def _cut(y: NDArray[np.int16], start: int, length: int) -> Audio:
    if start >= 0 and start + length <= y.shape[1]:
        return y[:, start : start + length].astype(np.float32) / np.float32(32768)
    at = np.arange(start, start + length)
    return np.take(y, at, axis=1, mode="wrap").astype(np.float32) / np.float32(32768)


@dataclass
class StemMixer:
    """Draw mixes and their stems.

    Args:
        stems: their names.
        songs: songs as {stem: Part}, all stems of a song aligned.
        parts: loose recordings as {stem: groups of Part}; groups are drawn by the square root of their length.
        rate: Hz of everything.
        seconds: length of an example.
        from_songs: share of examples whose stems belong together, where there are songs.
        empty: share of examples in which one stem is silent.
        layered: share of loose parts that are two at once.
        mastered: share of examples that a compressor or a limiter has worked on.
        faint: share of examples whose first stem is up to 18 dB quieter than elsewhere, as in the background.
        looped: share of the other stems, where they are loose, that are a moment going round and round.
        in_key: share of loose first stems whose speed is chosen such that they are in tune with the others.
    """

    stems: Sequence[str]
    songs: Sequence[Mapping[str, Part]] = ()
    parts: Mapping[str, Sequence[Sequence[Part]]] = field(default_factory=dict)
    rate: int = 44_100
    seconds: float = 3.0
    from_songs: float = 0.3
    empty: float = 0.12
    layered: float = 0.4
    mastered: float = 0.5
    faint: float = 0.2
    looped: float = 0.25
    in_key: float = 0.0

    def __post_init__(self) -> None:
        """Refuse stems that nothing is there for."""
        for stem in self.stems:
            length = sum(part.audio.shape[1] for part in self._all(stem) if part.audio.any())
            if length < 5 * self.rate:
                raise InputError(
                    f"{length / self.rate:.1f} s of {stem} found in which something is heard, at least 5 s needed",
                    hint=f"name folders of songs with their stems, or add --part {stem}=FOLDER",
                )

    def _all(self, stem: str) -> list[Part]:
        return [s[stem] for s in self.songs if stem in s] + [p for g in self.parts.get(stem, ()) for p in g]

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Audio, NDArray]:
        """Draw `size` examples: stems (size, S, 2, T) and the share of the band that each fills (size,)."""
        examples = [self.example(rng) for _ in range(size)]
        return np.stack([e[0] for e in examples]), np.array([e[1] for e in examples])

    def example(self, rng: np.random.Generator) -> tuple[Audio, float]:
        """Draw the stems of one mix (S, 2, T), and the share of the band that all of them fill."""
        length = round(self.seconds * self.rate)
        complete = [song for song in self.songs if all(stem in song for stem in self.stems)]
        if complete and rng.random() < self.from_songs:
            y, cutoff = self._moment(complete[rng.integers(len(complete))], rng, length)
        else:
            others = [self._layers(stem, rng, length) for stem in self.stems[1:]]
            heard = np.sum([part for part, _ in others], axis=0) if rng.random() < self.in_key else None
            drawn = [self._layers(self.stems[0], rng, length, heard), *others]
            y, cutoff = np.stack([part for part, _ in drawn]), min(cutoff for _, cutoff in drawn)
        levels = np.sqrt(np.mean(y**2, axis=(1, 2)) + 1e-9)
        if levels.min() > 1e-4 and rng.random() < 0.8:  # else the levels of the recordings stay
            gains = rng.normal(0, 5, len(self.stems))
            gains[0] -= 5  # the first stem, usually a voice, is one of many sounds
            if rng.random() < self.faint:
                gains[0] -= rng.uniform(0, 18)
            y *= (0.1 / levels * 10 ** (gains / 20))[:, None, None].astype(np.float32)
        if rng.random() < self.empty:
            y[rng.integers(len(self.stems))] = 0
        if rng.random() < self.mastered:
            y = y * mastering_gain(y.sum(axis=0), rng, self.rate)
        if rng.random() < 0.5:
            y = y[:, ::-1]
        peak = np.abs(y.sum(axis=0)).max()
        y = y * np.float32(10 ** (rng.uniform(-18, 0) / 20) / max(peak, 1e-3))
        return np.ascontiguousarray(y, np.float32), cutoff

    def _layers(
        self, stem: str, rng: np.random.Generator, length: int, heard: Audio | None = None
    ) -> tuple[Audio, float]:
        """Draw one loose part of a stem, or two on top of each other, at times going round; in tune with `heard`."""
        y, cutoff = self._loose(stem, rng, length, heard)
        if rng.random() < self.layered:
            more, other = self._loose(stem, rng, length, heard)
            y, cutoff = y + np.float32(10 ** (rng.uniform(-12, 3) / 20)) * more, min(cutoff, other)
        if stem != self.stems[0] and rng.random() < self.looped:
            size = round(rng.uniform(1.2, 4.0) * self.rate)
            if size < length:
                y = np.take(y, rng.integers(length - size) + np.arange(length) % size, axis=1)
        return y, cutoff

    def _moment(self, song: Mapping[str, Part], rng: np.random.Generator, length: int) -> tuple[Audio, float]:
        speed = _speed(rng)
        size = round(length * speed) + 8
        total = min(song[stem].audio.shape[1] for stem in self.stems)
        start = 0
        for _ in range(6):  # look for a moment at which the first stem sounds
            start = int(rng.integers(0, max(1, total - size)))
            if np.abs(song[self.stems[0]].audio[:, start : start + size]).max(initial=0) > 300:
                break
        y = np.stack([as_stereo(_resampled(song[s].remixed(start, size, rng), length, speed)) for s in self.stems])
        return y, min(1.0, speed * min(song[s].cutoff for s in self.stems))

    def _loose(
        self, stem: str, rng: np.random.Generator, length: int, heard: Audio | None = None
    ) -> tuple[Audio, float]:
        groups = [*self.parts.get(stem, ())]
        if own := [song[stem] for song in self.songs if stem in song]:
            groups.append(own)
        sizes = np.array([sum(part.audio.shape[1] for part in group) for group in groups], float)
        group = groups[rng.choice(len(groups), p=np.sqrt(sizes) / np.sqrt(sizes).sum())]
        sizes = np.array([part.audio.shape[1] for part in group], float)
        speed = _speed(rng)
        size = round(length * (speed if heard is None else 2 ** (_WIDEST / 12))) + 8
        for _ in range(4):
            part = group[rng.choice(len(group), p=sizes / sizes.sum())]
            start = int(rng.integers(0, part.audio.shape[1]))
            if part.audio.shape[1] < size and stem == self.stems[0]:
                y = self._phrases(group, part, rng, size)
            else:
                y = part.remixed(start, size, rng)
            if np.sqrt(np.mean(y**2)) > 1e-3:
                break
        if heard is not None:
            speed = _in_tune(y, heard, self.rate)
        y, first = _resampled(y, length, speed), stem == self.stems[0]
        if first:
            y = sung_through(y, rng, self.rate)
        return placed(y, rng, self.rate, spread=0.15 if first else 0.5), min(1.0, speed * part.cutoff)

    def _phrases(self, group: Sequence[Part], part: Part, rng: np.random.Generator, size: int) -> Audio:
        """String recordings like `part` together with rests between them: voices, unlike loops, seldom repeat."""
        alike = [other for other in group if abs(other.cutoff - part.cutoff) < 0.05]
        y = np.zeros((max(min(2, p.audio.shape[0]) for p in alike), size), np.float32)
        at = -int(rng.integers(0, part.audio.shape[1]))
        while at < size:
            n = min(part.audio.shape[1], size - at)
            skipped = max(0, -at)
            phrase = part.cut(skipped, n - skipped)
            phrase = phrase * np.float32(0.1 / max(np.sqrt(np.mean(phrase**2)), 1e-2))
            y[:, at + skipped : at + n] = phrase
            at += n + int(max(0.0, rng.normal(0.3, 0.5)) * self.rate)
            part = alike[rng.integers(len(alike))]
        return y


def _speed(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.25 else float(2 ** (rng.uniform(-_WIDEST, _WIDEST) / 12))


def _in_tune(y: Audio, heard: Audio, rate: int) -> float:
    """Find the speed at which the pitch classes of one recording (C, T) are most like those of another.

    >>> t = np.arange(44_100) / 22_050
    >>> heard, flat = (np.sin(2 * np.pi * 440 * 2 ** (fifths / 60) * t)[None] for fifths in (2.5, -2.5))
    >>> float(round(12 * np.log2(_in_tune(flat, heard, 22_050)), 1))
    1.0
    """
    own, wanted = _pitch_classes(y, rate), _pitch_classes(heard, rate)
    steps = np.arange(-int(_WIDEST * CELLS), int(_WIDEST * CELLS) + 1)
    best = steps[np.argmax([np.roll(own, step) @ wanted for step in steps])]
    return float(2 ** (best / (12 * CELLS)))


def _pitch_classes(y: Audio, rate: int) -> NDArray:
    """Sum what sounds by its pitch within an octave: (12 * CELLS,), of mean 0."""
    total = pitch_cells(y, rate)[0][: 12 * CELLS].sum(axis=1)
    return total - total.mean()


def _resampled(y: Audio, length: int, speed: float) -> Audio:
    """Play audio (C, T) faster or slower; linear interpolation, the top octave is not what is learnt here."""
    if speed == 1.0:
        return y[:, :length]
    at = np.arange(length) * speed
    low = at.astype(int)
    share = (at - low).astype(np.float32)
    return y[:, low] * (1 - share) + y[:, low + 1] * share


def read_part(path: str | Path, rate: int) -> Part:
    """Read a recording at a rate, as 16-bit integers, and note up to where its own rate reached."""
    from audiokit.io.audio import read

    y, info = read(path, rate=rate)
    y = y[:2] if y.shape[0] > 1 else y
    full = np.clip(np.rint(y * 32768), -32768, 32767).astype(np.int16)
    return Part(full, min(1.0, 0.95 * info.rate / rate) if info.rate < rate else 1.0)


def find_audio(folder: str | Path) -> list[Path]:
    """List the audio files of a folder, or the file itself, sorted.

    Raises:
        InputError: there is none.
    """
    from audiokit.engine.batch import expand

    return [Path(path) for path, _ in expand([str(folder)])]


def read_song(folder: str | Path, stems: Sequence[str], rate: int) -> dict[str, Part]:
    """Read a folder of stems: `vocals.flac`, and further layers of it as `vocals_back.flac`.

    Whatever belongs to no stem asked for is summed into `accompaniment`, if asked for.

    Raises:
        InputError: no file is named after a stem.
    """
    files = {path.stem.lower(): path for path in find_audio(folder)}
    mixture = files.pop("mixture", None) or files.pop("mix", None)
    own = {name: next((stem for stem in stems if name == stem or name.startswith(f"{stem}_")), "") for name in files}
    found: dict[str, list[Part]] = {}
    for name in sorted(files, key=lambda name: (len(name), name)):
        if stem := own[name] or (REST if REST in stems and REST not in own.values() else ""):
            found.setdefault(stem, []).append(read_part(files[name], rate))
    song = {stem: parts[0] if len(parts) == 1 else _sum(parts) for stem, parts in found.items()}
    missing = [stem for stem in stems if stem not in song]
    if len(missing) == 1 and missing[0] in (REST, "other") and mixture and song:
        parts = [read_part(mixture, rate), *song.values()]
        song[missing[0]] = replace(_sum(parts, [1] + [-1] * (len(parts) - 1)), layers=())
    if not song:
        raise InputError(f"{folder}: holds none of {', '.join(stems)}", hint="name the files after the stems")
    return song


def _sum(parts: Sequence[Part], signs: Sequence[int] = ()) -> Part:
    length = min(part.audio.shape[1] for part in parts)
    total = np.zeros((2, length), np.int32)
    for sign, part in zip(signs or [1] * len(parts), parts, strict=True):
        total += sign * np.broadcast_to(part.audio[:, :length], (2, length))
    layers = tuple(part.audio[:, :length] for part in parts)
    return Part(np.clip(total, -32768, 32767).astype(np.int16), min(part.cutoff for part in parts), layers)


def find_songs(folder: str | Path) -> list[Path]:
    """List the folders below `folder` (or itself) that hold audio files directly, sorted."""
    return sorted({path.parent for path in find_audio(folder)})


def read_judges(folders: Sequence[str], stems: Sequence[str], rate: int, *, seconds: float = 20.0) -> list[Audio]:
    """Read of every song the stretch in which its first stem is loudest: stems (S, 2, T)."""
    judges = []
    for path in [song for folder in folders for song in find_songs(folder)]:
        song = read_song(path, stems, rate)
        if absent := [stem for stem in stems if stem not in song]:
            raise InputError(f"{path}: has no {absent[0]}", hint="songs to judge by need every stem")
        length = min(part.audio.shape[1] for part in song.values())
        size = min(length, round(seconds * rate))
        energy = np.concatenate(
            [[0.0], np.cumsum(np.mean(song[stems[0]].audio[:, :length].astype(np.float64) ** 2, axis=0))]
        )
        starts = np.arange(0, length - size + 1, rate)
        start = int(starts[np.argmax(energy[starts + size] - energy[starts])])
        judges.append(np.stack([as_stereo(song[stem].cut(start, size)) for stem in stems]))
    return judges
