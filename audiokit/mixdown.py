"""Mix files of any length into one, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audiokit.dsp.loudness.loudness import Meter
from audiokit.dsp.loudness.mix import LENGTHS, balance_gain_db, check_gains, spread
from audiokit.errors import InputError, ParameterError, UsageError
from audiokit.io.audio import BLOCK, Reader, Writer, history_entry
from audiokit.levels import replayable

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class MixOptions:
    """How to mix; see `audiokit mix --help`."""

    gains_db: tuple[float, ...] = ()
    length: str = "longest"
    balance_db: float | None = None
    clip: str = "rescale"
    rate: int | None = None
    channels: int | None = None
    subtype: str | None = None


def mix_files(inputs: Sequence[str], out: str | None, *, options: MixOptions, force: bool = False) -> dict[str, Any]:
    """Sum audio files into one output.

    Args:
        inputs: files, one of which may be "-".
        out: file, or "-".
        options: how.
        force: replace an existing output.

    Returns:
        The report: seconds, gains, peak, warnings.

    Raises:
        UsageError: no output, or standard input twice.
        InputError, DamagedError: an input cannot be read to its end.
    """
    _check(inputs, out, options)
    assert out is not None
    with ExitStack() as stack:
        tracks = _open(inputs, options, stack)
        first, channels = tracks[0].reader, tracks[0].channels
        rate = first.rate
        balance = _balance(tracks, rate, channels, options)
        history = [history_entry("mix", _recipe(inputs, options))]
        with Writer(
            out, rate, channels, like=first.info, subtype=options.subtype, history=history, clip=options.clip,
            force=force,
        ) as writer:  # fmt: skip
            for block in _sum(tracks, channels, options.length):
                writer.write(block)
        warnings = [*_notes(tracks, rate), *writer.warnings]
        if writer.peak > 1 and not writer.warnings:
            warnings.append(
                f"the sum reaches {_db(writer.peak):+.1f} dB over full scale; floating point keeps it whole"
            )
        return {
            "inputs": list(inputs), "output": out, "seconds": round(writer.length / rate, 3), "rate": rate,
            "channels": channels, "gains_db": [round(_db(track.factor), 2) for track in tracks],
            "peak_dbfs": round(_db(writer.peak), 2) if writer.peak else None, **balance, "warnings": warnings,
        }  # fmt: skip


class _Track:
    """One input, its gain, and its blocks at the rate and width of the mix."""

    def __init__(self, path: str, factor: float, rate: int | None, options: MixOptions, stack: ExitStack) -> None:
        self.path, self.factor = path, factor
        self.channels = 0
        self._start: Callable[[], Iterator[np.ndarray]]
        if path == "-" and options.balance_db is None:  # heard once only: no need to keep it
            self.reader = stack.enter_context(Reader(path, rate=rate))
            self._start = self.reader.blocks
        else:
            self.reader, self._start = stack.enter_context(replayable(path, rate=rate))

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield audio (C, n) with its gain, from the start."""
        import numpy as np

        for block in self._start():
            yield spread(block, self.channels) * np.float32(self.factor)


def _open(inputs: Sequence[str], options: MixOptions, stack: ExitStack) -> list[_Track]:
    """Open every input at the rate of the first, as wide as the widest."""
    import numpy as np

    tracks: list[_Track] = []
    for path, factor in zip(inputs, check_gains(options.gains_db, len(inputs)), strict=True):
        rate = tracks[0].reader.rate if tracks else options.rate
        tracks.append(_Track(path, factor, rate, options, stack))
    channels = options.channels or max(track.reader.channels for track in tracks)
    for track in tracks:
        track.channels = channels
        try:
            spread(np.zeros((track.reader.channels, 1), np.float32), channels)
        except ParameterError as error:
            raise ParameterError(f"{track.path}: {error}", hint=error.hint) from None
    return tracks


def _check(inputs: Sequence[str], out: str | None, options: MixOptions) -> None:
    import os

    if out is None:
        raise UsageError("there is no output", hint="add -o mix.wav, or -o - for standard output")
    if list(inputs).count("-") > 1:
        raise UsageError("standard input can be one track only")
    if out.endswith("/") or os.path.isdir(out):
        raise UsageError(f"{out}: a mix is one file, not a folder", hint=f"write {out.rstrip('/')}/mix.wav")
    if options.length not in LENGTHS:
        raise ParameterError(f"--length {options.length}: must be one of {', '.join(LENGTHS)}")
    if options.balance_db is not None and len(inputs) < 2:
        raise UsageError("--balance needs the voice and at least one track of accompaniment")
    folders = [path for path in inputs if os.path.isdir(path)]
    if folders:
        raise InputError(f"{folders[0]}: is a folder", hint="name the files, for example with a shell pattern")


def _recipe(inputs: Sequence[str], options: MixOptions) -> dict[str, Any]:
    from dataclasses import asdict

    return {"inputs": list(inputs)} | {k: v for k, v in asdict(options).items() if v not in (None, ())}


def _balance(tracks: list[_Track], rate: int, channels: int, options: MixOptions) -> dict[str, Any]:
    """Measure voice and accompaniment, and give the first track the gain between them."""
    if options.balance_db is None:
        return {}
    voice, rest = Meter(rate, channels), Meter(rate, channels)
    for block in tracks[0].blocks():
        voice.process(block)
    for block in _sum(tracks[1:], channels, "longest"):
        rest.process(block)
    levels = voice.result().integrated_lufs, rest.result().integrated_lufs
    gain_db = balance_gain_db(*levels, options.balance_db)
    tracks[0].factor *= 10 ** (gain_db / 20)
    return {"balance_gain_db": round(gain_db, 2)}


def _sum(tracks: list[_Track], channels: int, length: str) -> Iterator[np.ndarray]:
    """Yield the sum block by block; tracks deliver blocks of any size."""
    import numpy as np

    sources = [track.blocks() for track in tracks]
    pending = [np.zeros((channels, 0), np.float32) for _ in tracks]
    open_ = [True] * len(tracks)
    while True:
        for k, source in enumerate(sources):
            while open_[k] and pending[k].shape[1] < BLOCK:
                block = next(source, None)
                if block is None:
                    open_[k] = False
                else:
                    pending[k] = np.concatenate([pending[k], block], axis=1)
        ready = [part.shape[1] for part in pending]
        size = min(BLOCK, {"first": ready[0], "shortest": min(ready), "longest": max(ready)}[length])
        if size == 0:
            return
        total = np.zeros((channels, size), np.float32)
        for k, part in enumerate(pending):
            count = min(size, part.shape[1])
            total[:, :count] += part[:, :count]
            pending[k] = part[:, count:]
        yield total


def _notes(tracks: list[_Track], rate: int) -> list[str]:
    return [
        f"{track.path}: resampled from {track.reader.info.rate} to {rate} Hz"
        for track in tracks
        if track.reader.info.rate != rate
    ]


def _db(amplitude: float) -> float:
    import math

    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
