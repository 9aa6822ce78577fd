"""The pitch of recorded notes beside librosa and WORLD."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from audiokit.dsp.notes.names import estimate_pitch
from audiokit.dsp.voice.world import world_library
from audiokit.errors import InputError
from audiokit.io import audio
from tests.bench.dependencies.measuring import Inputs, Row, timed
from tests.bench.dependencies.rhythm import recorded_notes


def compare(inputs: Inputs) -> Iterator[Row]:
    """Yield the comparisons; they need recorded notes whose names say their pitch."""
    notes = recorded_notes(inputs.shared, inputs.limit)
    if not notes:
        return
    import librosa

    world = world_library()

    def median(hz: np.ndarray, voiced: np.ndarray) -> float:
        return float(np.median(librosa.hz_to_midi(hz[voiced]))) if voiced.any() else float("nan")

    def yin(y: np.ndarray, rate: int) -> float:
        hz = librosa.yin(y, fmin=26, fmax=min(4200, rate / 2 - 1), sr=rate, frame_length=4096)
        return median(hz, np.isfinite(hz))

    def pyin(y: np.ndarray, rate: int) -> float:
        hz, voiced, _ = librosa.pyin(y, fmin=26, fmax=min(4200, rate / 2 - 1), sr=rate, frame_length=4096)
        return median(hz, voiced)

    def harvest(y: np.ndarray, rate: int) -> float:
        hz, _ = world.harvest(y.astype(np.float64), rate, f0_floor=40, f0_ceil=2500)
        return median(hz, hz > 0)

    finders: dict[str, Callable[[np.ndarray, int], float]] = {
        "ours": estimate_pitch, "librosa.yin": yin, "librosa.pyin": pyin, "pyworld.harvest": harvest,
    }  # fmt: skip
    start = {"librosa.yin": "from librosa import yin", "librosa.pyin": "from librosa import pyin"}
    start["pyworld.harvest"] = "from audiokit.dsp.voice.world import world_library; world_library()"
    errors: dict[str, list[float]] = {name: [] for name in finders}
    spent = dict.fromkeys(finders, 0.0)
    for path, pitch in notes:
        y, info = audio.read(path, mono=True)
        y = np.ascontiguousarray(y[0, : 2 * info.rate])
        for name, finder in finders.items():
            try:
                seconds, found = timed(lambda finder=finder, y=y, r=info.rate: finder(y, r), repeats=1, warm=False)
            except InputError:
                seconds, found = 0.0, float("nan")
            spent[name] += seconds
            errors[name].append(found - pitch)
    cells = {name: _quality(np.array(values)) for name, values in errors.items()}
    for name in list(finders)[1:]:
        yield Row(
            f"pitch of {len(notes)} recorded notes", "dsp/notes/names.py", name, "right semitone; octave off; median",
            cells["ours"], cells[name], (spent["ours"], spent[name]),
            ("from audiokit.dsp.notes.names import estimate_pitch; import soxr", start[name]),
        )  # fmt: skip


def _quality(errors: np.ndarray) -> str:
    right = np.abs(errors) < 0.5
    octave = (np.abs(np.abs(errors) - 12) < 0.5) | (np.abs(np.abs(errors) - 24) < 0.5)
    cents = 100 * np.median(np.abs(errors[right])) if right.any() else float("nan")
    return f"{right.mean():.0%}; {octave.mean():.0%}; {cents:.0f} cents"
