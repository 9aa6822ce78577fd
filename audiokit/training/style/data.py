"""Sounds to learn from: folders of audio or chunk sets, read as random crops of pictures.

Audio is decoded once into one memory-mapped file per folder; chunk sets are memory-mapped where they are. Memory
does not grow with the collection.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from audiokit.dsp.spectrum.stft import stft
from audiokit.dsp.spectrum.style import StyleFrontend, peak_of, picture, resolved, same_picture
from audiokit.dsp.spectrum.transform import Transform
from audiokit.errors import InputError, ParameterError

#: Samples looked at together when a file's peak is measured.
_PEAK_BLOCK = 1 << 20


class Track(Protocol):
    """One sound as a picture that is read piece by piece."""

    name: str

    @property
    def frames(self) -> int:
        """Length of the picture."""
        ...

    def cut(self, start: int, frames: int) -> np.ndarray:
        """Read the picture (bins, frames) from a frame on; silence beyond the end."""
        ...


@dataclass
class AudioTrack:
    """A sound in memory-mapped samples at the front-end's rate."""

    name: str
    samples: np.ndarray
    frontend: StyleFrontend
    transform: Transform

    @property
    def frames(self) -> int:
        """Frames that the samples give."""
        return 1 + len(self.samples) // self.frontend.transform.hop

    def cut(self, start: int, frames: int) -> np.ndarray:
        """Read the picture (bins, frames) from a frame on."""
        t = self.frontend.transform
        first = start * t.hop - t.n_fft // 2
        last = first + (frames - 1) * t.hop + t.n_fft
        inside = self.samples[max(0, first) : max(0, last)]
        y = np.zeros((1, last - first), np.float32)
        y[0, max(0, -first) : max(0, -first) + len(inside)] = inside
        S = stft(y, n_fft=t.n_fft, hop=t.hop, window=t.window, center=False)
        return picture(S, self.frontend, self.transform, n_fft=t.n_fft)[0]


class ChunkTrack:
    """A chunk set whose spectra are what the model sees; channels are averaged."""

    def __init__(self, folder: Path, frontend: StyleFrontend) -> None:
        from audiokit.io.chunkset import FolderReader

        self.reader = FolderReader(folder)
        self.name, self.frontend = str(folder), frontend
        head = self.reader.head
        made = Transform.from_dict(head.transform, self.name) if head.transform else None
        if made is None or not same_picture(made, frontend.transform):
            what = f"{made.kind} of {made.n_fft}/{made.hop} at {made.rate} Hz" if made else "audio"
            t = frontend.transform
            raise InputError(
                f"{folder}: holds {what}, but the model sees {t.kind} of {t.n_fft}/{t.hop} at {t.rate} Hz",
                hint=f"make the set with: audiokit spectro FILE --preset {t.preset or 'style'} --mono",
            )
        self.silence = made.silence
        self.length = max((item.stop for item in self.reader.items), default=0)

    @property
    def frames(self) -> int:
        """Length of the picture."""
        return self.length

    def cut(self, start: int, frames: int) -> np.ndarray:
        """Read the picture (bins, frames) from a frame on."""
        out = np.full((self.frontend.bins, frames), self.silence, np.float32)
        for index, item in enumerate(self.reader.items):
            low, high = max(start, item.start), min(start + frames, item.stop)
            if low < high:
                chunk = self.reader.load(index, mmap=True)[:, : self.frontend.bins]
                out[:, low - start : high - start] = chunk[..., low - item.start : high - item.start].mean(axis=0)
        return out


def open_tracks(source: str | Path, frontend: StyleFrontend, *, cache: Path) -> list[Track]:
    """Open every sound under a folder.

    Args:
        source: a folder of audio files, of chunk sets, one of either, or a text list of them.
        frontend: what the model sees.
        cache: folder for the decoded samples; they are decoded again only if the files changed.

    Returns:
        Tracks, sorted by name.

    Raises:
        InputError: nothing usable, or a chunk set of another front-end.
    """
    from audiokit.training.engine.sources import find_files

    paths = find_files([source], accept="either")
    chunked = [path for path in paths if _is_chunked(path)]
    audio = [path for path in paths if path not in set(chunked)]
    tracks: list[Track] = [ChunkTrack(Path(path), frontend) for path in chunked]
    if audio:
        tracks += _decode(audio, frontend, cache)
    tracks = [track for track in tracks if track.frames > 1]
    if not tracks:
        raise InputError(f"{source}: no sound of more than one frame", hint="give longer audio")
    return tracks


def _is_chunked(path: str) -> bool:
    from audiokit.io.chunkset import is_chunks

    return is_chunks(path)


def _decode(paths: Sequence[str], frontend: StyleFrontend, cache: Path) -> list[Track]:
    from audiokit.training.engine.sources import refuse_silence

    stamp = [[os.path.abspath(p), os.stat(p).st_size, os.stat(p).st_mtime_ns] for p in paths]
    key = hashlib.sha256(json.dumps([stamp, frontend.to_dict()]).encode()).hexdigest()[:16]
    index_path = cache / f"{key}.json"
    if not index_path.exists():
        _write_cache(paths, frontend, cache, key)
    index: dict[str, Any] = json.loads(index_path.read_text(encoding="utf-8"))
    samples = np.memmap(cache / f"{key}.f32", "<f4", mode="r")
    tracks: list[Track] = []
    for entry in index["tracks"]:
        piece = samples[entry["start"] : entry["stop"]]
        if entry["peak"] > 0:
            tracks.append(AudioTrack(entry["name"], piece, frontend, resolved(frontend, entry["peak"])))
    refuse_silence(paths, heard=bool(tracks))
    return tracks


def _write_cache(paths: Sequence[str], frontend: StyleFrontend, cache: Path, key: str) -> None:
    """Decode one file after the other into one array, and list where each is and how loud its peak."""
    from audiokit.io.audio import read
    from audiokit.io.files import atomic_file
    from audiokit.training.engine.sources import read_each

    t = frontend.transform
    cache.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    position = 0
    with atomic_file(cache / f"{key}.f32", force=True) as temporary, open(temporary, "wb") as file:
        for path, (y, _) in read_each(paths, lambda path: read(path, rate=t.rate, mono=True)):
            peak = 0.0
            for a in range(0, y.shape[1], _PEAK_BLOCK):
                piece = y[:, max(0, a - t.n_fft) : a + _PEAK_BLOCK]
                S = stft(piece, n_fft=t.n_fft, hop=t.hop, window=t.window)
                peak = max(peak, peak_of(S, frontend, n_fft=t.n_fft))
            file.write(np.ascontiguousarray(y[0], "<f4").tobytes())
            stop = position + y.shape[1]
            entries.append({"name": Path(path).stem, "start": position, "stop": stop, "peak": peak})
            position = stop
    with atomic_file(cache / f"{key}.json", force=True) as temporary:
        temporary.write_text(json.dumps({"tracks": entries}), encoding="utf-8")


class Crops:
    """Random crops of equal length from tracks, longer tracks more often.

    Args:
        tracks: where to cut.
        frames: length of a crop.

    Raises:
        ParameterError: frames is not positive.
    """

    def __init__(self, tracks: Sequence[Track], frames: int) -> None:
        if frames < 1:
            raise ParameterError(f"crops of {frames} frames are impossible")
        self.tracks, self.frames = list(tracks), frames
        room = np.array([max(1, track.frames - frames + 1) for track in self.tracks], np.float64)
        self.shares = room / room.sum()

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Cut `count` crops (count, 1, bins, frames)."""
        return np.stack([self.tracks[k].cut(start, self.frames) for k, start in self.places(rng, count)])[:, None]

    def places(self, rng: np.random.Generator, count: int) -> list[tuple[int, int]]:
        """Choose `count` places as (track, first frame)."""
        chosen = rng.choice(len(self.tracks), size=count, p=self.shares)
        rooms = [max(1, self.tracks[int(k)].frames - self.frames + 1) for k in chosen]
        return [(int(k), int(rng.integers(room))) for k, room in zip(chosen, rooms, strict=True)]


class PairedCrops:
    """Random crops at the same place of two tracks that share a name (a.wav in both folders).

    Raises:
        InputError: a track of one side has no partner.
    """

    def __init__(self, a: Sequence[Track], b: Sequence[Track], frames: int) -> None:
        names_a, names_b = ({Path(t.name).stem: t for t in side} for side in (a, b))
        alone = sorted(set(names_a) ^ set(names_b))
        if alone:
            raise InputError(
                f"{alone[0]}: has no partner of the same name in the other folder ({len(alone)} without partner)",
                hint="paired training needs the same pieces on both sides; unpaired: audiokit train cyclegan",
            )
        self.a = Crops([names_a[name] for name in sorted(names_a)], frames)
        self.b = [names_b[name] for name in sorted(names_b)]

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Cut `count` pairs, each (count, 1, bins, frames)."""
        places = self.a.places(rng, count)
        pairs = [(self.a.tracks[k], self.b[k], start) for k, start in places]
        frames = self.a.frames
        left = np.stack([a.cut(start, frames) for a, _, start in pairs])[:, None]
        right = np.stack([b.cut(start, frames) for _, b, start in pairs])[:, None]
        return left, right
