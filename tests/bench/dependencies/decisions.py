"""What was decided of each piece that a library does too, and why; and why each package is required."""

from __future__ import annotations

OURS, LIBRARY, BOTH = "ours", "library", "both"

_BLOCKS = "works block by block with the same values, which songs of any length and pipes need"
_START = "start-up: the library's import alone costs more than the work"
_SIGNAL = f"{_START}; nothing imports scipy.signal"

#: (file, beginning of the library's name) -> decision and reason; the first that fits counts.
PIECES: dict[tuple[str, str], tuple[str, str]] = {
    ("dsp/spectrum/stft.py", "librosa"): (OURS, f"faster or as fast; {_BLOCKS}; {_START}"),
    ("dsp/spectrum/stft.py", "scipy"): (OURS, f"as exact, as fast or faster; {_BLOCKS}"),
    ("dsp/spectrum/mel.py", "librosa.filters"): (OURS, f"the same filters in ten lines; {_START}"),
    ("dsp/spectrum/mel.py", "librosa.feature.mel"): (OURS, f"the same bands in less time; {_BLOCKS}"),
    ("dsp/spectrum/mel.py", "librosa.feature.inverse"): (OURS, "bands are kept 25 dB better, in half the time"),
    ("dsp/spectrum/griffin_lim.py", "librosa"): (OURS, "better with its start, half the time, and block by block"),
    ("dsp/rhythm/beats.py", "librosa"): (
        BOTH, "ours by default: slower, far more beats right; `--tracker librosa` is a second opinion"
    ),
    ("dsp/rhythm/onsets.py", "librosa"): (OURS, "a twentieth of the error"),
    ("dsp/rhythm/key.py", "librosa.feature.chroma_stft"): (OURS, "as clear, more keys right, less time; start-up"),
    ("dsp/rhythm/key.py", "librosa"): (OURS, "more keys right, a fraction of the time; start-up"),
    ("dsp/effects/morph.py", "librosa"): (OURS, f"as even, slower; {_START}"),
    ("dsp/notes/names.py", "librosa.yin"): (OURS, "more notes right; start-up"),
    ("dsp/notes/names.py", "librosa.pyin"): (OURS, "as many notes right, in a fraction of the time; start-up"),
    ("dsp/notes/names.py", "pyworld"): (OURS, "more notes right, in less time; voices (`sing`) use pyworld"),
    ("dsp/spectrum/medians.py", "scipy"): (LIBRARY, "scipy's, row by row: its fast way is for one dimension only"),
    ("dsp/separation/masks.py", "librosa.decompose.hpss, medians of 17"): (
        OURS, "the same masks (a test compares them) in a fraction of the time"
    ),
    ("dsp/separation/masks.py", "librosa.decompose.hpss, medians of 31"): (
        OURS, "better drums, a worse rest: no reason to change what the engine gives"
    ),
    ("dsp/separation/masks.py", "librosa.decompose.nn"): (OURS, "better, and a fraction of the time"),
    ("dsp/loudness/iir.py", "scipy"): (OURS, f"as fast; {_SIGNAL}"),
    ("dsp/loudness/match.py", "scipy"): (OURS, f"slower, but its import costs as much as filtering minutes; {_BLOCKS}"),
    ("dsp/effects/effects.py", "scipy"): (OURS, f"slower, but notes are short: {_SIGNAL}"),
    ("dsp/effects/effects.py", "resample_poly"): (LIBRARY, "soxr: folds back less, in less time; start-up"),
    ("dsp/loudness/loudness.py", "pyloudnorm"): (
        OURS, "not less exact, faster, in blocks, with true peak and range; pyloudnorm is an oracle of the tests"
    ),
    ("dsp/loudness/true_peak.py", "scipy"): (OURS, f"as exact, a fraction of the time; {_SIGNAL}"),
    ("dsp/loudness/true_peak.py", "soxr"): (OURS, "a fraction of the time, within the 0.2 dB of the standard"),
    ("dsp/loudness/limiter.py", "scipy"): (OURS, f"the same; {_START}"),
    ("io/reader.py", "scipy"): (LIBRARY, "soxr: cleaner, faster, lighter than scipy; everything resamples with it"),
    ("dsp/rhythm/warp.py", "librosa"): (LIBRARY, "python-stretch keeps attacks that a phase vocoder smears"),
    ("io/midi.py", "mido"): (OURS, "reads more files, several times as fast, with one kind of error"),
    ("io/midi_format.py", "mido"): (OURS, "a page of code, several times as fast"),
    ("io/wav.py", "soundfile"): (
        BOTH, "soundfile reads files and writes all other formats; ours: pipes, same input same bytes, whole history"
    ),
    ("io/npy.py", "numpy"): (OURS, "numpy.save cannot write to a pipe; the header is numpy's"),
    ("models/folder/pull.py", "pooch"): (BOTH, "ours goes on where it broke off; pooch names the cache folder"),
    ("engine/local.py", "joblib"): (LIBRARY, "concurrent.futures: starts faster and comes with Python"),
}  # fmt: skip

#: Why each package is required.
REQUIRED: dict[str, str] = {
    "typer": "the command line. Below 0.29, which loads pydantic for every command (see below)",
    "rich": "progress of batches and trainings; Typer requires it too",
    "numpy": "everything",
    "scipy": "fft, medians and extremes (ndimage), banded solvers; scipy.signal is never loaded",
    "soundfile": "reads and writes every format but WAV streams",
    "av": "m4a, mp4, webm and other media that libsndfile does not read",
    "soxr": "all resampling",
    "librosa": "`align-beats --tracker librosa`; the oracle of tests and benches. audiomentations requires it too",
    "numba": "phase retrieval at the speed of compiled code; librosa requires it too",
    "torch": "every network: split, denoise, stylize, generate, invert, train",
    "safetensors": "weights that are data and never code",
    "onnxruntime": "networks without loading torch",
    "audiomentations": "`augment` is its front",
    "pooch": "the folder that pulled models are kept in; librosa requires it too",
    "pyyaml": "settings of RoFormer checkpoints",
    "pyworld": "`sing`: pitch, envelope and breath of a voice",
    "python-stretch": "`align-beats`, `sing`: time stretching that keeps attacks",
    "matplotlib": "`spectro -o x.png`, `align-beats --picture`, `generate --sheet`",
    "pillow": "previews of pictures; matplotlib requires it too",
}


def decision(file: str, library: str) -> tuple[str, str]:
    """What was decided of a piece, and why.

    Raises:
        KeyError: nothing was.
    """
    for (known, beginning), found in PIECES.items():
        if file == known and library.startswith(beginning):
            return found
    raise KeyError(f"{file} beside {library}: nothing is decided")
