"""What the calls read: songs, speech, noise, notes, chunk sets, and files that are broken in many ways; all seeded."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

_FORMANTS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
_CHORDS = ((57, 61, 64), (62, 66, 69), (64, 68, 71), (57, 61, 64))

RECIPE = """
[[effect]]
use = "Gain"
p = 1.0
min_gain_db = -9.0
max_gain_db = -3.0

[[effect]]
use = "LowPassFilter"
p = 0.5
min_cutoff_freq = 2000.0
max_cutoff_freq = 4000.0
"""


def make_inputs(folder: Path) -> None:
    """Write every input into a folder that does not exist yet."""
    folder.mkdir(parents=True)
    _songs(folder)
    _voices(folder)
    _notes(folder)
    _folders(folder)
    _odd_shapes(folder)
    _chunk_sets(folder)
    _texts(folder)
    _broken(folder)


def song(seed: int, *, bpm: float, seconds: float, rate: int, transpose: int = 0) -> dict[str, np.ndarray]:
    """Play drums, chords, a bass and a voice-like lead: stems (T, 2) by name."""
    rng = np.random.default_rng(seed)
    beat = 60 / bpm
    stems = {name: np.zeros((round(seconds * rate), 2)) for name in ("drums", "bass", "chords", "vocals")}
    for number in range(int(seconds / beat)):
        at = number * beat
        chord = [key + transpose for key in _CHORDS[number // 4 % 4]]
        _add(stems["drums"], _hit(rng, rate, number % 2 == 1), at, rate)
        _add(stems["drums"], 0.1 * _hiss(rng, rate, 0.04), at + beat / 2, rate)
        for index, key in enumerate(chord):
            _add(stems["chords"], 0.12 * _tone(key, beat, rate, fall=3.0), at, rate, pan=0.2 + 0.3 * index)
        _add(stems["bass"], 0.25 * _tone(chord[0] - 24, beat, rate, fall=2.0), at, rate)
        if number % 4 != 3:
            key = chord[int(rng.integers(3))] + 12
            _add(stems["vocals"], 0.3 * _vowel(_hertz(key), 0.8 * beat, rate, number), at, rate)
    return stems


def speech(seed: int, *, rate: int, syllables: int, hz: float = 130.0) -> np.ndarray:
    """Say syllables without words: vowels with a falling pitch, bursts of noise before them (T,)."""
    rng = np.random.default_rng(seed)
    y = np.zeros(round((0.4 + 0.24 * syllables) * rate))
    for number in range(syllables):
        at = round((0.2 + 0.24 * number) * rate)
        pitch = hz * 2 ** ((2 - 4 * number / syllables + rng.normal(0, 0.7)) / 12)
        vowel, burst = 0.3 * _vowel(pitch, 0.15, rate, number, glide=0.06), 0.04 * _hiss(rng, rate, 0.05)
        y[at : at + len(vowel)] += vowel
        y[at - len(burst) : at] += burst
    return y + 1e-4 * rng.standard_normal(len(y))


def _hertz(key: float) -> float:
    return 440.0 * 2 ** ((key - 69) / 12)


def _tone(key: float, seconds: float, rate: int, *, fall: float) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    parts = [np.sin(2 * np.pi * k * _hertz(key) * t) / k for k in range(1, 9) if k * _hertz(key) < 0.45 * rate]
    return np.sum(parts, axis=0) * np.exp(-fall * t) * np.minimum(1, t / 0.004) * np.minimum(1, t[::-1] / 0.01)


def _vowel(hz: float, seconds: float, rate: int, number: int, *, glide: float = 0.0) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    course = hz * (1 - glide * t / seconds) * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * t))
    phase = 2 * np.pi * np.cumsum(course) / rate
    y = np.zeros(len(t))
    for k in range(1, int(min(0.45 * rate, 5000) / hz)):
        weight = sum(1 / (1 + ((k * hz - f) / (60 + 0.06 * f)) ** 2) for f in _FORMANTS[number % len(_FORMANTS)])
        y += (weight + 0.01) / k**0.5 * np.cos(k * phase)
    return 0.6 * y * np.minimum(1, t / 0.015) * np.minimum(1, t[::-1] / 0.03)


def _hiss(rng: np.random.Generator, rate: int, seconds: float) -> np.ndarray:
    size = round(seconds * rate)
    return np.diff(rng.standard_normal(size + 1)) * np.hanning(size)


def _hit(rng: np.random.Generator, rate: int, snare: bool) -> np.ndarray:
    t = np.arange(round(0.2 * rate)) / rate
    if snare:
        return 0.3 * rng.standard_normal(len(t)) * np.exp(-25 * t) + 0.2 * np.sin(2 * np.pi * 190 * t) * np.exp(-20 * t)
    return 0.6 * np.sin(2 * np.pi * (48 * t + 6 * (1 - np.exp(-32 * t)))) * np.exp(-12 * t)


def _add(track: np.ndarray, sound: np.ndarray, at: float, rate: int, *, pan: float = 0.5) -> None:
    start = round(at * rate)
    part = sound[: max(0, len(track) - start), None]
    track[start : start + len(part)] += part * [np.cos(pan * np.pi / 2), np.sin(pan * np.pi / 2)]


def _write(path: Path, y: np.ndarray, rate: int, subtype: str | None = "PCM_16", **tags: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = 1 if y.ndim == 1 else y.shape[1]
    with sf.SoundFile(path, "w", rate, channels, subtype) as file:
        for name, text in tags.items():
            setattr(file, name, text)
        file.write(y)


def _loud(y: np.ndarray, peak: float = 0.7) -> np.ndarray:
    return y * (peak / np.abs(y).max())


def _mixed(stems: dict[str, np.ndarray]) -> np.ndarray:
    return _loud(np.sum(list(stems.values()), axis=0))


def _songs(folder: Path) -> None:
    stems = song(1, bpm=120, seconds=5.0, rate=44_100)
    _write(folder / "song.wav", _mixed(stems), 44_100, title="A Song", artist="Nobody")
    _write(folder / "voice.wav", _loud(stems["vocals"]), 44_100)
    _write(folder / "rhythm.wav", _loud(stems["drums"] + stems["bass"]), 44_100)
    band = song(2, bpm=104, seconds=6.0, rate=44_100, transpose=3)
    _write(folder / "band.wav", _mixed(band), 44_100, "PCM_24")
    _write(folder / "backing.wav", _mixed(song(3, bpm=110, seconds=8.0, rate=22_050)), 22_050)
    short = _mixed(song(4, bpm=132, seconds=2.0, rate=22_050))
    _write(folder / "short.flac", short, 22_050, None, title="A Short Song")
    _write(folder / "short.ogg", short, 22_050, None)
    _write(folder / "short.mp3", short, 22_050, None)
    _write(folder / "short.aiff", short, 22_050)


def _voices(folder: Path) -> None:
    rng = np.random.default_rng(10)
    _write(folder / "speech.wav", _loud(speech(11, rate=22_050, syllables=9)), 22_050)
    clean = _loud(speech(12, rate=16_000, syllables=10, hz=190.0), 0.5)
    noise = np.convolve(rng.standard_normal(len(clean) + 8), np.ones(8) / 8, "valid")[: len(clean)]
    _write(folder / "clean.wav", clean, 16_000)
    _write(folder / "noisy.wav", clean + 0.05 * noise, 16_000)
    _write(folder / "noise.wav", 0.05 * rng.permutation(noise), 16_000)
    hum = np.concatenate([_vowel(_hertz(key), 0.5, 16_000, 2) for key in (57, 59, 61, 62, 64, 61)])
    _write(folder / "hum.wav", _loud(hum, 0.5), 16_000)


def _notes(folder: Path) -> None:
    _write(folder / "note.wav", _loud(_tone(57, 1.2, 22_050, fall=2.5)), 22_050)
    _write(folder / "bell.wav", _loud(_tone(64, 1.0, 22_050, fall=5.0) ** 3), 22_050)
    for name, fall in (("guitar", 4.0), ("organ", 0.3)):
        for key in (48, 53, 58, 63):
            _write(folder / f"notes/{name}_{key:03d}.wav", _loud(_tone(key, 1.0, 16_000, fall=fall), 0.5), 16_000)


def _folders(folder: Path) -> None:
    """Write folders: songs to batch over, two styles, talkers, noises, songs with stems; one with a bad file inside."""
    for number, name in enumerate(("a.wav", "b.flac", "more/c.wav")):
        mix = _mixed(song(20 + number, bpm=100 + 10 * number, seconds=2.0, rate=22_050))
        _write(folder / "songs" / name, mix, 22_050, "PCM_16" if name.endswith("wav") else None)
    for number in range(2):
        stems = song(30 + number, bpm=110, seconds=3.0, rate=22_050)
        _write(folder / f"style-a/{number}.wav", _loud(stems["chords"].mean(axis=1))[:33_075], 22_050)
        _write(folder / f"style-b/{number}.wav", _loud(stems["vocals"].mean(axis=1))[:33_075], 22_050)
        _write(folder / f"stems/{number}/vocals.wav", _loud(stems["vocals"], 0.4), 22_050)
        _write(folder / f"stems/{number}/accompaniment.wav", _loud(stems["drums"] + stems["chords"], 0.4), 22_050)
        voice = _loud(speech(40 + number, rate=16_000, syllables=24, hz=120 + 50 * number), 0.5)
        _write(folder / f"talkers/{number}.wav", voice, 16_000)
    rng = np.random.default_rng(50)
    _write(folder / "noises/hiss.wav", 0.1 * rng.standard_normal(48_000), 16_000)
    _write(folder / "mixed/good.wav", _loud(_tone(60, 1.0, 22_050, fall=1.0)), 22_050)
    (folder / "mixed/text.wav").write_text("this is no sound\n")


def _odd_shapes(folder: Path) -> None:
    rng = np.random.default_rng(60)
    _write(folder / "silence.wav", np.zeros((22_050, 2)), 22_050)
    _write(folder / "moment.wav", _loud(_tone(69, 0.1, 44_100, fall=1.0)), 44_100)
    _write(folder / "one.wav", np.full(1, 0.25), 44_100)
    _write(folder / "empty.wav", np.zeros((0, 2)), 44_100)
    _write(folder / "telephone.wav", _loud(speech(61, rate=8_000, syllables=6)), 8_000, "PCM_U8")
    six = np.stack([_tone(50 + 5 * channel, 1.5, 48_000, fall=1.0) for channel in range(6)], axis=1)
    _write(folder / "six.wav", _loud(six + 0.01 * rng.standard_normal(six.shape), 0.5), 48_000, "PCM_24")
    _write(folder / "loud.wav", _loud(_mixed(song(62, bpm=120, seconds=2.0, rate=44_100)), 1.8), 44_100, "FLOAT")
    pauses = np.concatenate([_loud(speech(63 + k, rate=22_050, syllables=4)) for k in range(3)])
    _write(folder / "pauses.wav", pauses, 22_050)
    broken = _loud(_tone(69, 0.5, 22_050, fall=1.0))
    broken[1000] = np.nan
    _write(folder / "nan.wav", broken, 22_050, "FLOAT")


def _chunk_sets(folder: Path) -> None:
    """Write a sound as a chunk set and as a tar, whole and damaged; spectra as a tar that is cut; an unknown array."""
    y = np.ascontiguousarray(_mixed(song(70, bpm=120, seconds=2.0, rate=22_050)).T, "<f4")
    head = {
        "kind": "audio", "length": y.shape[1], "chunk": 12_000, "hop": 12_000, "axes": ["channel", "sample"],
        "join": "replace", "transform": None, "mood": "kept as it is",
    }  # fmt: skip
    head, items, arrays = _pieces(y, head)
    for name in ("made.chunks", "spoiled.chunks"):
        (folder / name).mkdir()
        for item, array in zip(items, arrays, strict=True):
            (folder / name / item["file"]).write_bytes(array)
        (folder / name / "manifest.json").write_text(json.dumps({**head, "items": items}))
    spoiled = bytearray(arrays[1])
    spoiled[-100] ^= 1
    (folder / "spoiled.chunks/000001.npy").write_bytes(spoiled)
    whole = _tar(head, items, arrays)
    (folder / "made.tar").write_bytes(whole)
    (folder / "cut.tar").write_bytes(whole[: len(whole) * 2 // 3])
    rng = np.random.default_rng(71)
    transform = {"rate": 22_050, "kind": "magnitude", "n_fft": 512, "hop": 128, "window": "hann", "pad": [256, 256]}
    head = {
        "kind": "spectrum", "length": 200 * 128, "chunk": 100, "hop": 100, "axes": ["channel", "bin", "frame"],
        "join": "crossfade", "transform": transform,
    }  # fmt: skip
    whole = _tar(*_pieces(rng.normal(-3, 1, (2, 257, 201)).astype("<f4"), head))
    (folder / "spectra.tar").write_bytes(whole)
    (folder / "cut-spectra.tar").write_bytes(whole[: len(whole) * 2 // 3])
    mel = np.clip(rng.normal(-0.4, 0.2, (1, 128, 256)) + np.linspace(0.4, -0.4, 128)[:, None], -1, 1)
    np.save(folder / "mel.npy", mel.astype("<f4"))


def _pieces(values: np.ndarray, about: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]], list[bytes]]:
    """Cut an array along its last axis: the head of a chunk set, its items, and their bytes as .npy."""
    head = {
        "format": "audiokit.chunks", "version": 1, "rate": 22_050, "channels": 2, "dtype": "float32", "name": "made",
        "source": {"name": "made.wav", "subtype": "PCM_16"}, "history": [], **about,
    }  # fmt: skip
    items, arrays = [], []
    for number, start in enumerate(range(0, values.shape[-1], head["hop"])):
        piece = np.ascontiguousarray(values[..., start : start + head["chunk"]])
        buffer = io.BytesIO()
        np.save(buffer, piece, allow_pickle=False)
        arrays.append(buffer.getvalue())
        place = {"file": f"{number:06d}.npy", "start": start, "stop": start + piece.shape[-1]}
        items.append({**place, "shape": list(piece.shape), "sha256": hashlib.sha256(arrays[-1]).hexdigest()})
    return head, items, arrays


def _tar(head: dict[str, Any], items: Sequence[dict[str, Any]], arrays: Sequence[bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        add("__audiokit__/head.json", json.dumps(head).encode())
        for number, (item, array) in enumerate(zip(items, arrays, strict=True)):
            add(f"made/{number:06d}.json", json.dumps(item).encode())
            add(f"made/{number:06d}.npy", array)
        add("__audiokit__/end.json", json.dumps({"count": len(items), "length": head["length"]}).encode())
    return buffer.getvalue()


def _texts(folder: Path) -> None:
    (folder / "beats.txt").write_text("".join(f"{0.25 + 0.55 * n:.3f} {n % 4 + 1}\n" for n in range(9)))
    (folder / "beats-back.txt").write_text("1.0 1\n0.5 2\n")
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "wrong.toml").write_text('[[effect]]\nuse = "Levitate"\n')
    (folder / "words.txt").write_text("hello my friend we sing together now\n")
    notes = [(0, 60), (240, 64), (480, 67), (720, 72)]
    track = b"\x00\xff\x51\x03" + (500_000).to_bytes(3, "big")
    for number, (_, key) in enumerate(notes):
        track += bytes([0, 0x90, key, 90 + number]) + bytes([0x81, 0x70, 0x80, key, 0])  # 240 ticks each
    track += b"\x00\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480)
    (folder / "tune.mid").write_bytes(head + b"MTrk" + struct.pack(">I", len(track)) + track)


def _broken(folder: Path) -> None:
    (folder / "text.wav").write_text("this is no sound\n")
    (folder / "zero.wav").write_bytes(b"")
    whole = (folder / "voice.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "half.flac").write_bytes((folder / "short.flac").read_bytes()[:9000])
    (folder / "junk.pth").write_bytes(bytes(range(256)) * 4)
    (folder / "archive.tar.gz").write_bytes(b"not an archive")
    (folder / "hollow").mkdir()
    (folder / "hollow/readme.txt").write_text("nothing to hear\n")
