"""Judge generated notes against real ones: pitch, family, distribution, copies, knobs, variety, speed.

    python -m tests.bench.bench_generate REAL [--other OTHER] [--recorded FOLDER] [--classifier FOLDER]
                                         [--models FOLDER ...]

REAL holds real notes of the soundfont the model was trained on, OTHER those of one it was not trained on, both
made by examples/notes-from-soundfont/render.py (16 kHz is enough); FOLDER holds recorded notes, one folder per
instrument. Requests are (instrument, pitch) pairs the model was never trained on (they are named in its card). The
judge is a small family classifier trained here on the other real notes, unless --classifier gives it. Models beside
the default are compared in a table of their own.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiokit.dsp.effects.effects import drive, measure_rt60, measure_thd
from audiokit.dsp.notes.notes import midi_to_hz
from audiokit.io.nsynth import FAMILIES, NoteFile, read_notes
from audiokit.models.folder.checkpoint import load as load_module
from audiokit.models.notes.making import NoteSettings, make_note, read_sound
from audiokit.models.notes.notes import NoteModel, Sound, Wish, load
from audiokit.training.notes.classifier import classify, embed
from tests.bench.measure import RESULTS, table
from tests.bench.note_measures import (
    RATE,
    audio_of,
    clicks,
    frechet,
    heard_cents,
    intermodulation_db,
    ndb,
    nearest,
    pictures,
    pitch_rows,
    real_cents,
    reduced,
    thd_n_db,
)

SETTINGS = NoteSettings(seconds=4.0, rate=RATE)
#: What recorded instruments are, whose names do not say so.
RECORDED = {
    "piano": "keyboard", "guitar": "guitar", "electric_bass": "bass", "meatbass": "bass", "strings": "string",
    "flute": "flute", "steeldrum": "mallet", "tuba": "brass", "sax": "reed", "violin": "string", "cello": "string",
    "trumpet": "brass", "clarinet": "reed", "oboe": "reed", "vibraphone": "mallet", "glockenspiel": "mallet",
}  # fmt: skip


def main() -> None:
    options = parse()
    rng = np.random.default_rng(2024)
    model = load("notes")
    notes = read_notes(options.real)
    for note in notes:
        note.instrument = str(note.fields.get("instrument_name", note.instrument))
    held = {tuple(pair) for pair in model.network.card["labels"]["held_out"]}
    unseen = [n for n in notes if (n.instrument, n.pitch) in held]
    seen = [n for n in notes if (n.instrument, n.pitch) not in held]
    judge = judge_of(options, seen)
    pairs = sorted({(n.instrument, n.pitch) for n in unseen})
    chosen = [pairs[i] for i in rng.permutation(len(pairs))[: options.count]]
    by_key = {(n.instrument, n.pitch, n.velocity): n for n in unseen}
    real = [by_key[key] for pair in chosen for v in (100, 50) if (key := (*pair, v)) in by_key]
    first = [n for n in real if n.velocity == 100]
    second = [n for n in real if n.velocity == 50]
    print(f"{len(chosen)} requests, {len(real)} real held-out notes, {len(seen)} seen", flush=True)

    started = time.perf_counter()
    made = np.stack([play(model, n.instrument, n.pitch, n.velocity, seed=i) for i, n in enumerate(first)])
    speed = made.size / RATE / (time.perf_counter() - started)
    sounds = np.stack([audio_of(n) for n in first])
    pitches = [n.pitch for n in first]
    cents = np.array([heard_cents(y, p) for y, p in zip(made, pitches, strict=True)])
    rows = pitch_rows(cents, real_cents(first, options.keep), pitches)
    family = np.array([FAMILIES.index(n.family) for n in first])
    look, look_real = pictures(made), pictures(sounds)
    look_other = pictures(np.stack([audio_of(n) for n in second]))
    named, named_real = classify(judge, look), classify(judge, look_real)
    right, right_real = float((named == family).mean()), float((named_real == family).mean())
    rows.append(["family recognised (classifier)", right, right_real, f">= {0.9 * right_real:.3f}"])
    distance = frechet(embed(judge, look), embed(judge, look_real))
    half = rng.permutation(len(real))
    everything = embed(judge, np.concatenate([look_real, look_other]))
    apart = frechet(everything[half[: len(half) // 2]], everything[half[len(half) // 2 :]])
    rows.append(["Frechet distance, classifier embedding", distance, apart, f"<= {2 * apart:.3g}"])
    known = pictures(np.stack([audio_of(n) for n in seen[:: max(1, len(seen) // 2000)]]))
    rows.append(["NDB / k, k = 50", ndb(look, known), ndb(look_real, known), "<= 0.4"])
    rows += copy_rows(model, known, look, look_real, rng)
    rows += variety_rows(model, judge, notes)
    rows += knob_rows(model)
    dc = float(np.abs(made.mean(1)).max())
    rows.append(["largest DC", dc, float(np.abs(sounds.mean(1)).max()), "<= real and <= 0.001"])
    rows.append(["clicks per note", clicks(made), clicks(sounds), "as real"])
    rows.append(["times real time", speed, "", ">= 20"])
    text = table(["measure", "generated", "real", "target"], rows)
    print(text, flush=True)
    parts = [f"{len(first)} notes at held-out (instrument, pitch) pairs of the training soundfont.", text]
    parts += [
        "Families, how often recognised and what else they are taken for:",
        family_table(family, named, named_real),
    ]
    if options.other:
        parts += [
            "A soundfont not trained on, imitated from one note each (`--like`) and played at another pitch:",
            like_table(model, judge, groups_of(options.other), seed=5, pairs=1, keep=options.keep),
        ]
    if options.recorded:
        parts += [
            "Recorded instruments, imitated in the same way; neither model nor judge was trained on any recording:",
            like_table(model, judge, groups_of(options.recorded), seed=6, pairs=3, keep=options.keep),
        ]
    if options.models:
        parts += [
            "All four architectures on the same requests. The picture models were trained on the same notes for the"
            " same processor time, which is far from what they need; the GAN cannot be asked for anything.",
            model_table(
                [("notes", model), *((Path(f).name, load(f)) for f in options.models)], judge, first[:30], known
            ),
        ]
    parts.append(
        f"The judge was trained on {len(seen)} real notes of the training soundfont, of which it knows"
        f" {right_real:.3f} of those held out: figures of another judge are not comparable. Speed is one"
        " thread's, on whatever else the machine was doing."
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "generate.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print("\n\n".join(parts[2:]))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real")
    parser.add_argument("--other")
    parser.add_argument("--recorded")
    parser.add_argument("--classifier")
    parser.add_argument("--keep", help="JSON file that keeps the tracked pitches of real notes")
    parser.add_argument("--models", nargs="*", default=[])
    parser.add_argument("--count", type=int, default=300)
    return parser.parse_args()


def judge_of(options: argparse.Namespace, seen: list[NoteFile]):
    """Load the classifier, or train it on the notes the model was trained on too."""
    if options.classifier:
        return load_module(options.classifier)[0]
    import tempfile

    from audiokit.training.engine.loop import Every, cosine, fit
    from audiokit.training.notes.classifier import NoteClassifierRecipe, NoteClassifierSettings

    family = np.array([FAMILIES.index(n.family) for n in seen])
    looks = pictures(np.stack([audio_of(n) for n in seen]))
    held_out = np.arange(len(seen)) % 20 == 0
    with tempfile.TemporaryDirectory() as folder:
        recipe = NoteClassifierRecipe(looks, family, held_out, NoteClassifierSettings())
        fit(recipe, folder=folder, steps=1500, every=Every(500), average=0.99, schedule=cosine())
    return recipe.network.eval()


def play(
    model: NoteModel, instrument: str, pitch: int, velocity: int, *, seed: int, variety: float = 0.5
) -> np.ndarray:
    """Make one note of an instrument, or of a family if the model knows no instruments: (T,)."""
    wish = Wish(instrument=instrument, variety=variety) if model.instruments else Wish(family=instrument)
    sound = model.draw(wish, np.random.default_rng([7, seed]))
    return make_note(model, sound, pitch, velocity, replace(SETTINGS, seed=seed), key=0)[0]


def family_table(family: np.ndarray, named: np.ndarray, named_real: np.ndarray) -> str:
    """Per family: how often it is recognised, and the two it is most often taken for."""
    rows = []
    for f in np.unique(family):
        mine = family == f
        row = [FAMILIES[f], int(mine.sum())]
        for answers in (named[mine], named_real[mine]):
            counts = np.bincount(answers, minlength=len(FAMILIES))
            wrong = [i for i in np.argsort(-counts) if i != f and counts[i]][:2]
            row += [counts[f] / mine.sum(), ", ".join(f"{FAMILIES[i]} {counts[i]}" for i in wrong)]
        rows.append(row)
    return table(["family", "notes", "generated", "taken for", "real", "taken for"], rows)


def copy_rows(
    model: NoteModel, known: np.ndarray, look: np.ndarray, look_real: np.ndarray, rng: np.random.Generator
) -> list[list]:
    """Distance to the nearest training note (of every second one), beside that of real notes at pairs never trained on.

    Like is compared with like: generated notes at the same pairs. A note drawn freely may be asked for at a key of
    an instrument the model has heard, where a real note is near itself by definition; those have a row of their own.
    """
    drawn = []
    for n in range(100):
        pitch = int(rng.integers(model.low, model.high + 1))
        sound = model.draw(Wish(), np.random.default_rng([9, n]))
        drawn.append(make_note(model, sound, pitch, 100, SETTINGS, key=n)[0])
    x, *others = reduced(known, look, look_real, pictures(np.stack(drawn)))
    near = [nearest(x, one) for one in others]
    limit = float(np.quantile(near[1], 0.01))
    share = [float((one < limit).mean()) for one in near]
    return [
        ["distance to the nearest training note, median", float(np.median(near[0])), float(np.median(near[1])), ""],
        ["copies (nearer than 99 % of the real ones)", share[0], share[1], "<= 0.02"],
        ["- the same for 100 notes drawn freely", share[2], "", ""],
    ]


def variety_rows(model: NoteModel, judge, notes: list[NoteFile]) -> list[list]:
    """Mean distance between eight seeds of one request, and between real instruments of one family and pitch."""
    apart: tuple[list[float], list[float]] = ([], [])
    for family in ("keyboard", "guitar", "string", "reed", "brass", "mallet"):
        for pitch in (48, 64):
            mine = [n for n in notes if n.family == family and abs(n.pitch - pitch) <= 1 and n.velocity == 100][:8]
            sounds = [model.draw(Wish(family), np.random.default_rng([11, n])) for n in range(8)]
            drawn = [make_note(model, one, pitch, 100, SETTINGS, key=n)[0] for n, one in enumerate(sounds)]
            for out, group in zip(apart, (np.stack(drawn), np.stack([audio_of(n) for n in mine])), strict=True):
                e = embed(judge, pictures(group))
                far = np.sqrt(((e[:, None] - e[None]) ** 2).sum(2))
                out.append(float(far[np.triu_indices(len(e), 1)].mean()))
    made, real = float(np.mean(apart[0])), float(np.mean(apart[1]))
    return [["variety between seeds", made, real, f">= {real / 2:.3g}"]]


def knob_rows(model: NoteModel) -> list[list]:
    """Rank correlation of the knobs with what is measured."""
    from scipy.stats import spearmanr

    amounts = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    plain = []
    for n, name in enumerate(("ocarina", "whistle", "recorder", "vibraphone", "electric_piano_1", "pan_flute")):
        sound = model.draw(Wish(instrument=name), np.random.default_rng([13, n]))
        thd = [measure_thd(bent(model, sound, a, n)[4000:20000], RATE, midi_to_hz(72)) for a in amounts]
        plain.append(spearmanr(amounts, thd).statistic)
    families = {}
    for n, family in enumerate(sorted({one["family"] for one in model.instruments})):
        ranks = []
        for seed in range(2):
            sound = model.draw(Wish(family), np.random.default_rng([13, n, seed]))
            dry = bent(model, sound, 0.0, n)
            ranks.append(spearmanr(amounts, [thd_n_db(dry, bent(model, sound, a, n)) for a in amounts]).statistic)
        families[family] = float(np.mean(ranks))
    tones = spearmanr(amounts, [intermodulation_db(drive, a) for a in amounts]).statistic
    room, tail = [], []
    for n, family in enumerate(families):
        sound = model.draw(Wish(family), np.random.default_rng([15, n]))
        for amount in amounts[1:]:
            short = replace(SETTINGS, seconds=0.6, release_s=0.05, reverb=float(amount))
            y, _ = make_note(model, sound, 60, 100, short, key=n)
            room.append(amount)
            tail.append(measure_rt60(y[int(0.62 * RATE) :], RATE))
    lowest = min(families, key=lambda f: families[f])
    return [
        ["distortion knob against THD, Spearman, mean of 6 plain sounds", float(np.mean(plain)), "", ">= 0.9"],
        [f"- against THD+N relative to the clean note, lowest of {len(families)} families ({lowest})",
         families[lowest], "", ">= 0.9"],
        ["- against intermodulation of two tones", float(tones), "", ">= 0.9"],
        [f"reverb knob against RT60, Spearman, {len(families)} families pooled", float(spearmanr(room, tail).statistic),
         "", ">= 0.9"],
    ]  # fmt: skip


def bent(model: NoteModel, sound: Sound, amount: float, key: int) -> np.ndarray:
    """A note of a sound with some distortion."""
    return make_note(model, sound, 72, 100, replace(SETTINGS, seconds=2.0, distortion=float(amount)), key=key)[0]


def groups_of(folder: str) -> dict[str, list[NoteFile]]:
    """Notes by instrument; recorded ones get their family from their name."""
    groups: dict[str, list[NoteFile]] = {}
    for n in read_notes(folder):
        if n.family not in FAMILIES:
            n.family = next((family for word, family in RECORDED.items() if word in n.instrument), "")
        if n.family and 40 <= n.pitch <= 84:
            groups.setdefault(n.instrument, []).append(n)
    return {name: mine for name, mine in groups.items() if len({n.pitch for n in mine}) > 1}


def like_table(
    model: NoteModel, judge, groups: dict[str, list[NoteFile]], *, seed: int, pairs: int, keep: str | None
) -> str:
    """Imitate one note of an instrument (`--like`), play another key, and judge it beside the real note of that key."""
    rng = np.random.default_rng(seed)
    made, source, played, family = [], [], [], []
    for mine in groups.values():
        for _ in range(pairs):
            heard, wanted = (mine[i] for i in rng.permutation(len(mine))[:2])
            if heard.pitch == wanted.pitch:
                continue
            sound, _ = read_sound(model, str(heard.path), pitch=heard.pitch, seed=0)
            made.append(make_note(model, sound, wanted.pitch, min(wanted.velocity, 100), SETTINGS, key=0)[0])
            source.append(audio_of(heard))
            played.append(wanted)
            family.append(FAMILIES.index(wanted.family))
    made_, source_, family_ = np.stack(made), np.stack(source), np.array(family)
    real_ = np.stack([audio_of(n) for n in played])
    pitches = [n.pitch for n in played]
    cents = np.array([heard_cents(y, p) for y, p in zip(made_, pitches, strict=True)])
    rows = pitch_rows(cents, real_cents(played, keep), pitches, octaves=False)
    looks = [pictures(x) for x in (made_, real_, source_)]
    answers = [classify(judge, x) for x in looks]
    right = [float((a == family_).mean()) for a in answers]
    rows.append(["family recognised (classifier)", right[0], right[1], f">= {0.9 * right[1]:.3f}"])
    alike = [float((answers[i] == answers[2]).mean()) for i in (0, 1)]
    rows.append(["taken for the same family as the note imitated", *alike, ""])
    made_at, real_at, source_at = (embed(judge, x) for x in looks)
    half = rng.permutation(len(real_at))
    apart = frechet(real_at[half[: len(half) // 2]], real_at[half[len(half) // 2 :]])
    rows.append(["Frechet distance, classifier embedding", frechet(made_at, real_at), apart, f"<= {2 * apart:.3g}"])
    away = [float(np.sqrt(((x - source_at) ** 2).sum(1)).mean()) for x in (made_at, real_at)]
    rows.append(["distance from the note imitated, classifier embedding", *away, ""])
    return table([f"{len(made)} notes of {len(groups)} instruments", "imitated", "real", "target"], rows)


def model_table(models: list[tuple[str, NoteModel]], judge, requests: list[NoteFile], known: np.ndarray) -> str:
    """Compare models on the same requests."""
    real = embed(judge, pictures(np.stack([audio_of(n) for n in requests])))
    family = np.array([FAMILIES.index(n.family) for n in requests])
    rows = []
    for name, model in models:
        started = time.perf_counter()
        wanted = [(n.instrument if model.instruments else n.family) for n in requests]
        y = np.stack(
            [play(model, w, n.pitch, n.velocity, seed=i) for i, (w, n) in enumerate(zip(wanted, requests, strict=True))]
        )
        speed = y.size / RATE / (time.perf_counter() - started)
        asked = model.has_pitch
        good = (
            np.mean([abs(heard_cents(one, n.pitch)) <= 25 for one, n in zip(y, requests, strict=True)])
            if asked
            else "-"
        )
        look = pictures(y)
        right = float((classify(judge, look) == family).mean()) if asked else "-"
        card = model.network.card
        effort = card.get("training", {})
        rows.append([
            name, card["architecture"], effort.get("processor_minutes", "not counted"),
            str(effort.get("steps", card.get("steps", ""))), good, right, frechet(embed(judge, look), real),
            ndb(look, known), speed,
        ])  # fmt: skip
    head = [
        "model",
        "architecture",
        "processor minutes",
        "steps",
        "pitch",
        "family",
        "Frechet",
        "NDB/k",
        "times real time",
    ]
    return table(head, rows)


if __name__ == "__main__":
    main()
