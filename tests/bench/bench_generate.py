"""Judge generated notes against real ones: pitch, family, distribution, copies, knobs, variety, speed.

    python -m tests.bench.bench_generate REAL [--other OTHER] [--classifier FOLDER] [--models FOLDER ...]

REAL holds real notes of the soundfont the model was trained on, OTHER those of one it was not trained on, both
made by examples/notes-from-soundfont/render.py (16 kHz is enough). Requests are (instrument, pitch) pairs the model
was never trained on (they are named in its card). The judge is a small family classifier trained here on the
other real notes, unless --classifier gives it. Models beside the default are compared in a second table.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiokit.dsp.effects import measure_rt60, measure_thd
from audiokit.dsp.notes import midi_to_hz
from audiokit.generation import NoteSettings, make_note
from audiokit.io.audio import read
from audiokit.io.nsynth import FAMILIES, NoteFile, read_notes
from audiokit.models.checkpoint import load as load_module
from audiokit.models.notes import CombModel, NoteModel, Sound, Wish, load
from audiokit.training.note_classifier import classify, embed, picture
from tests.bench.measure import RESULTS, table

RATE = 16000
SETTINGS = NoteSettings(seconds=4.0, rate=RATE)


def main() -> None:
    options = parse()
    rng = np.random.default_rng(2024)
    model = load("notes")
    notes = read_notes(options.real)
    for note in notes:
        note.instrument = str(note.fields.get("instrument_name", note.instrument))
    held = {tuple(pair) for pair in model.card["labels"]["held_out"]}
    unseen = [n for n in notes if (n.instrument, n.pitch) in held]
    seen = [n for n in notes if (n.instrument, n.pitch) not in held]
    judge = judge_of(options, seen)
    pairs = sorted({(n.instrument, n.pitch) for n in unseen})
    chosen = [pairs[i] for i in rng.permutation(len(pairs))[: options.count]]
    by_key = {(n.instrument, n.pitch, n.velocity): n for n in unseen}
    real = [by_key[key] for pair in chosen for v in (100, 50) if (key := (*pair, v)) in by_key][: 2 * options.count]
    first = [n for n in real if n.velocity == 100]
    second = [n for n in real if n.velocity == 50]
    print(f"{len(chosen)} requests, {len(real)} real held-out notes, {len(seen)} seen", flush=True)

    started = time.perf_counter()
    made = np.stack([play(model, n.instrument, n.pitch, n.velocity, seed=i) for i, n in enumerate(first)])
    speed = made.size / RATE / (time.perf_counter() - started)
    sounds = np.stack([audio_of(n) for n in first])
    tracked = options.tracked
    heard = real_cents(first[:tracked], options.keep)
    rows = pitch_rows(made[:tracked], heard, [n.pitch for n in first[:tracked]])
    family = np.array([FAMILIES.index(n.family) for n in first])
    look, look_real = pictures(made), pictures(sounds)
    look_other = pictures(np.stack([audio_of(n) for n in second]))
    right, right_real = (float((classify(judge, x) == family).mean()) for x in (look, look_real))
    rows.append(["family recognised (classifier)", right, right_real, f">= {0.9 * right_real:.3f}"])
    distance = frechet(embed(judge, look), embed(judge, look_real))
    half = rng.permutation(len(real))
    everything = embed(judge, np.concatenate([look_real, look_other]))
    apart = frechet(everything[half[: len(half) // 2]], everything[half[len(half) // 2 :]])
    rows.append(["Frechet distance, classifier embedding", distance, apart, f"<= {2 * apart:.3g}"])
    known = pictures(np.stack([audio_of(n) for n in seen[:: max(1, len(seen) // 1500)]]))
    rows.append(["NDB / k, k = 50", ndb(look, known), ndb(look_real, known), "<= 0.4"])
    rows += copy_rows(model, known, look_real, rng)
    rows += variety_rows(model, judge, notes, rng)
    rows += knob_rows(model)
    rows.append(["largest DC", float(np.abs(made.mean(1)).max()), float(np.abs(sounds.mean(1)).max()), "<= real"])
    rows.append(["clicks per note", clicks(made), clicks(sounds), "as real"])
    rows.append(["times real time", speed, "", ">= 20"])
    text = table(["measure", "generated", "real", "target"], rows)
    print(text, flush=True)
    parts = [f"{len(first)} notes at held-out (instrument, pitch) pairs of the training soundfont.", text]
    if options.other:
        parts += [
            "A soundfont not trained on, imitated from one note each (`--like`):",
            other_table(options, model, judge),
        ]
    if options.models:
        names = [("notes", model), *((Path(f).name, load(f)) for f in options.models)]
        parts += ["All four architectures:", model_table(names, judge, first[:60], look_real, known)]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "generate.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print("\n\n".join(parts[2:]))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real")
    parser.add_argument("--other")
    parser.add_argument("--classifier")
    parser.add_argument("--keep", help="JSON file that keeps the tracked pitches of real notes")
    parser.add_argument("--models", nargs="*", default=[])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--tracked", type=int, default=300, help="notes whose pitch is tracked, which is slow")
    return parser.parse_args()


def judge_of(options: argparse.Namespace, seen: list[NoteFile]):
    """Load the classifier, or train it on the notes the model was trained on too."""
    if options.classifier:
        return load_module(options.classifier)[0]
    import tempfile

    from audiokit.training.loop import cosine, fit
    from audiokit.training.note_classifier import NoteClassifierRecipe, NoteClassifierSettings

    family = np.array([FAMILIES.index(n.family) for n in seen])
    looks = pictures(np.stack([audio_of(n) for n in seen]))
    held_out = np.arange(len(seen)) % 20 == 0
    with tempfile.TemporaryDirectory() as folder:
        recipe = NoteClassifierRecipe(looks, family, held_out, NoteClassifierSettings())
        fit(recipe, folder=folder, steps=1500, validate_every=500, average=0.99, schedule=cosine())
    return recipe.network.eval()


def play(
    model: NoteModel, instrument: str, pitch: int, velocity: int, *, seed: int, variety: float = 0.5
) -> np.ndarray:
    """Make one note of an instrument: (T,)."""
    if model.instruments:
        wish = Wish(instrument=instrument, variety=variety)
    else:
        wish = Wish(family=instrument)
    sound = model.draw(wish, np.random.default_rng([7, seed]))
    return make_note(model, sound, pitch, velocity, replace(SETTINGS, seed=seed), key=0)[0]


def audio_of(note: NoteFile) -> np.ndarray:
    """Four seconds of a real note."""
    y = read(note.path, rate=RATE, mono=True)[0][0][: 4 * RATE]
    return np.pad(y, (0, 4 * RATE - len(y)))


def pictures(sounds: np.ndarray) -> np.ndarray:
    """What the judge sees of many notes."""
    return np.stack([picture(y) for y in sounds]).astype(np.float16)


def tracked_cents(y: np.ndarray, pitch: int) -> float:
    """Distance of the pitch that pYIN hears from the one wanted, in cents."""
    import librosa

    part = y[int(0.08 * RATE) : int(1.1 * RATE)]
    f0, _voiced, _ = librosa.pyin(part, fmin=27.5, fmax=2300, sr=RATE, frame_length=2048, hop_length=1024)
    f0 = f0[np.nan_to_num(f0) > 0]
    return 1200 * np.log2(np.median(f0) / midi_to_hz(pitch)) if len(f0) else np.inf


def real_cents(notes: list[NoteFile], keep: str | None) -> np.ndarray:
    """Track real notes; with `keep`, only those that were not tracked before."""
    path = Path(keep) if keep else None
    known = json.loads(path.read_text()) if path and path.exists() else {}
    for n in notes:
        if n.name not in known:
            known[n.name] = tracked_cents(audio_of(n), n.pitch)
            if path:
                path.write_text(json.dumps(known))
    return np.array([known[n.name] for n in notes])


def pitch_rows(made: np.ndarray, real: np.ndarray, pitches: list[int]) -> list[list]:
    """Share of notes within 25 cents, in all and per octave; the real notes are given by their distance."""
    errors = np.stack([[tracked_cents(y, p) for y, p in zip(made, pitches, strict=True)], real], axis=1)
    good = np.abs(errors) <= 25
    rows = [["pitch within 25 cents (pYIN)", float(good[:, 0].mean()), float(good[:, 1].mean()), ">= 0.98"]]
    octave = np.array(pitches) // 12 - 1
    for o in np.unique(octave):
        mine = octave == o
        misses = [f"{int((~good[mine, c]).sum())} of {mine.sum()} missed" for c in (0, 1)]
        rows.append([f"- octave {o} (C{o} to B{o})", *misses, ""])
    finite = np.isfinite(errors[:, 0]) & (np.abs(errors[:, 0]) < 600)
    rows.append(["median distance in cents", float(np.median(np.abs(errors[finite, 0]))), "", ""])
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


def copy_rows(model: NoteModel, known: np.ndarray, look_real: np.ndarray, rng: np.random.Generator) -> list[list]:
    """Distance of freely drawn notes to their nearest training note, beside that of real unseen notes."""
    drawn = []
    for n in range(100):
        pitch = int(rng.integers(model.low, model.high + 1))
        sound = model.draw(Wish(), np.random.default_rng([9, n]))
        drawn.append(make_note(model, sound, pitch, 100, SETTINGS, key=n)[0])
    x, a, b = reduced(known, pictures(np.stack(drawn)), look_real)
    near = [np.sqrt(((one[:, None] - x[None]) ** 2).sum(2)).min(1) for one in (a, b)]
    limit = float(np.quantile(near[1], 0.01))
    return [
        ["distance to the nearest training note, median", float(np.median(near[0])), float(np.median(near[1])), ""],
        ["copies (nearer than 99 % of real unseen notes)", float((near[0] < limit).mean()), 0.01, "<= 0.02"],
    ]


def variety_rows(model: NoteModel, judge, notes: list[NoteFile], rng: np.random.Generator) -> list[list]:
    """Mean distance between eight seeds of one request, and between real instruments of one family and pitch."""
    apart: tuple[list[float], list[float]] = ([], [])
    for family in ("keyboard", "guitar", "string", "reed", "brass", "mallet"):
        for pitch in (48, 64):
            mine = [n for n in notes if n.family == family and abs(n.pitch - pitch) <= 1 and n.velocity == 100][:8]
            drawn = [
                make_note(model, model.draw(Wish(family), np.random.default_rng([11, n])), pitch, 100, SETTINGS, key=n)[
                    0
                ]
                for n in range(8)
            ]
            for out, sounds in zip(apart, (np.stack(drawn), np.stack([audio_of(n) for n in mine])), strict=True):
                e = embed(judge, pictures(sounds))
                far = np.sqrt(((e[:, None] - e[None]) ** 2).sum(2))
                out.append(float(far[np.triu_indices(len(e), 1)].mean()))
    return [
        ["variety between seeds", float(np.mean(apart[0])), float(np.mean(apart[1])), f">= {np.mean(apart[1]) / 2:.3g}"]
    ]


def knob_rows(model: NoteModel) -> list[list]:
    """Rank correlation of the knobs with what is measured."""
    from scipy.stats import spearmanr

    amounts = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    thd, changed = [], []
    # THD is defined for tones of few partials; how far any sound was bent is what it no longer shares with itself.
    for n, name in enumerate(("ocarina", "whistle", "recorder", "vibraphone", "electric_piano_1", "pan_flute")):
        sound = model.draw(Wish(instrument=name), np.random.default_rng([13, n]))
        thd.append([measure_thd(bent(model, sound, a, n)[4000:20000], RATE, midi_to_hz(72)) for a in amounts])
    for n, family in enumerate(("flute", "organ", "brass", "reed", "vocal", "mallet", "string", "guitar")):
        sound = model.draw(Wish(family), np.random.default_rng([13, n]))
        dry = bent(model, sound, 0.0, n)
        changed.append([1 - float(np.corrcoef(dry, bent(model, sound, a, n))[0, 1]) ** 2 for a in amounts])
    thd_rank, rank = ([spearmanr(amounts, row).statistic for row in rows] for rows in (thd, changed))
    room, tail = [], []
    for n, family in enumerate(("string", "organ", "brass")):
        sound = model.draw(Wish(family), np.random.default_rng([15, n]))
        for amount in amounts[1:]:
            short = replace(SETTINGS, seconds=0.6, release_s=0.05, reverb=amount)
            y, _ = make_note(model, sound, 60, 100, short, key=n)
            room.append(amount)
            tail.append(measure_rt60(y[int(0.62 * RATE) :], RATE))
    return [
        ["distortion knob against THD, Spearman (mean of 6 plain sounds)", float(np.mean(thd_rank)), "", ">= 0.9"],
        ["distortion knob against distortion power, Spearman (mean of 8 families)", float(np.mean(rank)), "", ">= 0.9"],
        ["reverb knob against RT60, Spearman (pooled)", float(spearmanr(room, tail).statistic), "", ">= 0.9"],
    ]


def bent(model: NoteModel, sound: Sound, amount: float, key: int) -> np.ndarray:
    """A note of a sound with some distortion."""
    return make_note(model, sound, 72, 100, replace(SETTINGS, seconds=2.0, distortion=amount), key=key)[0]


def clicks(sounds: np.ndarray) -> float:
    """Sudden steps after the attack, far above the note's own slopes, per note."""
    total = 0
    for y in sounds:
        bend = np.abs(np.diff(y, 2))[int(0.1 * RATE) :]
        local = np.maximum.reduceat(bend, np.arange(0, len(bend), 160))
        around = np.array([np.median(local[max(0, i - 10) : i + 11]) for i in range(len(local))])
        total += int(((local > 8 * around) & (local > 1e-3)).sum())
    return total / len(sounds)


def other_table(options: argparse.Namespace, model: CombModel, judge) -> str:
    """Imitate notes of another soundfont, play another key, and judge both beside the real notes of that key."""
    notes = read_notes(options.other)
    by_instrument: dict[str, list[NoteFile]] = {}
    for n in notes:
        by_instrument.setdefault(n.instrument, []).append(n)
    rng = np.random.default_rng(5)
    made, real, pitches, family = [], [], [], []
    for mine in by_instrument.values():
        middle = [n for n in mine if 40 <= n.pitch <= 84]
        if len(middle) < 2:
            continue
        heard, wanted = (middle[i] for i in rng.permutation(len(middle))[:2])
        sound = model.encode(audio_of(heard), RATE, heard.pitch, heard.velocity)
        made.append(make_note(model, sound, wanted.pitch, wanted.velocity, SETTINGS, key=0)[0])
        real.append(audio_of(wanted))
        pitches.append(wanted.pitch)
        family.append(FAMILIES.index(wanted.family))
    made_, real_, family_ = np.stack(made), np.stack(real), np.array(family)
    heard_real = np.array([tracked_cents(y, p) for y, p in zip(real_, pitches, strict=True)])
    rows = [r for r in pitch_rows(made_, heard_real, pitches) if not r[0].startswith("- ")]
    a, b = pictures(made_), pictures(real_)
    right = [float((classify(judge, x) == family_).mean()) for x in (a, b)]
    rows.append(["family recognised (classifier)", *right, f">= {0.9 * right[1]:.3f}"])
    ea, eb = embed(judge, a), embed(judge, b)
    half = rng.permutation(len(eb))
    apart = frechet(eb[half[: len(half) // 2]], eb[half[len(half) // 2 :]])
    rows.append(["Frechet distance, classifier embedding", frechet(ea, eb), apart, f"<= {2 * apart:.3g}"])
    return table([f"{len(made)} notes", "imitated", "real", "target"], rows)


def model_table(
    models: list[tuple[str, NoteModel]], judge, requests: list[NoteFile], look_real: np.ndarray, known: np.ndarray
) -> str:
    """Compare models on the same requests."""
    rows = []
    for name, model in models:
        started = time.perf_counter()
        made = []
        for i, n in enumerate(requests):
            made.append(play(model, n.instrument if model.instruments else n.family, n.pitch, n.velocity, seed=i))
        y = np.stack(made)
        speed = y.size / RATE / (time.perf_counter() - started)
        good = np.mean([abs(tracked_cents(one, n.pitch)) <= 25 for one, n in zip(y[:40], requests, strict=False)])
        look = pictures(y)
        family = np.array([FAMILIES.index(n.family) for n in requests])
        right = float((classify(judge, look) == family).mean())
        far = frechet(embed(judge, look), embed(judge, look_real))
        rows.append([name, model.card["architecture"], float(good), right, far, ndb(look, known), speed])
    return table(["model", "architecture", "pitch", "family", "Frechet", "NDB/k", "times real time"], rows)


if __name__ == "__main__":
    main()
