"""Measure who measures pitch: the built-in trackers beside a learnt one, in noise and in rooms.

    python -m tests.bench.bench_pitch [FOLDER]

FOLDER holds the reference audio (../shared/audio unless given); without it there are only synthetic voices and noise.
Real voices are taken apart, given a melody that is known to the frame, and put together again; then noise is added at
known ratios, or they stand in a room of known reverberation time. Needs the extra `pitch`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from audiokit.dsp.voice.intonation import Expression, Timing, draw_pitch
from audiokit.dsp.voice.plan import SungNote
from audiokit.dsp.voice.world import HOP_S, Voice, analyse_voice, synthesise_voice
from audiokit.io.audio import read
from tests.bench.bench_sing import ROOT, SPEAKERS
from tests.bench.measure import publish, table

RATE, SECONDS = 22_050, 6
SINGERS = ("basic-pitch/vocadito_10", "basic-pitch/vocadito_14", "sms-tools-materials/singing-female")
NOISES = ("noisereduce/cafe_short.wav", "modern-alarm-clock/city.mp3", "modern-alarm-clock/rain.mp3")
#: Name -> reverberation time in seconds and signal-to-noise ratio in dB, where there is any.
CONDITIONS: dict[str, tuple[float | None, float | None]] = {
    "clean": (None, None),
    "noise 20 dB": (None, 20.0),
    "noise 10 dB": (None, 10.0),
    "noise 5 dB": (None, 5.0),
    "noise 0 dB": (None, 0.0),
    "room 0.4 s": (0.4, None),
    "room 1.0 s": (1.0, None),
    "room 0.4 s, noise 10 dB": (0.4, 10.0),
}
TRACKERS: dict[str, Callable[[np.ndarray], Voice]] = {
    "world (fast)": lambda y: analyse_voice(y, RATE),
    "world (best)": lambda y: analyse_voice(y, RATE, quality="best"),
    "swift-f0": lambda y: analyse_voice(y, RATE, tracker="swift-f0"),
}


def voices(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Speakers and singers, or synthetic ones where the folder is not there."""
    found = {name: [folder / file for file in files] for name, files in SPEAKERS.items()}
    found |= {Path(name).name: [folder / "singing" / f"{name}.wav"] for name in SINGERS}
    for name, files in found.items():
        parts = [read(file, rate=RATE, mono=True)[0][0] for file in files if file.exists()]
        if parts:
            yield name, np.concatenate(parts)[: SECONDS * RATE]
    if not folder.exists():
        from tests.signals import talk

        for hz in (105, 150, 220):
            yield f"synthetic {hz} Hz", talk(np.random.default_rng(hz), pitch_hz=hz, syllables=14)[0][0]


def with_known_pitch(y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The voice on a drawn melody; its pitch in Hz (N,), 0 where it has none; and which frames are judged."""
    voice = analyse_voice(y, RATE, quality="best")
    middle = 69 + 12 * np.log2(voice.median_hz / 440)
    starts = np.arange(0, voice.frames * HOP_S, 0.4)
    notes = [SungNote(t, t + 0.4, middle + float(rng.integers(-5, 8)), 0) for t in starts]
    frames = np.arange(voice.frames)
    timing = Timing(frames.astype(float), np.zeros(voice.frames, int), np.ones(voice.frames))
    hz = 440 * 2 ** ((draw_pitch(voice, notes, timing, expression=Expression(), rng=rng) - 69) / 12)
    truth = np.where(voice.voiced, hz, 0.0)
    audible = voice.level_db > np.percentile(voice.level_db, 99) - 35
    return synthesise_voice(truth, voice.envelope, voice.bands, RATE), truth, audible | ~voice.voiced


def spoilt(y: np.ndarray, noise: np.ndarray, room_s: float | None, snr_db: float | None, rng) -> np.ndarray:
    """A voice in a room (an exponentially fading noise, as strong as the direct sound), and noise over it."""
    if room_s:
        t = np.arange(round(room_s * RATE)) / RATE
        tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / room_s) * (t > 0.004)
        tail /= np.sqrt((tail**2).sum())
        size = len(y) + len(tail)
        y = y + np.fft.irfft(np.fft.rfft(y, size) * np.fft.rfft(tail, size), size)[: len(y)]
    if snr_db is not None:
        at = int(rng.integers(max(1, len(noise) - len(y))))
        part = np.resize(noise[at:], len(y))
        part = part * np.sqrt((y**2).mean() / ((part**2).mean() + 1e-12)) * 10 ** (-snr_db / 20)
        y = y + part
    return y / np.abs(y).max() * 0.5


def judged(voice: Voice, truth: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Counts: frames with a pitch, right within 50 cents, right but for octaves, an octave off, called voiced; frames
    without, called voiced."""
    count = min(voice.frames, len(truth))
    heard = np.where(voice.voiced, voice.f0_hz, 0.0)[:count]
    truth, used = truth[:count], used[:count]
    sung, rest = used & (truth > 0), used & (truth == 0)
    cents = 1200 * np.log2(np.maximum(heard, 1.0) / np.maximum(truth, 1.0))
    found = sung & (heard > 0)
    right = found & (np.abs(cents) < 50)
    folded = found & (np.abs(cents - 1200 * np.round(cents / 1200)) < 50)
    sums = sung, right, folded, folded & ~right, found, rest, rest & (heard > 0)
    return np.array([mask.sum() for mask in sums], float)


def main(folder: Path) -> None:
    noises = [read(folder / "noise" / name, rate=RATE, mono=True)[0][0] for name in NOISES if folder.exists()]
    noises = noises or [np.random.default_rng(1).standard_normal(20 * RATE)]
    total = {(condition, name): np.zeros(7) for condition in CONDITIONS for name in TRACKERS}
    cost, seconds, names = dict.fromkeys(TRACKERS, 0.0), 0.0, []
    for number, (speaker, y) in enumerate(voices(folder)):
        rng = np.random.default_rng(number)
        sung, truth, used = with_known_pitch(y, rng)
        names.append(speaker)
        for condition, (room_s, snr_db) in CONDITIONS.items():
            x = spoilt(sung, noises[number % len(noises)], room_s, snr_db, rng)
            seconds += len(x) / RATE
            for name, track in TRACKERS.items():
                begun = time.process_time()
                total[condition, name] += judged(track(x), truth, used)
                cost[name] += time.process_time() - begun
    rows = []
    for (condition, name), (sung, right, folded, octave, found, rest, false) in total.items():
        shares = right / sung, folded / sung, octave / sung, found / sung, false / max(rest, 1)
        rows.append((condition, name, *(f"{share:.3f}" for share in shares)))
    header = ("", "tracker", "right within 50 cents", "right but for octaves", "an octave off")
    text = table((*header, "voice called voice", "rest called voice"), rows)
    speed = ", ".join(f"{name} {seconds / cost[name]:.0f}" for name in TRACKERS)
    text += (
        f"\n\n{len(names)} voices ({', '.join(names)}), each given a melody that is known to the frame; noises of a"
        " café, a city and rain; rooms whose reverberation is as strong as the direct sound. Shares of frames."
        " Reverberation goes on after the voice, which counts as a rest. Whole analysis, times real time"
        f" (processor, one thread): {speed}."
    )
    publish("pitch", text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
