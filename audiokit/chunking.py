"""What `chunk` does with files: decide where to cut, write the pieces, and join them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.errors import DamagedError, InputError, ParameterError, UsageError
from audiokit.io.audio import Reader, Writer

if TYPE_CHECKING:
    import numpy as np

    from audiokit.dsp.effects.cut import Span
    from audiokit.engine.batch import Job
    from audiokit.io.audio import AudioInfo

#: Written last into a folder of audio pieces: where each piece comes from.
INDEX = "pieces.json"
FORMATS = ("wav", "flac", "chunks")


@dataclass(frozen=True)
class ChunkOptions:
    """Where to cut; see the command's help. Durations are texts such as 6s or 50%."""

    every: str | None = None
    overlap: str = "0"
    tail: str = "keep"
    at: str | None = None
    beats: int = 4
    threshold_db: float = -40.0
    min: str = "1s"
    max: str = "15s"
    pause: str = "0.2s"
    format: str = "wav"
    rate: int | None = None
    mono: bool = False


def check_options(options: ChunkOptions) -> None:
    """Refuse what makes no sense (UsageError, ParameterError)."""
    from audiokit.dsp.effects.cut import TAILS

    if (options.every is None) == (options.at is None):
        raise UsageError("say where to cut", hint="either --every 6s, or --at beats, or --at silence")
    for name, value, allowed in (
        ("--tail", options.tail, TAILS),
        ("--format", options.format, FORMATS),
        ("--at", options.at or "beats", ("beats", "silence")),
    ):
        if value not in allowed:
            raise ParameterError(f"{name} {value}: must be {', '.join(allowed)}")
    if options.at and options.overlap != "0":
        raise UsageError("--overlap belongs to --every")
    _fixed(options, 48_000)


def _fixed(options: ChunkOptions, rate: int) -> tuple[int, int]:
    """Piece and overlap in samples, for --every."""
    from audiokit.dsp.effects.cut import even_spans
    from audiokit.engine.options import seconds

    if options.every is None:
        return 1, 0
    chunk = round(seconds(options.every, "--every") * rate)
    if options.overlap.endswith("%"):
        try:
            overlap = round(chunk * float(options.overlap[:-1]) / 100)
        except ValueError:
            raise ParameterError(f"--overlap {options.overlap!r}: not a percentage", hint="write 50%") from None
    else:
        overlap = round(seconds(options.overlap, "--overlap") * rate)
    next(even_spans(chunk, overlap))
    return chunk, overlap


def chunk(
    y: np.ndarray, rate: int, *, every_s: float, overlap_s: float = 0.0, tail: str = "keep"
) -> list[tuple[int, np.ndarray]]:
    """Cut audio into pieces of equal length.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        every_s: length of a piece in seconds.
        overlap_s: what neighbouring pieces share.
        tail: "pad", "keep" or "drop" a last piece that is too short.

    Returns:
        First sample and samples (C, n) of each piece.

    Raises:
        ParameterError: the overlap is not less than the piece.

    >>> import numpy as np
    >>> [(start, piece.shape) for start, piece in chunk(np.zeros((2, 10)), 1, every_s=4)]
    [(0, (2, 4)), (4, (2, 4)), (8, (2, 2))]
    """
    from audiokit.dsp.effects.cut import cut, even_spans

    return list(cut([y], even_spans(round(every_s * rate), round(overlap_s * rate)), tail=tail))


def chunk_file(job: Job, *, options: ChunkOptions) -> dict[str, Any]:
    """Cut one audio file into pieces: the task of the command."""
    from audiokit.dsp.effects.cut import cut

    with ExitStack() as stack:
        reader = stack.enter_context(Reader(job.source, rate=options.rate, mono=options.mono))
        source = _Source(reader, job.source, options)
        spans = _spans(source, reader, options)
        tail = options.tail if options.every else ("drop" if options.tail == "drop" else "keep")
        pieces = cut(source.blocks(), spans, tail=tail)
        if options.format == "chunks" or job.target == "-" or job.target.endswith((".chunks", ".tar", ".npy")):
            count, seconds = _write_set(job, pieces, reader, options)
        else:
            count, seconds = _write_files(job, pieces, reader, options)
    return {"pieces": count, "seconds": round(seconds, 3), "rate": reader.rate}


class _Source:
    """The audio of a file, as often as it is needed; a stream is held in memory when it is needed twice."""

    def __init__(self, reader: Reader, path: str, options: ChunkOptions) -> None:
        self._reader, self._path, self._options = reader, path, options
        self._held: np.ndarray | None = None

    def again(self) -> Iterator[np.ndarray]:
        """Blocks, before `blocks` gives them a last time."""
        if self._path == "-":
            self._held = self._reader.read()
            yield self._held
            return
        with Reader(self._path, rate=self._options.rate, mono=self._options.mono) as reader:
            yield from reader.blocks()

    def blocks(self) -> Iterator[np.ndarray]:
        if self._held is not None:
            yield self._held
        else:
            yield from self._reader.blocks()


def _spans(source: _Source, reader: Reader, options: ChunkOptions) -> Iterator[Span] | list[Span]:
    from audiokit.dsp.effects.cut import LEVEL_S, beat_spans, block_levels, even_spans, silence_spans
    from audiokit.engine.options import seconds

    rate = reader.rate
    if options.every is not None:
        return even_spans(*_fixed(options, rate))
    if options.at == "silence":
        step = max(1, round(LEVEL_S * rate))
        counted = _Counted(source.again())
        levels = block_levels(counted, step)
        return silence_spans(
            levels,
            step,
            counted.length,
            threshold_db=options.threshold_db,
            shortest=round(seconds(options.min, "--min") * rate),
            longest=round(seconds(options.max, "--max") * rate),
            pause=round(seconds(options.pause, "--pause") * rate),
        )
    import numpy as np

    from audiokit.dsp.rhythm.beats import track_beats

    counted = _Counted(source.again())
    # Beats need no more than this; hours of music then fit in memory.
    mono = np.concatenate([block.mean(axis=0, keepdims=True) for block in counted] or [np.zeros((1, 0), np.float32)], 1)
    beats = track_beats(mono, rate)
    if len(beats.times_s) < 2:
        raise InputError(f"{reader.name}: no beats found", hint="cut it by length with --every")
    spans = beat_spans(beats.times_s, beats.downbeats, rate, counted.length, per_piece=options.beats)
    if options.tail == "drop":
        period = float(np.median(np.diff(beats.times_s))) * rate * options.beats
        spans = [span for span in spans if span[1] - span[0] > 0.75 * period]
    return spans


class _Counted:
    """Blocks that are counted as they pass."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks = blocks
        self.length = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self._blocks:
            self.length += block.shape[1]
            yield block


def _write_set(
    job: Job, pieces: Iterator[tuple[int, np.ndarray]], reader: Reader, options: ChunkOptions
) -> tuple[int, float]:
    from audiokit.io.chunkset import Head, create_chunks

    size, overlap = _fixed(options, reader.rate)
    info = reader.info
    head = Head(
        "audio", reader.rate, reader.channels, reader.length, "float32", max(1, size), max(1, size - overlap),
        name=Path(job.source).stem if job.source != "-" else "stdin", join="replace",
        source={"name": Path(job.source).name, "subtype": info.subtype}, history=[*info.history, *job.history],
    )  # fmt: skip
    count, end, longest = 0, 0, 1
    with create_chunks(job.target, head, force=job.force) as writer:
        for start, piece in pieces:
            writer.write(piece, start, start + piece.shape[1])
            count, end, longest = count + 1, start + piece.shape[1], max(longest, piece.shape[1])
        if options.every is None:
            head.chunk = head.hop = longest
        if head.length is None:
            head.length = end
    return count, end / reader.rate


def _write_files(
    job: Job, pieces: Iterator[tuple[int, np.ndarray]], reader: Reader, options: ChunkOptions
) -> tuple[int, float]:
    from dataclasses import replace

    from audiokit.io.files import atomic_folder

    like: AudioInfo = replace(reader.info, rate=reader.rate, channels=reader.channels)
    items: list[dict[str, Any]] = []
    end = 0
    with atomic_folder(job.target, force=job.force) as folder:
        for start, piece in pieces:
            name = f"{len(items):06d}.{options.format}"
            end = start + piece.shape[1]
            entry = [{**job.history[0], "span": [start, end]}] if job.history else []
            with Writer(folder / name, reader.rate, reader.channels, like=like, history=entry, clip="allow") as writer:
                writer.write(piece)
            items.append({"file": name, "start": start, "stop": end})
        about = {"source": Path(job.source).name, "rate": reader.rate, "length": reader.length or end, "items": items}
        (folder / INDEX).write_text(json.dumps({**about, "history": job.history}, indent=1), encoding="utf-8")
    return len(items), end / reader.rate


def join_file(job: Job) -> dict[str, Any]:
    """Put the pieces of a folder, chunk set or stream together again: the task of `chunk --join`."""
    from audiokit.dsp.effects.cut import join

    pieces, rate, channels, length, like = _open_pieces(job.source)
    with Writer(job.target, rate, channels, like=like, history=job.history, clip="allow", force=job.force) as writer:
        for block in join(pieces, length):
            writer.write(block)
    if length is not None and writer.length < length:
        raise DamagedError(f"{job.source}: the pieces give {writer.length} samples, but there were {length}")
    return {"seconds": round(writer.length / rate, 3), "warnings": writer.warnings}


def _open_pieces(source: str) -> tuple[Iterator[tuple[int, np.ndarray]], int, int, int | None, AudioInfo | None]:
    from audiokit.io.audio import info, read
    from audiokit.io.chunkset import open_chunks

    folder = Path(source).parent
    if Path(source).name != INDEX:
        chunks = open_chunks(source)
        if chunks.head.kind != "audio":
            raise InputError(f"{chunks.name}: holds spectra", hint="turn them into audio with: audiokit invert")
        pieces = ((item.start, array) for item, array in chunks)
        return pieces, chunks.head.rate, chunks.head.channels, chunks.head.length, None
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        items = [(int(item["start"]), folder / Path(item["file"]).name) for item in index["items"]]
        rate, length = int(index["rate"]), int(index["length"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{folder / INDEX}: not a list of pieces ({error})") from None
    if not items:
        raise InputError(f"{folder}: holds no pieces")
    first = info(items[0][1])
    return ((start, read(path)[0]) for start, path in items), rate, first.channels, length, first


def chunk_all(inputs: Sequence[str], out: str | None, options: ChunkOptions, *, join: bool, batch: Any) -> None:
    """Run `chunk` or `chunk --join` over inputs."""
    from dataclasses import asdict, replace
    from functools import partial

    from audiokit.engine.batch import run

    if join:
        # A folder of pieces is named by its index, so that it counts as one input.
        named = [str(Path(p) / INDEX) if (Path(p) / INDEX).exists() else p for p in inputs]
        run(join_file, named, out, batch=batch, command="chunk", options={"join": True}, accept="chunks")
        return
    check_options(options)
    ext = ".chunks" if options.format == "chunks" else ""
    if not ext and batch.name is None:
        batch = replace(batch, name="{stem}")
    run(
        partial(chunk_file, options=options), inputs, out, batch=batch, command="chunk", options=asdict(options),
        ext=ext,
    )  # fmt: skip
