"""Harmonic and percussive parts, and voices over what repeats, beside librosa."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from audiokit.dsp.separation.masks import harmonic_percussive, repetition
from audiokit.dsp.spectrum.medians import running_median
from audiokit.dsp.spectrum.metrics import sdr, si_sdr
from audiokit.dsp.spectrum.stft import istft, stft
from audiokit.io import audio
from tests.bench.dependencies.measuring import Inputs, Row, timed

_MASKS = "from audiokit.dsp.separation.masks import harmonic_percussive; import scipy.ndimage"
_SECONDS = 30


def compare(inputs: Inputs) -> Iterator[Row]:
    """Yield the comparisons; but for the medians they need recordings with stems."""
    yield _medians()
    songs = [_stems(folder) for folder in sorted((inputs.shared / "audio/stems/everythingisremixed").glob("*/"))]
    for name in ("francium", "potassium", "rubidium", "sodium"):
        folder = inputs.shared / "audio/stems-full" / name
        if folder.is_dir():
            songs.append(_stems(folder, start_s=60))
    if songs:
        yield from _harmonic(songs[: inputs.limit])
        # librosa looks for neighbours channel by channel and takes its time.
        yield from _repetition(songs[: min(3, inputs.limit)])


def _stems(folder: Path, start_s: int = 0) -> dict[str, np.ndarray]:
    stems = {}
    for name in ("vocals", "drums", "other"):
        (path,) = [path for path in folder.iterdir() if path.stem == name]
        y, info = audio.read(path)
        stems[name] = y[:, start_s * info.rate : (start_s + _SECONDS) * info.rate]
    return stems


def _medians() -> Row:
    from scipy.ndimage import median_filter

    x = np.random.default_rng(0).standard_normal((2, 1025, 1292)).astype(np.float32)
    own_s, mine = timed(lambda: running_median(x, 17, axis=2))
    scipy_s, other = timed(lambda: median_filter(x, size=(1, 1, 17)), repeats=1)
    same = "the same" if np.array_equal(mine, other) else "others"
    return Row(
        "running medians of 17", "dsp/spectrum/medians.py", "scipy.ndimage.median_filter (all dimensions)", "values",
        same, "reference", (own_s, scipy_s),
        ("import audiokit.dsp.spectrum.medians, scipy.ndimage", "import scipy.ndimage"),
    )  # fmt: skip


def _harmonic(songs: list[dict[str, np.ndarray]]) -> Iterator[Row]:
    import librosa

    def ours(S: np.ndarray) -> np.ndarray:
        return harmonic_percussive(np.abs(S)[None])[0, 1]

    def theirs(S: np.ndarray, size: int) -> np.ndarray:
        return librosa.decompose.hpss(np.abs(S), kernel_size=size, mask=True)[1]

    start = (_MASKS, "from librosa.decompose import hpss")
    kinds = {"ours": ours, "17": lambda S: theirs(S, 17), "31": lambda S: theirs(S, 31)}
    scores: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    spent = dict.fromkeys(kinds, 0.0)
    apart = 0.0
    for stems in songs:
        mix = sum(stems.values())
        S = stft(mix, n_fft=2048, hop=512)
        found = {}
        for kind, finder in kinds.items():
            seconds, found[kind] = timed(lambda finder=finder, S=S: finder(S), repeats=1, warm=False)
            spent[kind] += seconds
            y = istft(found[kind] * S, hop=512, length=mix.shape[1])
            scores[kind].append((si_sdr(stems["drums"], y), si_sdr(stems["vocals"] + stems["other"], mix - y)))
        # Where nothing sounds ours shares a bin equally, and librosa gives it to one side.
        heard = np.abs(S) > 1e-4 * np.abs(S).max()
        apart = max(apart, float(np.abs(found["ours"] - found["17"])[heard].max()))
    cells = {kind: "{:.2f} / {:.2f} dB".format(*np.mean(values, axis=0)) for kind, values in scores.items()}
    for kind, note in (("17", f"; masks differ by at most {apart:.0e} above -80 dB"), ("31", "")):
        yield Row(
            f"harmonic/percussive of {len(songs)} songs", "dsp/separation/masks.py",
            f"librosa.decompose.hpss, medians of {kind}", "SI-SDR of drums / rest",
            cells["ours"], f"{cells[kind]}{note}",
            (spent["ours"], spent[kind]), start,
        )  # fmt: skip


def _repetition(songs: list[dict[str, np.ndarray]]) -> Iterator[Row]:
    """Ours beside the recipe of librosa's own manual for voices over repeating music."""
    import librosa

    hop, rate = 1024, 44_100

    def ours(S: np.ndarray) -> np.ndarray:
        return repetition(np.abs(S)[None], hop_s=hop / rate)[0, 0]

    def theirs(S: np.ndarray) -> np.ndarray:
        masks = []
        for magnitude in np.abs(S):
            background = librosa.decompose.nn_filter(
                magnitude, aggregate=np.median, metric="cosine", width=int(librosa.time_to_frames(2, sr=rate))
            )
            background = np.minimum(magnitude, background)
            masks.append(librosa.util.softmask(magnitude - background, 10 * background, power=2))
        return np.stack(masks)

    scores: list[list[float]] = [[], []]
    spent = np.zeros(2)
    for stems in songs:
        mix = sum(stems.values())
        S = stft(mix, n_fft=4096, hop=hop)
        for place, finder in enumerate((ours, theirs)):
            seconds, mask = timed(lambda finder=finder, S=S: finder(S), repeats=1, warm=False)
            spent[place] += seconds
            voice = istft(mask * S, hop=hop, length=mix.shape[1])
            both = (("vocals", voice), ("accompaniment", mix - voice))
            truths = {"vocals": stems["vocals"], "accompaniment": stems["drums"] + stems["other"]}
            scores[place].append(float(np.mean([sdr(truths[name], y) for name, y in both])))
    yield Row(
        f"voice over what repeats, {len(songs)} songs", "dsp/separation/masks.py", "librosa.decompose.nn_filter",
        "SDR, mean of voice and rest", *(f"{np.mean(one):.2f} dB" for one in scores),
        (float(spent[0]), float(spent[1])), (_MASKS, "from librosa.decompose import nn_filter"),
    )  # fmt: skip
