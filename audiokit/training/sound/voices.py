"""Speech, singing and accompaniment as mel columns, read once and kept beside the run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiokit.dsp.voice.vocal_mel import HOP, RATE, SILENCE_DB, level_gain, to_mel
from audiokit.errors import InputError

Mel = NDArray[np.float32]


#: Frames of a training crop, as published.
FRAMES = 256


@dataclass
class Voices:
    """Mel columns of one kind of sound: parallel lists of (128, N) arrays, one per recording.

    Attributes:
        mels: of the sound itself.
        backings: of the accompaniment of each, or silence.
        copies: of each sound taken apart and put together by WORLD.
    """

    mels: list[Mel]
    backings: list[Mel]
    copies: list[Mel]

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw crops with sound in them: (count, 128, 256) of sound, backing and copy."""
        sizes = np.array([m.shape[1] for m in self.mels], float)
        picked: list[tuple[Mel, Mel, Mel]] = []
        tries = 0
        while len(picked) < count:
            k = int(rng.choice(len(sizes), p=sizes / sizes.sum()))
            start = int(rng.integers(0, max(1, self.mels[k].shape[1] - FRAMES + 1)))
            crop = _cut(self.mels[k], start)
            tries += 1
            if (crop.max(axis=0) > -10).mean() < 0.4 and tries < 20 * count:
                continue
            picked.append((crop, _cut(self.backings[k], start), _cut(self.copies[k], start)))
        a, b, c = (torch.from_numpy(np.stack(part)) for part in zip(*picked, strict=True))
        return a, b, c


def _cut(mel: Mel, start: int) -> Mel:
    piece = mel[:, start : start + FRAMES]
    return np.pad(piece, ((0, 0), (0, FRAMES - piece.shape[1])), constant_values=SILENCE_DB)


def load_voices(
    folder: str | Path, *, backing: str | Path | None = None, cache: Path, hold_out: float = 0.1, paired: bool = True
) -> tuple[Voices, Voices]:
    """Read recordings of voices and, where names match, their accompaniments.

    Args:
        folder: audio files.
        backing: folder of accompaniments with the same relative names (any extension).
        cache: folder for decoded columns; WORLD copies take time, so they are made once.
        hold_out: share of each recording's end that is kept for validation.
        paired: also make WORLD copies.

    Returns:
        Voices to train on, and voices to validate with.

    Raises:
        InputError: there is no voice, or under five seconds of it.
    """
    from audiokit.training.engine.sources import find_files, read_each

    paths = [Path(path) for path in find_files([folder])]
    partners = _partners(folder, backing, paths)
    cache.mkdir(parents=True, exist_ok=True)
    train, judge = Voices([], [], []), Voices([], [], [])
    columns = read_each(list(map(str, paths)), lambda p: _columns(Path(p), partners.get(Path(p)), cache, paired))
    for _, arrays in columns:
        frames = arrays[0].shape[1]
        cut = frames - max(int(frames * hold_out), min(FRAMES, frames // 4))
        for voices, part in ((train, slice(0, cut)), (judge, slice(cut, frames))):
            for target, array in zip((voices.mels, voices.backings, voices.copies), arrays, strict=True):
                target.append(array[:, part])
    if sum(m.shape[1] for m in train.mels) * HOP / RATE < 5:
        raise InputError(f"{folder}: under 5 s of sound to learn from", hint="give more recordings")
    return train, judge


def _partners(folder: str | Path, backing: str | Path | None, paths: Sequence[Path]) -> dict[Path, Path]:
    if backing is None:
        return {}
    from audiokit.engine.batch import expand

    root, other = Path(folder), Path(backing)
    known = {Path(p).relative_to(other).with_suffix(""): Path(p) for p, _ in expand([str(backing)], "audio")}
    found = {}
    for path in paths:
        name = path.relative_to(root).with_suffix("") if path.is_relative_to(root) else Path(path.stem)
        if name in known:
            found[path] = known[name]
    if not found:
        raise InputError(
            f"{backing}: no accompaniment is named like a vocal of {folder}",
            hint="give both the same relative names, such as vocals/song1.wav and accompaniment/song1.wav",
        )
    return found


def _columns(path: Path, partner: Path | None, cache: Path, paired: bool) -> tuple[Mel, Mel, Mel]:
    from audiokit.io.audio import read
    from audiokit.training.engine.sources import refuse_silence

    files = [p for p in (path, partner) if p]
    stamp = [[os.path.abspath(p), os.stat(p).st_size, os.stat(p).st_mtime_ns] for p in files]
    key = hashlib.sha256(json.dumps([stamp, paired]).encode()).hexdigest()[:20]
    stored = cache / f"{key}.npz"
    if stored.exists():
        with np.load(stored) as data:
            return data["mel"].astype(np.float32), data["backing"].astype(np.float32), data["copy"].astype(np.float32)
    y = read(path, rate=RATE, mono=True)[0][0]
    refuse_silence([path], heard=bool(y.any()))
    y = y * np.float32(level_gain(y))
    mel = to_mel(y)
    backing = np.full_like(mel, SILENCE_DB)
    if partner is not None:
        z = read(partner, rate=RATE, mono=True)[0][0]
        z = to_mel(z * np.float32(level_gain(z)))[:, : mel.shape[1]]
        backing[:, : z.shape[1]] = z
    copy = vocoded_mel(y)[:, : mel.shape[1]] if paired else mel
    temporary = cache / f".{key}.{os.getpid()}.npz"
    np.savez(temporary, mel=mel.astype(np.float16), backing=backing.astype(np.float16), copy=copy.astype(np.float16))
    temporary.replace(stored)
    return mel, backing, copy


def vocoded_mel(y: np.ndarray) -> Mel:
    """Take a voice (T,) at 44,100 Hz apart and put it together again; mels (128, N) of the result."""
    from audiokit.dsp.voice.world import analyse_voice, synthesise_voice

    parts = []
    block = 20 * RATE
    for start in range(0, len(y), block):
        piece = y[start : start + block]
        if len(piece) < RATE // 5:
            parts.append(piece)
            continue
        voice = analyse_voice(piece, RATE)
        z = synthesise_voice(np.where(voice.voiced, voice.f0_hz, 0.0), voice.envelope, voice.bands, RATE)
        parts.append(np.pad(z, (0, max(0, len(piece) - len(z))))[: len(piece)])
    return to_mel(np.concatenate(parts).astype(np.float32))
