"""The drums of `split`: HPSS, doing nothing, and models of choice: `python -m tests.bench.bench_split --only drums`.

Excerpts with true stems: those of the shared folder, 30 s of two whole songs there, and the acts of `--excerpts` that
hold drums. `--engines hpss,nothing,model:FOLDER` adds a model that knows drums. Seconds in which the drums are silent
have no SDR; there, what is found is measured below the mix.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiokit.io.audio import read
from tests.bench.bench_split import ENGINES, RATE, SHARED, sdr_db, si_sdr_db

#: Whole songs, and where their excerpts begin, in seconds.
WHOLE = {"potassium": 60, "francium": 150}
#: Drums this far below the mix, over a second, count as silent.
SILENT_DB = -50.0


def excerpts(more: Path | None) -> dict[str, dict[str, np.ndarray]]:
    """Read what there is: mix and drums by name."""
    found = {
        folder.name.partition(".")[2]: mix_and_drums(folder)
        for folder in sorted((SHARED / "stems" / "everythingisremixed").glob("*"))
        if (folder / "drums.flac").exists()
    }
    for name, start_s in WHOLE.items():
        if (folder := SHARED / "stems-full" / name).is_dir():
            found[f"{name}, {start_s} s"] = mix_and_drums(folder, start_s, 30.0)
    for folder in sorted((more / "acts").iterdir()) if more else []:
        if any(folder.glob("drums.*")):
            found[folder.name] = mix_and_drums(folder)
    return found


def mix_and_drums(folder: Path, start_s: float = 0.0, seconds: float | None = None) -> dict[str, np.ndarray]:
    """Read the stems of a folder: their sum, and the drums."""
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in (".flac", ".ogg", ".wav") and path.stem not in ("mixture", "mix")
    ]
    stems = {path.stem: read(path, rate=RATE)[0] for path in files}
    length = min(y.shape[1] for y in stems.values())
    part = slice(round(start_s * RATE), length if seconds is None else round((start_s + seconds) * RATE))
    return {"mix": sum(y[:, :length] for y in stems.values())[:, part], "drums": stems["drums"][:, :length][:, part]}


def estimate(mix: np.ndarray, engine: str) -> np.ndarray:
    """Find the drums of a mix in one way."""
    from audiokit.stages.split import split

    if engine == "nothing":
        return mix
    if engine == "hpss":
        return split(mix, RATE, engine="hpss", stem="percussive")
    return split(mix, RATE, model=engine.removeprefix("model:"), stem="drums")


def power_db(y: np.ndarray) -> float:
    """The power of audio."""
    return 10 * float(np.log10(np.mean(y.astype(np.float64) ** 2) + 1e-12))


def parted(song: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Tell the seconds in which drums sound from those in which they are silent: their samples."""
    seconds = np.arange(song["mix"].shape[1] // RATE * RATE).reshape(-1, RATE)
    sounds = np.array([power_db(song["drums"][:, s]) - power_db(song["mix"][:, s]) > SILENT_DB for s in seconds])
    return seconds[sounds].ravel(), seconds[~sounds].ravel()


def drums(engines: list[str], more: Path | None) -> list[str]:
    """Measure SDR and SI-SDR of every excerpt, and how much is found where there is nothing."""
    engines = [name for name in engines if name in ("hpss", "nothing") or name.startswith("model:")]
    rows: dict[str, list[tuple[float, float]]] = {engine: [] for engine in engines}
    taken: dict[str, list[float]] = {engine: [] for engine in engines}
    named, silent = [], []
    for name, song in excerpts(more).items():
        sounding, still = parted(song)
        named += [name] * (len(sounding) > 0)
        silent += [name] * (len(still) > 0)
        for engine in engines:
            found = estimate(song["mix"], engine)
            if len(sounding):
                pair = song["drums"][:, sounding], found[:, sounding]
                rows[engine].append((sdr_db(*pair), si_sdr_db(*pair)))
                print(f"{name:16} {engine:12} {rows[engine][-1][0]:7.2f} {rows[engine][-1][1]:7.2f}", flush=True)
            if len(still):
                taken[engine].append(power_db(found[:, still]) - power_db(song["mix"][:, still]))
    lines = [f"| drums: SDR, SI-SDR, dB | mean of {len(named)} | median | {' | '.join(named)} |"]
    lines.append(f"|---|{'---|' * (2 + len(named))}")
    for engine in engines:
        cells = [np.mean(rows[engine], axis=0), np.median(rows[engine], axis=0), *rows[engine]]
        told = " | ".join(f"{sdr:.2f}, {si_sdr:.2f}" for sdr, si_sdr in cells)
        lines.append(f"| {ENGINES.get(engine, engine)} | {told} |")
    if silent:
        lines += ["", f"| found in seconds without drums, dB beside the mix | {' | '.join(silent)} |"]
        lines.append(f"|---|{'---|' * len(silent)}")
        for engine in engines:
            told = " | ".join(f"{value:.1f}" for value in taken[engine])
            lines.append(f"| {ENGINES.get(engine, engine)} | {told} |")
    return lines
