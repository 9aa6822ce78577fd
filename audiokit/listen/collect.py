"""Find what a folder holds for listening: audio, pictures, scores, metrics and model cards."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiokit.errors import AudiokitError, InputError
from audiokit.io.audio import SUFFIXES, Reader
from audiokit.listen.pictures import spectrogram_png, waveform_svg

#: Longer files are shown and played up to here, so that a page stays a page.
MAX_SECONDS = 600.0


@dataclass
class Track:
    """One audio file, ready for the page."""

    name: str
    group: str
    rate: int
    channels: int
    seconds: float
    data_uri: str
    waveform: str
    spectrogram: str
    history: list[dict[str, Any]]
    top_hz: float
    note: str = ""


@dataclass
class Contents:
    """Everything the page shows, in the order it shows it."""

    title: str
    tracks: list[Track] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)
    scores: list[tuple[str, Any]] = field(default_factory=list)
    metrics: list[tuple[str, dict[str, tuple[list[float], list[float]]]]] = field(default_factory=list)
    cards: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def collect(folder: Path, *, embed: str = "auto", title: str | None = None, limit: int = 200) -> Contents:
    """Read a folder, subfolders included.

    Args:
        folder: what to show.
        embed: "flac", "mp3", "link" (refer to the files beside the page), or "auto": FLAC while small, then MP3.
        title: heading; the folder's name by default.
        limit: at most so many audio files, the rest is counted.

    Raises:
        InputError: the folder is missing or holds nothing to show.
    """
    if folder.is_file():
        raise InputError(f"{folder}: is a file", hint="name the folder it lies in")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    contents = Contents(title or folder.resolve().name)
    files = sorted(_files(folder))
    audio = [path for path in files if path.suffix.lower() in SUFFIXES]
    if embed == "auto":
        embed = "flac" if sum(_seconds(path) for path in audio[:limit]) < 600 else "mp3"
    if len(audio) > limit:
        contents.problems.append(f"{len(audio) - limit} more audio files are not shown")
    for path in audio[:limit]:
        try:
            contents.tracks.append(_track(path, folder, embed))
        except AudiokitError as error:
            contents.problems.append(str(error))
    for path in files:
        name = str(path.relative_to(folder))
        if path.suffix == ".png":
            contents.pictures.append((name, _data_uri("image/png", path.read_bytes())))
        elif path.name == "metrics.jsonl":
            contents.metrics.append((name, _metrics(path)))
        elif path.suffix == ".json":
            _add_json(contents, name, path)
    if not (contents.tracks or contents.pictures or contents.metrics):
        raise InputError(f"{folder}: holds no audio, pictures or metrics to show", hint="name a folder of results")
    return contents


def _files(folder: Path):
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and not (Path(root) / f / "manifest.json").exists()
        )
        yield from (Path(root) / f for f in files if not f.startswith("."))


def _seconds(path: Path) -> float:
    try:
        with Reader(path) as reader:
            return min(MAX_SECONDS, (reader.length or 0) / reader.rate)
    except AudiokitError:
        return 0.0


def _track(path: Path, folder: Path, embed: str) -> Track:
    with Reader(path) as reader:
        length = reader.length or 0
        note = f"first {MAX_SECONDS / 60:.0f} minutes" if length > MAX_SECONDS * reader.rate else ""
    with Reader(path, stop=min(length, int(MAX_SECONDS * reader.rate))) as reader:
        y, info = reader.read(), reader.info
    uri = path.relative_to(folder).as_posix() if embed == "link" else _encode(y, info.rate, embed)
    relative = path.relative_to(folder)
    mid = y.mean(axis=0)
    return Track(
        name=relative.name,
        group=str(relative.parent),
        rate=info.rate,
        channels=info.channels,
        seconds=y.shape[1] / info.rate,
        data_uri=uri,
        waveform=waveform_svg(mid, info.rate),
        spectrogram=_data_uri("image/png", spectrogram_png(mid, info.rate)),
        history=info.history,
        top_hz=min(16_000, info.rate / 2),
        note=note,
    )


def _encode(y, rate: int, embed: str) -> str:
    """Encode for the browser; levels over full scale are turned down for listening only."""
    import io

    import numpy as np
    import soundfile as sf

    peak = float(np.abs(y).max(initial=0.0))
    stereo = y[:2] if y.shape[0] != 1 else y
    if peak > 1:
        stereo = stereo / peak
    if embed == "mp3" and rate not in (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000):
        import soxr

        stereo, rate = soxr.resample(stereo.T, rate, 44_100).T, 44_100
    buffer = io.BytesIO()
    container, subtype, mime = (
        ("MP3", "MPEG_LAYER_III", "audio/mpeg") if embed == "mp3" else ("FLAC", "PCM_16", "audio/flac")
    )
    sf.write(buffer, stereo.T, rate, format=container, subtype=subtype)
    return _data_uri(mime, buffer.getvalue())


def _data_uri(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


#: Numbers of a run that say nothing when drawn.
_NO_CURVES = ("step", "seconds", "skipped")


def _numbers(entry: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of an entry, those inside its objects as "loss: critic"."""
    for name, value in entry.items():
        if isinstance(value, dict) and not prefix:
            yield from _numbers(value, f"{name}: ")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + name, float(value)


def _metrics(path: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Read metrics.jsonl into name -> (steps, values); lines that are no JSON (a run still going on) are left out."""
    lines: dict[str, tuple[list[float], list[float]]] = {}
    for count, text in enumerate(path.read_text(encoding="utf-8").splitlines()):
        try:
            entry = json.loads(text)
        except ValueError:
            continue
        if not isinstance(entry, dict):
            continue
        step = entry.get("step", count)
        if not isinstance(step, int | float):
            continue
        for name, value in _numbers(entry):
            if name not in _NO_CURVES:
                xs, ys = lines.setdefault(name, ([], []))
                xs.append(float(step))
                ys.append(value)
    return lines


def _add_json(contents: Contents, name: str, path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = _json_lines(text)
    if path.name == "model.json" and isinstance(fields, dict):
        contents.cards.append((name, fields))
    elif path.name.startswith("score") and fields:
        contents.scores.append((name, _score_rows(fields) if isinstance(fields, list | dict) else fields))


def _json_lines(text: str) -> list[Any]:
    """Read one JSON value per line, as every command prints with --json; other lines are left out."""
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return found


def _score_rows(fields: list[Any] | dict[str, Any]) -> list[Any] | dict[str, Any]:
    """Turn reports of `audiokit score` into rows of a table: the sound, then its scores; others stay as they are."""
    reports = fields if isinstance(fields, list) else [fields]
    if not all(isinstance(report, dict) and ("scores" in report or "folders" in report) for report in reports):
        return fields
    rows = []
    for report in reports:
        sound = report.get("input") or " ~ ".join(map(str, report.get("folders", [])))
        others = {k: v for k, v in report.items() if k in ("frechet", "embedding")}
        rows.append({"sound": sound, **(report.get("scores") or {}), **others})
    return rows
