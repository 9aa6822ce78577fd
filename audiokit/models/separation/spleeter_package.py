"""The spleeter package itself as an engine: its program is run on pieces of the stream, and its stems are read back.

The package needs old releases of Python, TensorFlow and Typer, so it lives in an environment of its own; the program is
found on PATH or named by AUDIOKIT_SPLEETER. Lengths, channels and names are ours: pieces are cross-faded, so nothing
ends at its 600 s.

References:
    Hennequin, Khlif, Voituret and Moussallam (2020), Spleeter: a fast and efficient music source separation tool
    with pre-trained models.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from audiokit.dsp.separation.separate import separate_windows
from audiokit.errors import DamagedError, MissingExtraError, ModelError
from audiokit.io.audio import read, write
from audiokit.models.folder.checkpoint import cache_folder
from audiokit.models.folder.download import locked
from audiokit.models.separation.engine import Engine
from audiokit.models.separation.settings import Settings, configuration

PROGRAM = "AUDIOKIT_SPLEETER"
_RATE = 44_100
#: Seconds that the program gets at a time beside its context; most songs are one piece.
_CORE_S, _CONTEXT_S, _FADE_S = 600, 12, 1
_INSTALL = (
    "python3.10 -m venv ~/spleeter && ~/spleeter/bin/pip install spleeter==2.4.2 && "
    f"export {PROGRAM}=~/spleeter/bin/spleeter   (any Python from 3.8 to 3.11)"
)


def find_program() -> str:
    """Find the spleeter program.

    Raises:
        MissingExtraError: it is not there; the hint is what to type.
    """
    named = os.environ.get(PROGRAM)
    found = shutil.which(os.path.expanduser(named or "spleeter"))
    if found is None:
        where = f"{PROGRAM}={named} is no program" if named else "there is no program 'spleeter'"
        raise MissingExtraError(f"--engine spleeter-package: {where}", hint=_INSTALL)
    return found


def package_engine(settings: Settings) -> Engine:
    """Make an engine of the program.

    Raises:
        MissingExtraError: the program is not there.
        ParameterError: the package has no such model.
    """
    program = find_program()
    name, stems = configuration(settings)

    def run(blocks: Iterable[np.ndarray], wanted: Sequence[str]) -> Iterator[np.ndarray]:
        return separate_windows(
            blocks,
            lambda y: _separated(program, name, y, wanted, mwf=settings.mwf),
            core=_CORE_S * _RATE,
            context=_CONTEXT_S * _RATE,
            fade=_FADE_S * _RATE,
        )

    return Engine(stems, _RATE, run, complete=False)


def _separated(program: str, name: str, y: np.ndarray, wanted: Sequence[str], *, mwf: bool) -> np.ndarray:
    """Run the program once on pairs of channels (2 * B, n): (S, 2 * B, n)."""
    # It writes 16 bits, so what is louder than full scale is handed over quieter.
    loud = max(1.0, float(np.abs(y).max(initial=0)))
    with tempfile.TemporaryDirectory(prefix="audiokit-spleeter-") as folder:
        inputs = [Path(folder) / f"pair{k}.wav" for k in range(len(y) // 2)]
        for k, path in enumerate(inputs):
            write(path, y[2 * k : 2 * k + 2] / np.float32(loud), _RATE, subtype="FLOAT")
        out = Path(folder) / "stems"
        command = [program, "separate", "-p", f"spleeter:{name}", "-o", str(out), "-c", "wav"]
        command += ["-d", str(y.shape[1] / _RATE + 1), "-f", "{filename}/{instrument}.{codec}"]
        with _whole_model(name.removesuffix("-16kHz")):
            said = _run([*command, *(["--mwf"] if mwf else []), *map(str, inputs)])
        pairs = []
        for path in inputs:
            files = [out / path.stem / f"{stem}.wav" for stem in wanted]
            # Failures do not show in the status of the program, only in files that are not there.
            if not all(file.exists() for file in files):
                raise ModelError(f"--engine spleeter-package: spleeter made no stems ({said})", hint=_TRY.format(name))
            made = [read(file)[0] for file in files]
            if any(x.shape[1] < y.shape[1] - _RATE // 10 for x in made):
                raise DamagedError(
                    "--engine spleeter-package: spleeter made less than it was given", hint=_TRY.format(name)
                )
            pairs.append(np.stack([_fitted(x, y.shape[1]) for x in made]))
        return np.concatenate(pairs, axis=1) * np.float32(loud)


_TRY = "see what it says: spleeter separate -p spleeter:{} -o out song.wav"


def _models() -> tuple[Path, bool]:
    """Where the program keeps its models, and whether that place is ours: or it would leave them where the user is."""
    named = os.environ.get("MODEL_PATH")
    return (Path(named), False) if named else (cache_folder() / "spleeter-package", True)


@contextmanager
def _whole_model(name: str) -> Iterator[None]:
    """Let the program run when its model is whole, or alone while it fetches it.

    A download that fails leaves a folder, and the program takes any folder of that name for a model: it would separate
    by random weights, without a word.

    Raises:
        ModelError: such a folder is there, and is not ours to remove.
    """
    place, ours = _models()
    folder = place / name
    if (folder / ".probe").exists():
        yield
        return
    place.mkdir(parents=True, exist_ok=True)
    with locked(place / f".{name}.lock"):
        if folder.exists() and not (folder / ".probe").exists():
            if not ours:
                raise ModelError(
                    f"{folder}: is no whole model (no .probe), and spleeter would not notice", hint=f"rm -r {folder}"
                )
            shutil.rmtree(folder)
        yield


def _run(command: Sequence[str]) -> str:
    """Run the program quietly; the last line that it said."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "MODEL_PATH": str(_models()[0])}
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env=environment)
    except OSError as error:
        raise ModelError(f"--engine spleeter-package: {command[0]} cannot be run ({error.strerror})") from None
    lines = [line for line in (done.stdout + done.stderr).decode(errors="replace").splitlines() if line.strip()]
    said = lines[-1].strip()[:200] if lines else f"it said nothing, status {done.returncode}"
    if done.returncode:
        raise ModelError(
            f"--engine spleeter-package: spleeter failed ({said})",
            hint=_TRY.format(command[3].removeprefix("spleeter:")),
        )
    return said


def _fitted(y: np.ndarray, length: int) -> np.ndarray:
    """Cut or fill up with silence to a length, two channels."""
    y = np.repeat(y, 2, axis=0) if len(y) == 1 else y[:2]
    return np.pad(y[:, :length], ((0, 0), (0, max(0, length - y.shape[1]))))
