"""Pianos that nobody has built, for a style to hear more of them: strings of any stiffness, and cheap samplers.

`struck` draws a piano of modes: stiff strings, hammers, felts, two stages of decay, detuned unisons. `looped` makes of
any piano what a small soundfont makes of it: few keys, a low rate, few bits, a short loop that fades evenly. Both give
notes as `pianos.recorded` reads them: {MIDI pitch: {layer: audio (T,) at 22.05 kHz}}.

References:
    Fletcher, Blackham and Stratton (1962), Quality of piano tones (stiffness); Weinreich (1977), Coupled piano strings
    (two stages of decay, unisons).
"""

import numpy as np
from scipy.signal import butter, lfilter, resample_poly, sosfilt

RATE = 22050
SECONDS = 3.5


def struck(rng):
    """Draw a piano and strike every third key, softly and loudly."""
    piano = {
        "stiffness": np.exp(rng.uniform(np.log(2e-5), np.log(2e-3))),
        "tilt": rng.uniform(0.5, 2.2),
        "place": rng.uniform(0.06, 0.2),
        "corner": np.exp(rng.uniform(np.log(500), np.log(5000))),
        "t60": np.exp(rng.uniform(np.log(2.0), np.log(14.0))),
        "fall": rng.uniform(0.2, 0.8),
        "damping": np.exp(rng.uniform(np.log(0.01), np.log(0.2))),
        "quick": rng.uniform(2, 8),
        "slow": rng.uniform(0.03, 0.6),
        "cents": np.exp(rng.uniform(np.log(0.1), np.log(4))),
        "unisons": int(rng.integers(1, 4)),
        "uneven": rng.uniform(0, 6),
        "attack": np.exp(rng.uniform(np.log(5e-4), np.log(8e-3))),
        "knock": 10 ** (rng.uniform(-50, -16) / 20),
        "knock_hz": np.exp(rng.uniform(np.log(150), np.log(3000))),
    }
    return {key: {layer: _note(rng, piano, key, layer) for layer in (1, 3)} for key in range(30, 100, 3)}


def _note(rng, piano, key, layer):
    hz, t = 440 * 2 ** ((key - 69) / 12), np.arange(round(SECONDS * RATE), dtype=np.float32) / np.float32(RATE)
    stiffness = piano["stiffness"] * 2 ** ((key - 60) / 14)
    n = np.arange(1, 41)
    at = n * hz * np.sqrt(1 + stiffness * n**2)
    n, at = n[at < 0.47 * RATE], at[at < 0.47 * RATE]
    corner = piano["corner"] * (0.5 + layer / 3) * (hz / 260) ** 0.4
    level = n ** -piano["tilt"] * (0.1 + np.abs(np.sin(np.pi * n * piano["place"]))) * np.exp(-at / corner)
    level = level * 10 ** (rng.normal(0, piano["uneven"], len(n)) / 20)
    t60 = piano["t60"] * (260 / hz) ** piano["fall"] / (1 + piano["damping"] * (n - 1))
    y = np.zeros(len(t), np.float32)
    for f, a, fade in zip(at, level, t60, strict=True):
        if a < 1e-4 * level.max():
            continue
        tone = np.zeros(len(t), np.float32)
        for _ in range(piano["unisons"]):
            detuned = f * 2 ** (rng.normal(0, piano["cents"]) / 1200)
            tone += np.sin(np.float32(2 * np.pi * detuned) * t + np.float32(rng.uniform(0, 6.3)))
        late = np.exp(np.float32(-6.9 / fade) * t)
        early = np.exp(np.float32(-6.9 * piano["quick"] / fade) * t)
        y += np.float32(a / piano["unisons"]) * tone * (np.float32(piano["slow"]) * late + early)
    y *= np.minimum(1, t / piano["attack"])
    knock = rng.normal(size=len(t)) * np.exp(-t * rng.uniform(40, 300))
    low = np.exp(-2 * np.pi * piano["knock_hz"] / RATE)
    knock = lfilter([1 - low], [1, -low], knock)
    peak = np.abs(y).max()
    return (y + knock * piano["knock"] * peak / np.abs(knock).max()).astype(np.float32)


def looped(notes, rng):
    """Sample a piano as a small soundfont does: few keys, one layer, a low rate, few bits, a loop that fades evenly."""
    step, rate = int(rng.integers(3, 14)), rng.choice([8000, 11025, 16000, 22050])
    t60, attack = np.exp(rng.uniform(np.log(2.0), np.log(12.0))), rng.uniform(0.12, 1.2)
    fall, wanted = rng.uniform(0, 0.6), np.exp(rng.uniform(np.log(0.008), np.log(0.25)))
    bits, layer = int(rng.choice([8, 12, 16, 16])), int(rng.choice([1, 2, 3]))
    keys = sorted(notes)
    chosen = [k for k in keys if k >= 30][:: max(1, round(step / max(1, np.median(np.diff(keys)))))]
    out = {}
    for key in chosen:
        y = notes[key][min(notes[key], key=lambda one: abs(one - layer))]
        y = resample_poly(resample_poly(y, rate // 25, RATE // 25), RATE // 25, rate // 25) if rate < RATE else y
        hz = 440 * 2 ** ((key - 69) / 12)
        sound = _loop(y / (np.abs(y).max() + 1e-9), round(attack * RATE), RATE / hz, wanted * RATE)
        t = np.maximum(0, np.arange(len(sound)) / RATE - attack)
        sound = sound * np.exp(-6.9 * t / (t60 * (260 / hz) ** fall))
        out[key] = {3: (np.round(sound * 2 ** (bits - 1)) / 2 ** (bits - 1)).astype(np.float32)}
    return out


def _loop(y, attack, period, wanted):
    """Go on after `attack` samples with whole periods, at the level that they have there, for 5 s."""
    count = max(1, round(wanted / period))
    length = round(count * period)
    attack = max(2 * length, min(attack, len(y) - length - 1))
    if attack + length > len(y):
        return y
    cut, before = y[attack : attack + length].astype(float), y[attack - length : attack]
    rms = [np.sqrt(np.mean(part**2)) + 1e-9 for part in (before, cut)]
    cut *= (rms[0] / rms[1]) ** (np.linspace(-0.5, 0.5, length))
    fade = np.linspace(0, 1, length)
    cut = cut * (1 - fade) + before * fade  # ends as what precedes its start
    return np.concatenate([y[:attack], np.tile(cut, 1 + round(5 * RATE / length))])[: round(5 * RATE)]


def dulled(y, rng):
    """Take the top away, steeply or gently, and tilt what is left."""
    corner, order = np.exp(rng.uniform(np.log(1500), np.log(9000))), int(rng.choice([1, 2, 4]))
    return sosfilt(butter(order, corner, fs=RATE, output="sos"), y).astype(np.float32)
