"""Whole songs with known beats: drums, bass, chords and a sung line over one tempo, drawn from a seed.

What makes them harder than drums alone: a bass whose periods are as long as an attack, chords that decay or last, a
voice that glides, vibrates and comes early or late, drums that play half the tempo, no hats, or not yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Ways to play, drawn in turn, and the tempi each is played at.
WAYS: dict[str, tuple[float, float]] = {
    "plain": (60, 200), "swing": (80, 200), "half time": (110, 180), "no hats": (65, 190), "ballad": (60, 82),
    "rubato intro": (75, 150), "floor": (95, 180), "drawn": (70, 190), "fast": (150, 200), "late drums": (70, 160),
}  # fmt: skip
RATE = 22_050


@dataclass(frozen=True)
class Song:
    """Audio (2, T) and the truth about it."""

    y: np.ndarray
    rate: int
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    name: str


def full_song(
    seed: int, *, seconds: float = 26.0, rate: int = RATE, bpm: float | None = None, drums: bool = True
) -> Song:
    """Draw a song: its way of playing from the seed's last digit, everything else from the whole seed.

    A tempo may be asked for, and that the drums are silent; nothing else is drawn differently then.
    """
    rng = np.random.default_rng([seed, 61])
    way = list(WAYS)[seed % len(WAYS)]
    low, high = WAYS[way]
    drawn_bpm = round(float(low * (high / low) ** rng.random()), 1)
    bpm = drawn_bpm if bpm is None else bpm
    per_bar = 3 if way in ("plain", "ballad") and rng.random() < 0.2 else 4
    beats = _beats(rng, bpm, seconds, free_s=rng.uniform(5, 9) if way == "rubato intro" else 0.0)
    swing = float(rng.uniform(0.57, 0.68)) if way == "swing" else 0.5
    stage = _Stage(rng, rate, round(seconds * rate), beats, per_bar, swing)
    free = int(np.searchsorted(np.abs(np.diff(beats) - 60 / bpm) < 1e-9, True)) if way == "rubato intro" else 0
    begin = -(-free // per_bar) if way != "late drums" else int(rng.integers(2, 4))
    parts = {
        "drums": _drums(stage, way, begin),
        "bass": _bass(stage, begin if way == "rubato intro" else 0),
        "chords": _chords(stage),
        "voice": _voice(stage),
    }
    pans = {"drums": 0.5, "bass": 0.5, "chords": rng.uniform(0.35, 0.65), "voice": 0.5}
    loud = {"drums": rng.uniform(0.35, 0.6), "bass": rng.uniform(0.15, 0.35)}
    loud |= {"chords": rng.uniform(0.15, 0.35), "voice": rng.uniform(0.2, 0.45) * (rng.random() < 0.85)}
    loud["drums"] *= drums
    y = np.zeros((2, stage.length))
    for name, part in parts.items():
        scaled = loud[name] * part / (np.abs(part).max() + 1e-9)
        y += np.stack([scaled * 2 * (1 - pans[name]), scaled * 2 * pans[name]])
    y *= 0.9 / np.abs(y).max()
    kept = beats[beats < seconds - 0.1]
    return Song(
        y.astype(np.float32), rate, kept, kept[::per_bar], f"{way} {bpm:g} ({seed}){'' if drums else ' no drums'}"
    )


def _beats(rng: np.random.Generator, bpm: float, seconds: float, free_s: float) -> np.ndarray:
    """Beats of one tempo, after a while in which the tempo comes and goes (by a sixth) as a singer likes."""
    times, now = [], float(rng.choice([0.0, rng.uniform(0.05, 0.8)]))
    turn, rate_s = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.6)
    while now < seconds + 1:
        times.append(now)
        bend = 0.16 * np.sin(turn + now * rate_s) if now < free_s else 0.0
        now += 60 / (bpm * (1 + bend))
    return np.array(times)


class _Stage:
    """Where sounds are placed: by beat, and by what part of a beat."""

    def __init__(
        self, rng: np.random.Generator, rate: int, length: int, beats: np.ndarray, per_bar: int, swing: float
    ) -> None:
        self.rng, self.rate, self.length, self.beats = rng, rate, length, beats
        self.per_bar, self.swing, self.bars = per_bar, swing, (len(beats) - 1) // per_bar
        home = int(rng.integers(40, 52))
        self.roots = [home + int(step) for step in rng.choice([0, 3, 5, 7, 8, 10, -4], 4)]
        self.minor = rng.random(4) < 0.4

    def time(self, beat: float) -> float:
        """Seconds of a beat with a part; sixteenths swing, triplets do not."""
        whole = min(int(beat + 1e-6), len(self.beats) - 2)
        part = beat - whole
        if abs(4 * part - round(4 * part)) < 1e-6 and part < 1:
            part = (0.0, self.swing / 2, self.swing, (1 + self.swing) / 2)[round(4 * part)]
        return float(self.beats[whole] + part * (self.beats[whole + 1] - self.beats[whole]))

    def add(self, y: np.ndarray, sound: np.ndarray, at_s: float, gain: float = 1.0) -> None:
        """Add a sound (n,) to a part (T,)."""
        start = max(0, round(at_s * self.rate))
        piece = sound[: max(0, self.length - start)]
        y[start : start + len(piece)] += gain * piece

    def clock(self, seconds: float) -> np.ndarray:
        """Times (n,) of the samples of so many seconds."""
        return np.arange(max(1, round(seconds * self.rate))) / self.rate


def _hits(rng: np.random.Generator, way: str, per_bar: int) -> tuple[list[float], list[float], list[float]]:
    """Beats of the bar on which bass drum, snare and hats fall."""
    kicks, snares = ([0.0, 2.0], [1.0, 3.0]) if per_bar == 4 else ([0.0], [1.0, 2.0])
    grids = {"eighths": 0.5, "sixteenths": 0.25, "quarters": 1.0, "off": 0.5}
    hats = str(rng.choice(["eighths", "eighths", "off", "off", "quarters", "sixteenths"]))
    if way in ("fast", "half time") and hats == "sixteenths":
        hats = "eighths"
    if way == "half time":
        kicks, snares = [0.0, *([2.5] if rng.random() < 0.5 else [])], [2.0]
    elif way == "floor":
        kicks, hats = [float(k) for k in range(per_bar)], str(rng.choice(["off", "off", "eighths"]))
    elif way == "ballad":
        kicks = [0.0, *([per_bar - 1.5] if rng.random() < 0.6 else [])]
        snares, hats = ([1.0, 3.0] if per_bar == 4 else [1.0, 2.0]), str(rng.choice(["eighths", "sixteenths"]))
    elif way == "drawn":
        kicks = [0.0, *(float(k) for k in np.arange(0.5, per_bar, 0.5) if rng.random() < 0.3)]
    elif rng.random() < 0.3:
        kicks = sorted({*kicks, float(rng.choice([1.5, 2.5, 3.5]))})
    step = grids[hats]
    places = [float(p) for p in np.arange(step if hats == "off" else 0, per_bar, 1.0 if hats == "off" else step)]
    return kicks, snares, [] if way == "no hats" else places


def _drums(stage: _Stage, way: str, begin: int) -> np.ndarray:
    """Bass drum, snare, hats from a bar on; some songs fill every eighth bar."""
    rng, y = stage.rng, np.zeros(stage.length)
    t = stage.clock(0.35)
    low, drop, ring = rng.uniform(42, 62), rng.uniform(4, 14), rng.uniform(0.06, 0.2)
    kick = np.sin(2 * np.pi * (low * t + drop * (1 - np.exp(-t / rng.uniform(0.015, 0.04))))) * np.exp(-t / ring)
    tone = np.sin(2 * np.pi * rng.uniform(160, 240) * t) * np.exp(-t / 0.05) * rng.uniform(0, 0.5)
    decay, bright = rng.uniform(0.04, 0.12), rng.uniform(0.012, 0.06)
    levels = {"snare": rng.uniform(0.4, 0.8), "hat": rng.uniform(0.1, 0.35)}
    kicks, snares, hats = _hits(rng, way, stage.per_bar)
    fills, accents = rng.random() < 0.4, rng.uniform(0.5, 1.0, 8)
    for bar in range(begin, stage.bars):
        first = bar * stage.per_bar
        until = stage.per_bar - 1 if fills and bar % 8 == 7 else stage.per_bar
        for place in kicks:
            stage.add(y, kick, stage.time(first + place), rng.uniform(0.9, 1.0))
        for place in [p for p in snares if p < until] + [until + k / 4 for k in range(4 * (stage.per_bar - until))]:
            snare = rng.standard_normal(len(t)) * np.exp(-t / decay) + tone
            stage.add(y, snare, stage.time(first + place), levels["snare"])
        for index, place in enumerate(hats):
            hat = np.diff(rng.standard_normal(len(t)), prepend=0.0) * np.exp(-t / bright)
            stage.add(y, hat, stage.time(first + place), levels["hat"] * accents[index % 8])
    return y


def _bass(stage: _Stage, begin: int) -> np.ndarray:
    """A square, a saw or a sine on the root: held through the bar, twice, on every beat or on eighths."""
    rng, y = stage.rng, np.zeros(stage.length)
    shape: Callable[[np.ndarray], np.ndarray] = [
        lambda p: np.sign(np.sin(2 * np.pi * p)), lambda p: 2 * (p % 1) - 1, lambda p: np.sin(2 * np.pi * p),
    ][int(rng.integers(3))]  # fmt: skip
    step = float(rng.choice([stage.per_bar, stage.per_bar / 2, 1.0, 0.5]))
    soft = rng.choice([0.0, 0.005, 0.02])
    for bar in range(begin, stage.bars):
        for place in np.arange(0, stage.per_bar, step):
            start, end = (stage.time(bar * stage.per_bar + p) for p in (float(place), float(place) + 0.95 * step))
            t = stage.clock(end - start)
            hz = 440 * 2 ** ((stage.roots[bar % 4] - 12 - 69) / 12)
            stage.add(y, shape(hz * t) * _rise(t, soft) * _rise(t[::-1], 0.01), start)
    return y


def _chords(stage: _Stage) -> np.ndarray:
    """Chords that are struck and decay, last like an organ, or come as an arpeggio, changing with the bars."""
    rng, y = stage.rng, np.zeros(stage.length)
    kind = str(rng.choice(["struck", "struck", "lasting", "arpeggio", "beats"]))
    step = {"arpeggio": 0.5, "beats": 1.0}.get(kind, float(stage.per_bar))
    soft = {"lasting": rng.uniform(0.02, 0.12)}.get(kind, rng.choice([0.0, 0.004]))
    slope, decay = rng.uniform(1.2, 2.2), 1e3 if kind == "lasting" else rng.uniform(0.4, 1.5)
    for bar in range(stage.bars):
        third = 3 if stage.minor[bar % 4] else 4
        notes = [stage.roots[bar % 4] + 12 + k for k in (0, third, 7, 12)]
        for index, place in enumerate(np.arange(0, stage.per_bar, step)):
            start, end = (stage.time(bar * stage.per_bar + p) for p in (float(place), float(place) + step))
            t = stage.clock(end - start)
            chord = np.zeros(len(t))
            for note in [notes[index % 4]] if kind == "arpeggio" else notes:
                hz = 440 * 2 ** ((note - 69) / 12)
                chord += sum(np.sin(2 * np.pi * hz * h * t) / h**slope for h in range(1, 8))
            stage.add(y, chord * np.exp(-t / decay) * _rise(t, soft), start)
    return y


def _voice(stage: _Stage) -> np.ndarray:
    """A vowel-like voice with vibrato that begins up to 40 ms early or late, glides, and rests every other phrase."""
    rng, y = stage.rng, np.zeros(stage.length)
    step = float(rng.choice([1.0, 2.0, 2.0, 1.5]))
    loose_s = float(rng.choice([0.0, 0.01, 0.02]))
    vowels = ([700, 1100, 2600], [350, 2000, 2700], [450, 800, 2500])
    beat, rests = 0.0, rng.random() < 0.4
    while beat < stage.bars * stage.per_bar - step:
        if rests and int(beat // (2 * stage.per_bar)) % 2:
            beat += step
            continue
        start, end = stage.time(beat) + loose_s * rng.standard_normal(), stage.time(beat + 0.85 * step)
        t = stage.clock(max(0.1, end - start))
        hz = 440 * 2 ** ((stage.roots[0] + 12 + rng.choice([0, 3, 5, 7, 10]) - 69) / 12)
        hz = hz * (1 + 0.006 * np.sin(2 * np.pi * 5.5 * t) - 0.05 * np.exp(-t / 0.04) * (rng.random() < 0.3))
        phase = 2 * np.pi * np.cumsum(hz) / stage.rate
        vowel, centre = vowels[int(rng.integers(3))], float(hz.mean())
        sound = np.zeros(len(t))
        for h in range(1, int(min(40, stage.rate / 2.2 / centre))):
            sound += np.sin(h * phase) * (sum(np.exp(-(((h * centre - c) / 120) ** 2)) for c in vowel) + 0.02)
        stage.add(y, sound * _rise(t, rng.uniform(0.015, 0.05)) * _rise(t[::-1], 0.05), start)
        beat += step * float(rng.choice([1, 1, 1, 2]))
    return y


def _rise(t: np.ndarray, seconds: float) -> np.ndarray:
    return np.minimum(1.0, t / max(seconds, 1e-4))


def beatless(seed: int, *, seconds: float = 20.0, rate: int = RATE) -> np.ndarray:
    """Sound without a beat (1, T): noise, swells, held notes, or notes, clicks and syllables at odd times."""
    rng = np.random.default_rng([seed, 62])
    length = round(seconds * rate)
    t, y = np.arange(length) / rate, 0.002 * rng.standard_normal(length)
    kind, now = seed % 5, 0.2
    if kind == 0:
        level = np.interp(t, np.arange(0, seconds + 4, 2.7), rng.uniform(0.2, 1, int((seconds + 4) / 2.7) + 1))
        y += level * np.convolve(rng.standard_normal(length), np.ones(int(rng.integers(1, 9))), mode="same")
    elif kind == 1:
        for hz in 440 * 2 ** (rng.integers(-24, 12, 5) / 12):
            y += np.sin(2 * np.pi * hz * t) * (1 + np.sin(2 * np.pi * rng.uniform(0.03, 0.4) * t + rng.uniform(0, 6)))
    while kind > 1 and now < seconds - 1:
        gap = float(rng.gamma(3, {2: 0.15, 3: 0.1, 4: 0.08}[kind]))
        n = np.arange(round(min(seconds - now, {2: 1.0, 3: 0.08, 4: 0.6 * gap + 0.05}[kind]) * rate)) / rate
        hz = 440 * 2 ** (rng.integers(-24, 12) / 12)
        sound = rng.standard_normal(len(n)) * np.exp(-n / 0.02) if kind == 3 else np.zeros(len(n))
        if kind != 3:
            sound = sum(np.sin(2 * np.pi * hz * h * n) / h for h in range(1, 8)) * np.exp(-n / 0.3) * _rise(n, 0.01)
        start = round(now * rate)
        y[start : start + len(n)] += rng.uniform(0.2, 1) * sound[: length - start]
        now += gap + 0.03
    return (0.5 * y / np.abs(y).max()).astype(np.float32)[None]


def produced(y: np.ndarray, seed: int, rate: int = RATE) -> np.ndarray:
    """Audio (C, T) as another studio leaves it: equaliser, at times a room, saturation, noise; attacks stay."""
    rng, n = np.random.default_rng([seed, 63]), y.shape[1]
    size = 1 << int(np.ceil(np.log2(n + rate)))
    hz = np.maximum(np.fft.rfftfreq(size, 1 / rate), 20)
    bends_hz = np.array([20, 60, 150, 400, 1000, 2500, 6000, 11_025])
    gains_db = np.interp(np.log2(hz), np.log2(bends_hz), rng.uniform(-7, 7, 8))
    spectrum = np.fft.rfft(y, size, axis=1) * 10 ** (gains_db / 20)
    if rng.random() < 0.5:
        t = np.arange(rate // 2) / rate
        room = rng.standard_normal(len(t)) * np.exp(-t / rng.uniform(0.03, 0.15))
        room *= rng.uniform(0.05, 0.4) / np.sqrt((room**2).sum())
        room[0] += 1
        spectrum = spectrum * np.fft.rfft(room, size)
    out = np.fft.irfft(spectrum, size, axis=1)[:, :n]
    push = rng.uniform(1, 8)
    out = np.tanh(push * out / (np.abs(out).max() + 1e-9)) / np.tanh(push)
    out += 10 ** (rng.uniform(-65, -30) / 20) * rng.standard_normal(out.shape)
    return (0.9 * out / np.abs(out).max()).astype(np.float32)
