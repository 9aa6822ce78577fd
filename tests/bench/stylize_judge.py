"""A judge of styles: many classifiers that tell one kind of sound from another, each taught by other recordings.

    python -m tests.bench.stylize_judge FOLDER

renders what they learn from, once: sets of pieces that neither a style nor the bench of styles knows, each composed
from another seed and played by fluidsynth on four soundfonts, among them the one that no style was trained on. Every
member learns from four of the six sets. How far the members differ says what a share of theirs is worth; how often they
know the recordings of the two sets that they were not taught says what it can be.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np

from audiokit.dsp.spectrum.mel import mel_filterbank
from audiokit.dsp.spectrum.stft import stft
from audiokit.io.audio import read

RATE = 22_050
WINDOW = 3 * RATE
MEL = mel_filterbank(RATE, 2048, 64)
RECIPES = Path(__file__).parents[2] / "examples" / "train-style"
FONTS = ("sf2/FluidR3_GM.sf2", "sf3/MuseScore_General_Lite.sf3", "sf2/sf_GMbank.sf2", "sf2/TimGM6mb.sf2")
#: Kinds, and what composes them: the program beside the piano or the arranger, and the side of it.
KINDS = {"piano": ("11", "a"), "vibraphone": ("11", "b"), "organ": ("19", "b"), "strings": ("48", "b"),
         "pop": ("", "a"), "jazz": ("", "b")}  # fmt: skip
SETS, PIECES, SECONDS, SEED = 6, 4, 15, 91_000
#: The sets that each member learns from.
MEMBERS = tuple(combinations(range(SETS), 4))
# Random filters that a window is heard through, so that tone control alone is no style.
FILTERS_DB = (0, 3, 6)


def render(folder: Path) -> None:
    """Compose and play everything that the judge learns from, where it is not there yet."""
    for member in range(SETS):
        for kind, (program, side) in KINDS.items():
            made = folder / "midi" / f"{member}-{program or 'band'}"
            if not made.is_dir():
                maker = ["compose.py", "--programs", "0", program] if program else ["arrange.py"]
                words = [maker[0], str(made), *maker[1:], "--pieces", str(PIECES), "--seconds", str(SECONDS)]
                seed = SEED + 100 * member + sorted({p for p, _ in KINDS.values()}).index(program)
                words += ["--seed", str(seed)]
                subprocess.run([sys.executable, *words], cwd=RECIPES, check=True, stdout=subprocess.DEVNULL)
            pieces = sorted((made / side).glob("*.mid"))
            for font in FONTS:
                path = folder / str(member) / kind / f"{Path(font).stem}.wav"
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    play(pieces, Path("/usr/share/sounds") / font, path)


def play(pieces: list[Path], font: Path, path: Path) -> None:
    """Play pieces one after the other into one file, dry."""
    words = ["fluidsynth", "-q", "-ni", "-g", "0.4", "-R", "0", "-C", "0", "-r", str(RATE), "-O", "float", "-T", "wav"]
    rest = path.with_suffix(".part")
    subprocess.run([*words, "-F", str(rest), str(font), *map(str, pieces)], check=True, stdout=subprocess.DEVNULL)
    rest.rename(path)


def windows(y: np.ndarray) -> list[np.ndarray]:
    """Cut audio (T,) into pieces of 3 s that sound."""
    pieces = [y[k : k + WINDOW] for k in range(0, len(y) - WINDOW + 1, WINDOW)]
    return [piece for piece in pieces if np.abs(piece).max() > 1e-3]


def bands_of(window: np.ndarray) -> np.ndarray:
    """Log-mel bands in dB (bands, N) of audio (T,), at one level."""
    level = 0.1 / max(1e-9, float(np.sqrt(np.mean(window**2))))
    power = MEL @ np.abs(stft(np.float32(level) * window[None])[0]) ** 2
    return 20 * np.log10(np.maximum(np.sqrt(power), 1e-4))


def features(bands: np.ndarray) -> np.ndarray:
    """Means, spreads and rises of log-mel bands (bands, N), 70 dB deep."""
    bands = np.maximum(bands, bands.max() - 70)
    return np.concatenate([bands.mean(axis=1) - bands.mean(), bands.std(axis=1), np.diff(bands).clip(0).mean(axis=1)])


class Judge:
    """All members together.

    Args:
        folder: of recordings, as `render` makes it.
    """

    def __init__(self, folder: Path) -> None:
        self.known = {kind: [self._set(folder / str(k) / kind, k) for k in range(SETS)] for kind in KINDS}
        self._members = cache(self._taught)

    @staticmethod
    def _set(folder: Path, seed: int) -> np.ndarray:
        """Features of the windows of one kind and set, each through every filter (windows, filters, features)."""
        rng, rows = np.random.default_rng(seed), []
        for path in sorted(folder.glob("*.wav")):
            for window in windows(read(path, rate=RATE, mono=True)[0][0]):
                bands = bands_of(window)
                points = [
                    np.interp(np.linspace(0, 6, len(MEL)), np.arange(7), rng.normal(0, db, 7)) for db in FILTERS_DB
                ]
                rows.append([features(bands + gain[:, None]) for gain in points])
        return np.array(rows)

    def _taught(self, source: str, style: str) -> list:
        """Members that tell `style` from `source`: support vector machines, on features scaled by their own spread."""
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        members = []
        for sets in MEMBERS:
            a, b = (np.concatenate([self.known[kind][k] for k in sets]) for kind in (source, style))
            x = np.concatenate([one.reshape(-1, one.shape[-1]) for one in (a, b)])
            labels = np.arange(len(x)) >= a.shape[0] * a.shape[1]
            one = make_pipeline(StandardScaler(), SVC(C=3.0, gamma=0.3 / x.shape[1], class_weight="balanced"))
            members.append(one.fit(x, labels))
        return members

    def heard(self, y: np.ndarray, source: str, style: str) -> np.ndarray:
        """Share of windows of audio (T,) that sound like `style` rather than `source`, to each member (members,)."""
        x = np.array([features(bands_of(window)) for window in windows(y)])
        return np.array([member.predict(x).mean() for member in self._members(source, style)])

    def right(self, source: str, style: str) -> np.ndarray:
        """Share of the true windows of the sets that a member was not taught which it knows (members, 2)."""
        out = []
        for member, sets in zip(self._members(source, style), MEMBERS, strict=True):
            rest = [k for k in range(SETS) if k not in sets]
            a, b = (np.concatenate([self.known[kind][k][:, 0] for k in rest]) for kind in (source, style))
            out.append([1 - member.predict(a).mean(), member.predict(b).mean()])
        return np.array(out)


if __name__ == "__main__":
    render(Path(sys.argv[1]))
