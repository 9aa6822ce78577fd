"""Measures of `bench_generate` that know nothing of models: pitch, distributions, clicks, bending."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from audiokit.dsp.notes.notes import midi_to_hz
from audiokit.io.audio import read
from audiokit.io.nsynth import NoteFile
from audiokit.training.notes.classifier import picture

RATE = 16000
_FRAME, _HOP = 2048, 1024


def audio_of(note: NoteFile) -> np.ndarray:
    """Four seconds of a real note, as it was recorded."""
    y = read(note.path, rate=RATE, mono=True)[0][0][: 4 * RATE]
    return np.pad(y, (0, 4 * RATE - len(y)))


def pictures(sounds: np.ndarray) -> np.ndarray:
    """What the judge sees of many notes."""
    return np.stack([picture(y) for y in sounds]).astype(np.float16)


def heard_cents(y: np.ndarray, pitch: float) -> float:
    """Distance of the pitch that pYIN hears from the one named, in cents; infinite if it hears none.

    The tracker knows nothing of the pitch wanted (27.5 to 2300 Hz in steps of 20 cents, frames of four periods of
    the lowest). The answer is its median over the voiced frames of the first second, louder ones counting more and
    those 30 dB below the loudest not at all, so that neither a click nor a room's tail decides.
    """
    import librosa

    part = y[int(0.05 * RATE) : int(1.1 * RATE)]
    f0, _, _ = librosa.pyin(part, fmin=27.5, fmax=2300, sr=RATE, frame_length=_FRAME, hop_length=_HOP, resolution=0.2)
    padded = np.pad(part, (_HOP, 2 * _HOP))
    level = np.array([padded[k * _HOP : k * _HOP + _FRAME].std() for k in range(len(f0))])
    good = (np.nan_to_num(f0) > 0) & (level > level.max() * 10**-1.5)
    if not good.any():
        return float(np.inf)
    cents = 1200 * np.log2(f0[good] / midi_to_hz(pitch))
    order = np.argsort(cents)
    weight = np.cumsum(level[good][order])
    return float(cents[order][np.searchsorted(weight, weight[-1] / 2)])


def real_cents(notes: list[NoteFile], keep: str | None) -> np.ndarray:
    """Track real notes; with `keep`, only those that were not tracked before."""
    path = Path(keep) if keep else None
    known = json.loads(path.read_text()) if path and path.exists() else {}
    for n in notes:
        if str(n.path) not in known:
            known[str(n.path)] = heard_cents(audio_of(n), n.pitch)
            if path:
                path.write_text(json.dumps(known))
    return np.array([known[str(n.path)] for n in notes])


def pitch_rows(made: np.ndarray, real: np.ndarray, pitches: list[int], *, octaves: bool = True) -> list[list]:
    """Share of notes heard within 25 cents of their name, generated and real (both as distances in cents).

    Some real notes do not sound at their name: organ stops and harmonics an octave off, bars with inharmonic partials.
    What imitates them should not either, so a second row leaves those out.
    """
    good, named = np.abs(made) <= 25, np.abs(real) <= 25
    rows = [
        ["heard at the named pitch (pYIN, 25 cents), all", float(good.mean()), float(named.mean()), ""],
        [f"- where the real note is ({named.sum()} of {len(named)})", float(good[named].mean()), 1.0, ">= 0.98"],
        ["- heard where the real note is heard", float((np.abs(made - real) <= 25).mean()), 1.0, ""],
    ]
    octave = np.array(pitches) // 12 - 1
    for o in np.unique(octave) if octaves else ():
        mine = octave == o
        misses = [f"{int((~x[mine]).sum())} of {mine.sum()} missed" for x in (good, named)]
        rows.append([f"- octave {o} (C{o} to B{o}), all", *misses, f"{int((~good & named)[mine].sum())} of the named"])
    return rows


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance between Gaussians fitted to two sets of embeddings."""
    from scipy.linalg import sqrtm

    ca, cb = np.cov(a.T), np.cov(b.T)
    root = sqrtm(ca @ cb + 1e-8 * np.eye(len(ca))).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root))


def reduced(known: np.ndarray, *others: np.ndarray, size: int = 40) -> list[np.ndarray]:
    """Principal components of pictures, fitted on the first set."""
    x = known.reshape(len(known), -1).astype(np.float32)
    mean = x.mean(0)
    _, _, directions = np.linalg.svd((x - mean)[:800], full_matrices=False)
    return [(o.reshape(len(o), -1).astype(np.float32) - mean) @ directions[:size].T for o in (known, *others)]


def nearest(known: np.ndarray, look: np.ndarray) -> np.ndarray:
    """Distance of every row to its nearest row in a known set."""
    return np.sqrt(((look[:, None] - known[None]) ** 2).sum(2)).min(1)


def ndb(look: np.ndarray, known: np.ndarray, k: int = 50) -> float:
    """Share of k bins whose proportion differs between a set and the real notes seen (two-sided z, 5 %).

    Richardson and Weiss (2018), On GANs and GMMs.
    """
    from scipy.cluster.vq import kmeans2, vq

    x, y = reduced(known, look)
    centres, mine = kmeans2(x, k, seed=0, minit="++")
    p, q = (np.bincount(c, minlength=k) / len(c) for c in (mine, vq(y, centres)[0]))
    both = (p * len(x) + q * len(y)) / (len(x) + len(y))
    error = np.sqrt(both * (1 - both) * (1 / len(x) + 1 / len(y)))
    return float((np.abs(p - q) > 1.96 * np.maximum(error, 1e-9)).mean())


def clicks(sounds: np.ndarray) -> float:
    """Sudden steps after the attack, far above the note's own slopes, per note."""
    total = 0
    for y in sounds:
        bend = np.abs(np.diff(y, 2))[int(0.1 * RATE) :]
        local = np.maximum.reduceat(bend, np.arange(0, len(bend), 160))
        around = np.array([np.median(local[max(0, i - 10) : i + 11]) for i in range(len(local))])
        total += int(((local > 8 * around) & (local > 1e-3)).sum())
    return total / len(sounds)


def thd_n_db(dry: np.ndarray, bent: np.ndarray) -> float:
    """Total distortion and noise of a processed sound relative to the clean one, in dB.

    What is left of the processed sound when the clean one is taken away at its best gain, over what was taken:
    defined for any spectrum, where THD needs a sine.
    """
    gain = float(bent @ dry) / float(dry @ dry)
    rest = bent - gain * dry
    return float(10 * np.log10(max(float(rest @ rest), 1e-12) / max(gain**2 * float(dry @ dry), 1e-12)))


def intermodulation_db(process, amount: float) -> float:
    """SMPTE-like: 250 and 1000 Hz at 4:1; power beside the two tones over that of the tones, in dB."""
    t = np.arange(2 * RATE) / RATE
    y = process((0.4 * np.sin(2 * np.pi * 250 * t) + 0.1 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32), amount)
    power = np.abs(np.fft.rfft(y[RATE // 2 : RATE // 2 + RATE])) ** 2
    tones = np.zeros(len(power), bool)
    for f in (0, 250, 1000):
        tones[max(0, f - 1) : f + 2] = True
    return float(10 * np.log10(max(power[~tones].sum(), 1e-12) / power[tones].sum()))
