"""Audio files, streams, arrays, downloads and worker processes beside the libraries that do them too."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np

from audiokit.errors import AudiokitError
from audiokit.io.npy import encode_npy
from audiokit.io.wav import WavFileWriter, WavStreamReader, encode
from tests.bench.dependencies.downloads import compare_downloads
from tests.bench.dependencies.measuring import Inputs, Row, timed
from tests.bench.dependencies.spectrum import music

_WAV = "from audiokit.io.wav import WavStreamReader"


class _Pipe(BytesIO):
    """Bytes that can only be read or written in order."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise OSError("a pipe cannot seek")

    def tell(self) -> int:
        raise OSError("a pipe cannot tell")


def compare(inputs: Inputs) -> Iterator[Row]:
    """Yield the comparisons."""
    y, rate = music(inputs)
    yield from _wav(y, rate)
    yield from _odd_wav(inputs)
    yield _arrays()
    yield from compare_downloads()
    yield _pool()


def _wav(y: np.ndarray, rate: int) -> Iterator[Row]:
    import soundfile as sf

    start = (_WAV, "import soundfile")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.wav"

        def ours(software: str = "") -> bytes:
            with open(path, "wb") as file:
                writer = WavFileWriter(file, rate, len(y), "FLOAT", {"software": software} if software else {})
                writer.write(encode(y, "FLOAT"))
                writer.close()
            return path.read_bytes()

        def theirs() -> bytes:
            sf.write(path, y.T, rate, subtype="FLOAT")
            return path.read_bytes()

        own_s, first = timed(ours)
        their_s, other = timed(theirs)
        time.sleep(1.1)
        again = [
            "same bytes" if before == make() else "other bytes" for before, make in ((first, ours), (other, theirs))
        ]
        yield Row("WAV: write 30 s, float", "io/wav.py", "soundfile", "a second later", *again, (own_s, their_s), start)
        text = "audiokit " + "x" * 991
        ours(text)
        kept = [len(sf.SoundFile(path).copy_metadata().get("software", ""))]
        with sf.SoundFile(path, "w", rate, len(y), "FLOAT") as file:
            file.software = text
            file.write(y.T[:100])
        with open(path, "rb") as stream:
            kept.append(len(WavStreamReader(stream).software))
        yield Row("WAV: history of 1000 characters", "io/wav.py", "soundfile", "characters kept",
                  str(kept[0]), f"{kept[1]} (its own mark among them)", None, start)  # fmt: skip
    own_s, read = timed(lambda: np.concatenate(list(WavStreamReader(_Pipe(first)).blocks(1 << 16)), axis=1))
    try:
        sf.read(_Pipe(first))
        found = "reads"
    except (sf.LibsndfileError, OSError, RuntimeError) as error:
        found = f"{type(error).__name__}"
    their_s, _ = timed(lambda: sf.read(BytesIO(first), dtype="float32", always_2d=True)[0].T)
    exact = "exact" if np.array_equal(read, y) else "inexact"
    yield Row("WAV: read 30 s from a pipe", "io/wav.py", "soundfile (its time: a file)", "samples", exact, found,
              (own_s, their_s), start)  # fmt: skip


def _odd_wav(inputs: Inputs) -> Iterator[Row]:
    """Unusual and broken files: does `audiokit.io.audio.read`, which uses both, read what is sound?"""
    import soundfile as sf

    folder = inputs.shared / "audio/odd/sonic-pi"
    if not folder.is_dir():
        return

    def ours(path: Path) -> bool:
        try:
            with open(path, "rb") as stream:
                list(WavStreamReader(stream).blocks(1 << 16))
        except AudiokitError:
            return False
        return True

    def theirs(path: Path) -> bool:
        try:
            sf.read(path)
        except (sf.LibsndfileError, TypeError):
            return False
        return True

    for kind, wanted in (("valid", "read"), ("invalid", "refused"), ("unsupported", "refused")):
        paths = sorted((folder / kind).glob("*.wav"))
        counts = [sum(reader(path) is (wanted == "read") for path in paths) for reader in (ours, theirs)]
        yield Row(f"WAV: {len(paths)} {kind} files", "io/wav.py", "soundfile", wanted, *map(str, counts), None,
                  (_WAV, "import soundfile"))  # fmt: skip


def _arrays() -> Row:
    y = np.random.default_rng(0).random((2, 1025, 256)).astype(np.float32)
    mine = encode_npy(y)

    def by_numpy() -> bytes:
        out = BytesIO()
        np.save(out, y)
        return out.getvalue()

    own_s, _ = timed(lambda: encode_npy(y), repeats=10)
    numpy_s, other = timed(by_numpy, repeats=10)
    same = "same bytes" if mine == other else "other bytes"
    return Row(
        ".npy for a pipe", "io/npy.py", "numpy.save", "bytes", same, f"{same}; a real pipe raises", (own_s, numpy_s),
        ("from audiokit.io.npy import encode_npy", "import numpy"),
    )  # fmt: skip


def _square(n: int) -> int:
    return n * n


def _die(n: int) -> int:
    if n == 3:
        os._exit(9)
    return n


def _pool() -> Row:
    """Two workers and short tasks: wall time; and what is known when a worker dies."""
    from joblib import Parallel, delayed

    def ours() -> list[int]:
        with ProcessPoolExecutor(2) as pool:
            return list(pool.map(_square, range(200)))

    def theirs() -> list[int]:
        return Parallel(n_jobs=2)(delayed(_square)(n) for n in range(200))

    spent = []
    for work in (ours, theirs):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    words = []
    for work in (
        lambda: list(ProcessPoolExecutor(2).map(_die, range(8))),
        lambda: Parallel(n_jobs=2)(delayed(_die)(n) for n in range(8)),
    ):
        try:
            work()
            words.append("nothing")
        except Exception as error:  # the kind of it is what is asked
            words.append(type(error).__name__)
    return Row(
        "worker processes (concurrent.futures; wall time)", "engine/local.py", "joblib", "a worker dies", *words,
        (spent[0], spent[1]), ("import concurrent.futures", "import joblib"),
    )  # fmt: skip
