"""Teach a note model from recordings with several layers what a velocity does besides loudness.

    python velocity.py MODEL OUT FOLDER... [--leave-out INSTRUMENT]

Every FOLDER holds one folder per instrument, its notes named <instrument>_<midi>_..._<layer>: pp, p, mp, m, mf, f, ff,
soft, loud, v1 or vl1 upwards, or NSynth's -<velocity>. FAMILY below says what they are. For each family: how partials
and noise change with the velocity, early and later, over the number of the partial and the key; how the start
quickens; and by how many octaves the centroid of the first half second moves, where every family has one instrument
more, which is the mean of all. The change is then sized for each instrument of the model, so that its own centroid
moves as far. Families without layers get what FROM says.
"""

import argparse
import re
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from audiokit import read
from audiokit.dsp.notes.notes import GROUPS, N_GROUPS, analyse_note, midi_to_hz
from audiokit.dsp.notes.time_grid import HELD_S
from audiokit.models.folder.checkpoint import load, save
from audiokit.models.notes import touch as t
from audiokit.models.notes.scale import MIDDLE_DB, SPAN_DB

WORDS = {"pp": 24, "p": 40, "mp": 56, "m": 64, "mf": 80, "f": 96, "ff": 112, "soft": 40, "loud": 104}
LAYER = re.compile(r"(?<![a-z0-9])(pp|p|mp|m|mf|f|ff|soft|loud|vl?\d+)(?![a-z0-9])", re.IGNORECASE)
FAMILY = {
    "piano": "keyboard", "marimba": "mallet", "vibraphone": "mallet", "drum": "mallet", "guitar": "guitar",
    "archtop": "guitar", "tuba": "brass", "horn": "brass", "sax": "reed", "arco": "string", "pizz": "string",
    "electric_bass": "bass", "flute": "flute",
}  # fmt: skip
#: Families that are excited alike: a family leans on them where it has little of its own.
ALIKE = (("keyboard", "mallet"), ("guitar", "bass"), ("brass", "reed", "flute", "string", "vocal"), ("synth_lead",))
#: Instruments that answer no velocity, and electronic ones of which little is known.
FLAT = ("harpsichord", "bagpipe", "accordion", "bandoneon")
LITTLE = 0.5
#: Keys at which centroids are compared: below them few instruments play, above few partials are left.
MIDDLE = (40, 84)
STEP_HZ, RATE = 20.0, 16000


def layered(folders: list[str], leave_out: str) -> list[dict]:
    """Find notes with their instrument, family, key and velocity."""
    notes = []
    for path in sorted(p for folder in folders for p in Path(folder).rglob("*") if p.suffix in (".flac", ".wav")):
        instrument = path.parent.name
        family = next((f for word, f in FAMILY.items() if word in instrument), None)
        rest = path.stem.removeprefix(instrument + "_")
        found = LAYER.findall(rest.partition("_")[2])
        if family and found and rest[:3].isdigit() and instrument != leave_out:
            notes.append({"path": path, "instrument": instrument, "family": family, "key": int(rest[:3]),
                          "layer": found[0].lower()})  # fmt: skip
    for instrument in {n["instrument"] for n in notes}:
        mine = [n for n in notes if n["instrument"] == instrument]
        most = max((int(n["layer"].strip("vl")) for n in mine if n["layer"][0] == "v"), default=0)
        for n in mine:
            n["velocity"] = WORDS.get(n["layer"]) or (int(n["layer"].strip("vl")) - 0.5) / most * 127
    first = {(n["instrument"], n["key"], n["velocity"]): n for n in reversed(notes)}
    return [n for n in first.values() if len({m[2] for m in first if m[:2] == (n["instrument"], n["key"])}) > 1]


def describe(note: dict) -> None:
    """Measure a note: its levels, its centroid, and how long its start takes."""
    y, rate = read(note["path"], mono=True)
    y = y[0, max(0, int(np.argmax(np.abs(y[0]) > 0.02 * np.abs(y[0]).max())) - rate // 500) :]
    shape = analyse_note(np.ascontiguousarray(y), rate, note["key"])
    frames = (min(shape.seen_s, 1.5) >= HELD_S) & (np.arange(len(HELD_S)) % 3 == 0)
    power = 10 ** (shape.partials_db[:, : len(HELD_S)] / 10)
    counts = np.clip(shape.top_hz // midi_to_hz(note["key"]) - GROUPS[:-1] + 1, 0, np.diff(GROUPS))
    course = 10 * np.log10(counts @ power + 1e-12)
    loudness = 10 * np.log10(counts @ power @ (np.gradient(HELD_S) * (HELD_S <= 0.5)))
    whole = course[min(1.0, shape.seen_s) > HELD_S]
    note["start"] = np.log2(HELD_S[int(np.argmax(whole > whole.max() - 3))] + 0.01)
    spectrum = np.abs(np.fft.rfft(y[: rate // 2])) ** 2
    hz = np.fft.rfftfreq(len(y[: rate // 2]), 1 / rate)
    note["centroid"] = np.log2((spectrum * hz)[hz > STEP_HZ].sum() / spectrum[hz > STEP_HZ].sum())
    peak = shape.partials_db[:, : len(HELD_S)].max()
    note["frames"] = frames
    note["partials"] = (shape.partials_db[:, : len(HELD_S)] - loudness)[:, frames]
    note["heard"] = ((shape.partials_db[:, : len(HELD_S)] - peak) / 60 + 1).clip(0, 1)[:, frames] * (counts > 0)[
        :, None
    ]
    noise = shape.noise_db[:, : len(HELD_S)]
    late = noise[:, shape.seen_s > HELD_S][:, -6:].mean(1, keepdims=True)
    note["noise"] = (noise - loudness)[:, frames]
    note["blown"] = (noise > late + 10)[:, frames]  # what a room adds stays the same


class Sums:
    """Normal equations of one family."""

    def __init__(self) -> None:
        self.partials = [np.zeros((t.N_PARTIALS,) * 2), np.zeros(t.N_PARTIALS)]
        self.noise = [np.zeros((t.N_NOISE,) * 2), np.zeros(t.N_NOISE)]
        self.slopes: dict[str, list[float]] = defaultdict(list)
        self.starts: dict[str, list[float]] = defaultdict(list)

    def add(self, notes: list[dict]) -> None:
        """Take in the layers of one key; each is compared with their mean."""
        v = np.array([n["velocity"] for n in notes]) / t.STEP
        v = v - v.mean()
        frames = np.logical_and.reduce([n["frames"] for n in notes])
        for kind, heard, basis, sums in (
            ("partials", "heard", t.basis_of_partials(notes[0]["key"]), self.partials),
            ("noise", "blown", t.basis_of_noise(), self.noise),
        ):
            x = basis[:, :, frames].reshape(len(basis), -1)
            y, w = (np.stack([n[k][:, frames[n["frames"]]].ravel() for n in notes]) for k in (kind, heard))
            w = np.min(w, axis=0) / len(x)
            y = y - y.mean(0)
            sums[0] += (v @ v) * (x * w) @ x.T
            sums[1] += (x * w) @ (v @ y)
        if MIDDLE[0] <= notes[0]["key"] <= MIDDLE[1]:
            self.slopes[notes[0]["instrument"]].append(float(v @ [n["centroid"] for n in notes] / (v @ v)))
        self.starts[notes[0]["instrument"]].append(float(-v @ [n["start"] for n in notes] / (v @ v)))

    def octaves(self) -> float:
        """Instruments count alike, each by its keys."""
        return float(np.mean([np.median(s) for s in self.slopes.values()]))

    def quickening(self) -> float:
        """Octaves by which the start is shorter; one more instrument that has none keeps it modest."""
        return max(0.0, float(sum(np.median(s) for s in self.starts.values()) / (1 + len(self.starts))))


def solve(own: Sums, near: Sums) -> np.ndarray:
    """Fit a family, leaning on those excited alike."""
    rows = []
    for mine, theirs in ((own.partials, near.partials), (own.noise, near.noise)):
        ridge = np.eye(len(mine[0]))
        general = np.linalg.solve(theirs[0] + (0.03 * np.trace(theirs[0]) / len(ridge) + 1e-9) * ridge, theirs[1])
        lean = 0.03 * max(np.trace(theirs[0]) * 0.3, np.trace(mine[0])) / len(ridge) + 1e-9
        rows.append(np.linalg.solve(mine[0] + lean * ridge, mine[1] + lean * general))
    return np.concatenate([*rows, [(own if own.slopes else near).quickening()]])


def centroid(levels: np.ndarray, key: float) -> float:
    """Octaves of the centroid of a described note below 8 kHz."""
    middle = (GROUPS[:-1] + GROUPS[1:] - 1) / 2 * midi_to_hz(key)
    power = 10 ** ((levels[:N_GROUPS, : len(HELD_S)] * SPAN_DB + MIDDLE_DB) / 10) @ (
        np.gradient(HELD_S) * (HELD_S < 0.5)
    )
    power = power * np.clip(RATE // 2 // midi_to_hz(key) - GROUPS[:-1] + 1, 0, np.diff(GROUPS))
    return float(np.log2(power @ middle / power.sum()))


def sized(network: torch.nn.Module, index: int, row: np.ndarray, octaves: float, span: tuple[int, int]) -> np.ndarray:
    """Scale what a row says of partials until the centroid of an instrument moves by `octaves` from 30 to 120."""
    keys = [k for k in (43, 50, 57, 64, 71, 78) if span[0] <= k <= span[1]] or [span[0]]
    where = network.centres[index : index + 1].float()
    said = {
        (k, v): network(where, torch.tensor([float(k)]), torch.tensor([float(v)]))[0][0].numpy()
        for k in keys
        for v in (30, 120)
    }

    def moved(gain: float) -> float:
        scaled = row.copy()
        scaled[: t.N_PARTIALS] *= gain
        ends = [[centroid(t.with_touch(said[k, v], scaled, k, v), k) for v in (30, 120)] for k in keys]
        return float(np.median(np.diff(ends)))

    low, high = 0.0, 3.0
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (middle, high) if moved(middle) < octaves else (low, middle)
    row = row.copy()
    row[: t.N_PARTIALS] *= (low + high) / 2
    return row


def by_key(notes: list[dict]) -> dict[tuple, list[dict]]:
    """Describe notes, and put the layers of one key of an instrument together."""
    keys: dict[tuple, list[dict]] = defaultdict(list)
    for note in notes:
        describe(note)
        keys[note["family"], note["instrument"], note["key"]].append(note)
    return keys


def sums_of(keys: dict[tuple, list[dict]]) -> tuple[dict[str, Sums], dict[str, Sums]]:
    """Gather each family's own layers, and those of families excited alike."""
    own: dict[str, Sums] = defaultdict(Sums)
    near: dict[str, Sums] = defaultdict(Sums)
    for (family, *_), some in keys.items():
        own[family].add(some)
        for group in ALIKE:
            if family in group or group == ("synth_lead",):
                for other in group:
                    near[other].add(some)
    return own, near


def leaned(family: str, own: dict[str, Sums], near: dict[str, Sums]) -> float:
    """Octaves of a family: the mean of its instruments and one more, which answers as all that were recorded do.

    Instruments of a family differ by as much as families do, so one or two say little of a third.
    """
    if not own[family].slopes:
        return near[family].octaves()
    told, everyone = (
        np.log([max(0.01, float(np.median(slopes))) for one in sums for slopes in one.slopes.values()])
        for sums in ([own[family]], own.values())
    )
    return float(np.exp(np.mean([*told, np.mean(everyone)])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--leave-out", default="")
    options = parser.parse_args()
    started = time.process_time()
    notes = layered(options.folders, options.leave_out)
    own, near = sums_of(by_key(notes))
    network, card = load(options.model)
    labels = card["labels"]["instruments"]
    rows = np.zeros((len(labels), t.N_TOUCH))
    with torch.no_grad():
        for index, one in enumerate(labels):
            f = one["family"]
            if f == "organ" or one["name"] in FLAT or not (own[f].slopes or near[f].slopes):
                continue  # it does not answer, or nothing was heard of its like
            octaves = leaned(f, own, near) * (LITTLE if f == "synth_lead" else 1)
            rows[index] = sized(network, index, solve(own[f], near[f]), octaves, (one["low"], one["high"]))
    for family in sorted({one["family"] for one in labels}):
        told = {k: round(float(np.median(v)), 2) for k, v in own[family].slopes.items()}
        quick = (own[family] if own[family].slopes else near[family]).quickening()
        print(f"{family}: octaves of centroid per {t.STEP} of velocity {told}, start {quick:.2f} octaves", flush=True)
    card["settings"]["touch"] = True
    rebuilt = type(network)(**card["settings"])
    rebuilt.load_state_dict({**network.state_dict(), "touch": torch.from_numpy(rows).float()})
    names = sorted({n["instrument"] for n in notes})
    card["training_data"]["velocity"] = f"{len(notes)} recorded notes in layers of {', '.join(names)}"
    card["training"]["velocity_processor_minutes"] = round((time.process_time() - started) / 60, 1)
    save(options.out, rebuilt, card, dtype="float16")


if __name__ == "__main__":
    main()
