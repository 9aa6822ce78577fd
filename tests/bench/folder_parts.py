"""Where the time of a folder goes: every step of `spectro` alone over the same files, and the least it could take."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.dsp.spectrum.fft import rfft
from audiokit.dsp.spectrum.mel import linear_to_mel, mel_filterbank
from audiokit.dsp.spectrum.stft import window_values
from audiokit.engine.memory import reuse_freed_memory
from audiokit.io import audio
from audiokit.io.npy import npy_parts

N_FFT, HOP = 2048, 512


def measured(folder: str, mel: bool) -> None:
    """Print milliseconds of processor time per file of each step as JSON; `mel`: at 22.05 kHz, mono, 128 bands."""
    reuse_freed_memory()  # as commands do
    paths = sorted(str(path) for path in Path(folder).glob("*.wav"))
    ways: dict[str, Any] = {"rate": 22_050, "mono": True} if mel else {}
    audio.read(paths[0], **ways)
    found = {
        "reading": _each(paths, audio.read),
        "reading its bytes alone": _each(paths, lambda p: Path(p).read_bytes()),
    }
    sounds = [audio.read(path, **ways)[0] for path in paths[:16]]
    if mel:
        found["resampling, one channel"] = _each(paths, lambda p: audio.read(p, **ways)) - found["reading"]
    frames = [_frames(y) for y in sounds]
    found["FFT"] = _each(frames, rfft)
    spectra = [rfft(x) for x in frames]
    found["frames and window"] = _each(sounds, _frames)
    if mel:
        filters = mel_filterbank(22_050, N_FFT, 128)
        found["mel bands, decibels"] = _each(spectra, lambda S: _decibels(S, filters))
        made = [_decibels(S, filters) for S in spectra]
    else:
        found["turned to (C, F, N)"] = _each(spectra, _turned)
        made = [_turned(S) for S in spectra]
    found["hashing what is read"] = (
        _each(paths, lambda p: hashlib.sha256(Path(p).read_bytes())) - found["reading its bytes alone"]
    )
    found["hashing what is written"] = _each(made, lambda x: hashlib.sha256(x.data))
    found["writing new files"] = _written([x for _ in range(4) for x in made], Path(folder).parent / "written")
    print(json.dumps(found))


def fft_elsewhere(folder: str, mel: bool) -> None:
    """Print milliseconds per file that the FFT alone takes in torch (MKL) on one thread, and in numpy."""
    import torch

    reuse_freed_memory()
    torch.set_num_threads(1)
    ways: dict[str, Any] = {"rate": 22_050, "mono": True} if mel else {}
    frames = [_frames(audio.read(str(path), **ways)[0]) for path in sorted(Path(folder).glob("*.wav"))[:16]]
    tensors = [torch.from_numpy(x) for x in frames]
    print(json.dumps({"torch (MKL)": _each(tensors, torch.fft.rfft), "numpy": _each(frames, np.fft.rfft)}))


def _each(items: list[Any], do: Callable[[Any], object], repeats: int = 3) -> float:
    """Least milliseconds per item of a few rounds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        for item in items:
            do(item)
        best = min(best, time.process_time() - start)
    return 1000 * best / len(items)


def _frames(y: np.ndarray) -> np.ndarray:
    padded = np.pad(y, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    return np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP] * window_values("hann", N_FFT)


def _turned(S: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(S.transpose(0, 2, 1))


def _decibels(S: np.ndarray, filters: np.ndarray) -> np.ndarray:
    bands = linear_to_mel(_turned(S.real**2 + S.imag**2), filters)
    return 10 * np.log10(np.maximum(bands, np.float32(1e-10)))


def _written(arrays: list[Any], folder: Path) -> float:
    """Milliseconds per file of writing each to a file of its own, whose pages the system has to find as well.

    In pieces that stay in the cache, as the toolkit writes: megabytes at once take the system several times as long.
    """
    size = 1 << 18
    folder.mkdir()
    start = time.process_time()
    for number, x in enumerate(arrays):
        with open(folder / f"{number:04d}.npy", "wb") as file:
            for part in npy_parts(x):
                for first in range(0, len(part), size):
                    file.write(part[first : first + size])
    spent = time.process_time() - start
    shutil.rmtree(folder)
    return 1000 * spent / len(arrays)
