"""Find what a folder holds for listening: audio, pictures, scores, metrics and model cards."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from audiokit.dsp.spectrum.samples import blocks_of, peak_of
from audiokit.engine.spool import at_hand
from audiokit.errors import AudiokitError, InputError
from audiokit.io.audio import MEDIA_SUFFIXES, SUFFIXES, Reader
from audiokit.io.preview import Codec, codec_for, data_uri, encoded, smaller, spectrogram_webp, waveform_svg

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.samples import Samples

#: Longer files are shown and played up to here, so that a page stays a page.
MAX_SECONDS = 600.0
#: Audio inside a page takes about so many bytes: beyond it FLAC gives way to MP3, and MP3 becomes smaller.
BUDGET = 5_200_000


@dataclass
class Track:
    """One audio file, ready for the page.

    Attributes:
        name, group: file, and folder below the one shown.
        rate, channels, seconds: Hz, how many, length as shown.
        data_uri: the audio; empty where `same` has it, or where it is only linked.
        same: place in the list of a track before that sounds the same to the last bit.
        link: the file itself, as an address relative to the page; empty where FLAC inside the page makes it needless.
        lufs: loudness; None for silence, or where it is too short to say.
        peak: highest absolute sample, at most 1.
        waveform, spectrogram: SVG, and a picture's address.
        history: one entry per command that made it.
        top_hz: upper edge of the spectrogram.
        note: what must be said beside it.
    """

    name: str
    group: str
    rate: int
    channels: int
    seconds: float
    data_uri: str
    same: int | None
    link: str
    lufs: float | None
    peak: float
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


def collect(
    places: Path | Sequence[Path],
    *,
    page: Path | None = None,
    embed: str = "auto",
    title: str | None = None,
    limit: int = 200,
    exclude: Sequence[str] = (),
) -> Contents:
    """Read folders, subfolders included, and files.

    Files come as they are given, sounds of folders in the order in which they were made: first what no command made,
    then by steps and time.

    Args:
        places: what to show: one folder, or several folders and files.
        page: where the page will be written, for the links to files; by default in the folder.
        embed: "flac", "mp3", "link" (refer to the files beside the page), or "auto": FLAC while small, then MP3 with
            a link to each file.
        title: heading; by default the folder's name, or the page's where there is not one folder.
        limit: at most so many audio files that can be read, the rest is counted.
        exclude: patterns of paths below the folder that are not shown, as the shell writes them ("stems/*").

    Raises:
        InputError: something is missing, or there is nothing to show.
        DamagedError: none of the files given is whole.
    """
    given = _given([places] if isinstance(places, Path) else places)
    single = len(given) == 1 and given[0].is_dir()
    folder = given[0] if single else Path(os.path.commonpath([p if p.is_dir() else p.parent for p in given]))
    contents = Contents(title or (folder.resolve().name if single or page is None else page.stem))
    named = [path for path in given if not path.is_dir()]
    found = sorted(path for place in given if place.is_dir() for path in _files(place))
    found = [path for path in found if not _matches(path.relative_to(folder), exclude) and path not in named]
    files = [*named, *dict.fromkeys(found)]
    audio = [path for path in files if path.suffix.lower() in (*SUFFIXES, *MEDIA_SUFFIXES)]
    heads, failures = _heads(audio, limit)
    left = len(audio) - len(heads) - len(failures)
    if left:
        contents.problems.append(f"{left} more audio files are not shown")
    contents.problems += map(str, failures)
    chosen = _codec(embed, sum(head.seconds for head in heads))
    beside = (page or folder / "index.html").resolve().parent
    tracks = _Tracks(folder, beside, chosen, lossless=embed != "link" and chosen is not None and chosen.name == "flac")
    first = [head for head in heads if head.path in named]
    for head in [*first, *_story([head for head in heads if head not in first], folder)]:
        try:
            contents.tracks.append(tracks.track(head.path))
        except AudiokitError as error:
            contents.problems.append(str(error))
    for path in files:
        name = str(path.relative_to(folder))
        if path.suffix == ".png":
            contents.pictures.append((name, _picture(path, chosen)))
        elif path.name == "metrics.jsonl":
            contents.metrics.append((name, _metrics(path)))
        elif path.suffix == ".json":
            _add_json(contents, name, path)
    if not (contents.tracks or contents.pictures or contents.metrics):
        if failures and not single:
            raise failures[0]
        if failures:
            raise InputError(f"{folder}: holds no audio that can be read ({failures[0]})", hint=failures[0].hint)
        raise InputError(f"{folder}: holds no audio, pictures or metrics to show", hint="name a folder of results")
    return contents


def _given(places: Sequence[Path]) -> list[Path]:
    """Check what is asked for; where it is not one folder, as absolute paths, which lie below one that holds all.

    Raises:
        InputError: something is missing, or is no file that a page shows.
    """
    for path in places:
        if not path.exists():
            raise InputError(
                f"{path}: no such {'folder' if len(places) == 1 and not path.suffix else 'file or folder'}"
            )
        if path.is_file() and path.suffix.lower() not in (*SUFFIXES, *MEDIA_SUFFIXES, ".png", ".json", ".jsonl"):
            raise InputError(f"{path}: nothing that a page shows", hint="give audio, or a folder of results")
    if len(places) == 1 and places[0].is_dir():
        return [places[0]]
    return list(dict.fromkeys(Path(os.path.abspath(path)) for path in places))


def _picture(path: Path, codec: Codec | None) -> str:
    """Put a picture inside the page: as it is, or smaller in a page whose audio had to become smaller too."""
    data = path.read_bytes()
    return data_uri(*(smaller(data) if codec and codec.name == "mp3" else ("image/png", data)))


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path.as_posix(), pattern) for pattern in patterns)


def _codec(embed: str, seconds: float) -> Codec | None:
    if embed == "link":
        return None
    return Codec("flac") if embed == "flac" else codec_for(seconds, budget=0 if embed == "mp3" else BUDGET)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and not (Path(root) / f / "manifest.json").exists()
        )
        yield from (Path(root) / f for f in files if not f.startswith("."))


@dataclass
class _Head:
    """What orders a sound among the others."""

    path: Path
    seconds: float
    steps: int
    made: float


def _heads(paths: list[Path], limit: int) -> tuple[list[_Head], list[AudiokitError]]:
    """Look at sounds until so many can be read; what cannot takes nobody's place."""
    heads: list[_Head] = []
    failures: list[AudiokitError] = []
    for path in paths:
        if len(heads) == limit:
            break
        try:
            with Reader(path) as reader:
                heads.append(_Head(path, _seconds(path, reader), len(reader.info.history), path.stat().st_mtime))
        except AudiokitError as error:
            failures.append(error)
    return heads, failures


def _seconds(path: Path, reader: Reader) -> float:
    """How much of a sound is shown; where a container does not say its length, by its bytes."""
    if reader.length is not None:
        return min(MAX_SECONDS, reader.length / reader.rate)
    return min(MAX_SECONDS, 8 * path.stat().st_size / (reader.info.bit_rate or 64_000))


def _story(heads: list[_Head], folder: Path) -> list[_Head]:
    """Order sounds by folder, sources before what was made of them, and in a folder by steps, time and name."""
    groups: dict[Path, list[_Head]] = {}
    for head in heads:
        groups.setdefault(head.path.parent.relative_to(folder), []).append(head)

    def first(group: tuple[Path, list[_Head]]) -> tuple[bool, float, Path]:
        return any(head.steps for head in group[1]), min(head.made for head in group[1]), group[0]

    ordered = sorted(groups.items(), key=first)
    return [h for _, members in ordered for h in sorted(members, key=lambda h: (h.steps, h.made, h.path.name))]


class _Tracks:
    """Make tracks, and notice those that sound the same."""

    def __init__(self, folder: Path, beside: Path, codec: Codec | None, *, lossless: bool) -> None:
        self._folder, self._beside, self._codec, self._lossless = folder, beside, codec, lossless
        self._known: dict[str, int] = {}
        self._count = 0

    def track(self, path: Path) -> Track:
        """Read one file, for at most `MAX_SECONDS`."""
        with Reader(path) as reader:
            info, most = reader.info, int(MAX_SECONDS * reader.rate)
        with Reader(path, stop=most) as reader:
            y = at_hand(reader.blocks(), channels=reader.channels)
        # Some containers do not say how long they are: then it may just be that long.
        more = y.shape[1] == most and (info.length is None or info.length > most)
        note = f"first {MAX_SECONDS / 60:.0f} minutes" if more else ""
        digest = hashlib.sha256(f"{info.rate} {y.shape}".encode())
        for block in blocks_of(y):
            digest.update(block.tobytes())
        sound = digest.hexdigest()
        same = self._known.get(sound)
        embedded = "" if same is not None or self._codec is None else data_uri(*encoded(y, info.rate, self._codec))
        relative = path.relative_to(self._folder)
        made = Track(
            name=relative.name,
            group=str(relative.parent),
            rate=info.rate,
            channels=info.channels,
            seconds=y.shape[1] / info.rate,
            data_uri=embedded,
            same=same,
            link="" if self._lossless else quote(Path(os.path.relpath(path.resolve(), self._beside)).as_posix()),
            lufs=_lufs(y, info.rate),
            peak=min(1.0, peak_of(y, 2)),
            waveform=waveform_svg(y, info.rate),
            spectrogram=data_uri("image/webp", spectrogram_webp(y, info.rate)),
            history=info.history,
            top_hz=min(16_000, info.rate / 2),
            note=note,
        )
        self._known.setdefault(sound, self._count)
        self._count += 1
        return made


def _lufs(y: Samples, rate: int) -> float | None:
    """Measure loudness as the page plays it; None where the meter hears nothing or the rate is below its range."""
    from audiokit.dsp.loudness.loudness import LOWEST_RATE, Meter

    if rate < LOWEST_RATE:
        return None
    meter, full = Meter(rate, min(2, y.shape[0]), dual_mono=True), max(1.0, peak_of(y, 2))
    for block in blocks_of(y, 1 << 16):
        meter.process(block[:2] / full)
    level = meter.result().integrated_lufs
    return round(level, 2) if math.isfinite(level) else None


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
