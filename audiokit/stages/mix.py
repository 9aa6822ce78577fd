"""`mix`: sum tracks of any length, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.parse import decibels
from audiokit.engine.settings import FILES
from audiokit.engine.sound import Sound
from audiokit.engine.stage import stage
from audiokit.errors import ParameterError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Nothing that is heard needs a larger gain, and far beyond single precision holds no samples any more.
LARGEST_DB = 200
Length = Literal["shortest", "longest", "first"]


@stage(reads=Sound, writes=Sound, many=True, twice=lambda options: options["balance"] is not None)
def mix(
    tracks: Sequence[Sound],
    *,
    gain: Annotated[
        list[float | str] | None,
        Option(
            "Gain of a track: once per track, in order, or once for all.",
            metavar="-3dB",
            parse=decibels,
            min=-LARGEST_DB,
            max=LARGEST_DB,
        ),
    ] = None,
    length: Annotated[Length, Option("How long the mix is; missing audio is silence.")] = "longest",
    balance: Annotated[
        float | str | None,
        Option(
            "Loudness of the first track (the voice) against all others together, by one gain for the whole.",
            metavar="0dB",
            parse=decibels,
            min=-LARGEST_DB,
            max=LARGEST_DB,
        ),
    ] = None,
    rate: Annotated[int | None, Option("Sample rate (default: the first's).", min=1, max=768_000, group=FILES)] = None,
    channels: Annotated[int | None, Option("Channels (default: the widest's).", min=1, max=64, group=FILES)] = None,
) -> Sound:
    """Sum tracks with gains and without clipping.

    Tracks are resampled to the first one's rate. Mono goes to left and right at its own level; 5.1 folds down as in
    ITU-R BS.775. Over full scale an integer format is turned down as a whole and says so (--clip); float keeps it.

    Examples:
        audiokit mix vocals.wav band.wav -o song.wav
        audiokit mix vocals.wav drums.wav bass.wav -o song.wav --gain 0dB --gain -3dB --gain -1.5dB
        audiokit mix vocals.wav band.wav -o song.wav --balance 2dB --length first
        audiokit denoise vocals.wav -o - | audiokit mix - band.wav -o song.flac

    Returns:
        The sum, float32; it may exceed full scale, which only integer formats cannot hold.

    Raises:
        ParameterError: another number of gains than of tracks, or channels that have no usual way into each other.
        UsageError: a balance without accompaniment.

    >>> import numpy as np
    >>> mix([np.full((1, 4), 0.25, np.float32), np.full((2, 2), 0.5, np.float32)], 44_100).tolist()
    [[0.75, 0.75, 0.25, 0.25], [0.75, 0.75, 0.25, 0.25]]
    """
    from audiokit.dsp.loudness.mix import check_gains

    if not tracks:
        raise ParameterError("there is nothing to mix")
    if balance is not None and len(tracks) < 2:
        raise UsageError("--balance needs the voice and at least one track of accompaniment")
    first = tracks[0].at(rate)
    width = channels or max(track.channels for track in tracks)
    heard = [track.at(first.rate) if balance is None else track.at(first.rate).replay() for track in tracks]
    gains = [float(value) for value in gain or ()]
    strips = [_Strip(track, factor, width) for track, factor in zip(heard, check_gains(gains, len(heard)), strict=True)]
    for strip in strips:
        strip.check()
    notes = Notes()
    if balance is not None:
        _balance(strips, float(balance), notes)
    notes.report["gains_db"] = [round(_db(strip.factor), 2) for strip in strips]
    notes.warnings += [
        f"{track.name}: resampled from {track.rate} to {first.rate} Hz" for track in tracks if track.rate != first.rate
    ]

    def blocks() -> Iterator[NDArray[np.float32]]:
        import numpy as np

        peak = 0.0
        for block in _sum(strips, length):
            peak = max(peak, float(np.abs(block).max()))
            yield block
        notes.report["peak_dbfs"] = round(_db(peak), 2) if peak else None

    made = first.derive(blocks, channels=width, length=None, notes=notes)
    made.replays = all(track.replays for track in heard)
    made.if_over = "the sum reaches {excess} over full scale; floating point keeps it whole"
    return made


class _Strip:
    """One track of the mix: its gain, and its blocks at the width of the mix."""

    def __init__(self, track: Sound, factor: float, channels: int) -> None:
        self.track, self.factor, self.channels = track, factor, channels

    @property
    def rate(self) -> int:
        return self.track.rate

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield audio (C, n) with its gain, from the start."""
        import numpy as np

        from audiokit.dsp.loudness.mix import spread

        for block in self.track.blocks():
            yield spread(block, self.channels) * np.float32(self.factor)

    def check(self) -> None:
        """Refuse channels that have no usual way into the mix's (ParameterError)."""
        import numpy as np

        from audiokit.dsp.loudness.mix import spread

        try:
            spread(np.zeros((self.track.channels, 1), np.float32), self.channels)
        except ParameterError as error:
            raise ParameterError(f"{self.track.name}: {error}", hint=error.hint) from None


def _balance(strips: list[_Strip], balance_db: float, notes: Notes) -> None:
    """Measure voice and accompaniment, give the first strip the gain between them (dB), and note it."""
    from audiokit.dsp.loudness.loudness import Meter
    from audiokit.dsp.loudness.mix import balance_gain_db

    voice, rest = (Meter(strips[0].rate, strips[0].channels) for _ in range(2))
    for block in strips[0].blocks():
        voice.process(block)
    for block in _sum(strips[1:], "longest"):
        rest.process(block)
    levels = voice.result().integrated_lufs, rest.result().integrated_lufs
    gain_db = balance_gain_db(*levels, balance_db)
    strips[0].factor *= 10 ** (gain_db / 20)
    names = strips[0].track.name, "all others" if strips[2:] else strips[1].track.name
    quiet = [name for name, level in zip(names, levels, strict=True) if level == -math.inf]
    if quiet:
        notes.warnings.append(f"no balance: nothing is heard in {' and '.join(quiet)} above -70 LUFS")
    notes.report["balance_gain_db"] = round(gain_db, 2)


def _sum(strips: Sequence[_Strip], length: str) -> Iterator[NDArray[np.float32]]:
    """Yield the sum block by block; tracks deliver blocks of any size."""
    import numpy as np

    from audiokit.io.about import BLOCK

    channels = strips[0].channels
    sources = [strip.blocks() for strip in strips]
    pending: list[Any] = [np.zeros((channels, 0), np.float32) for _ in strips]
    open_ = [True] * len(strips)
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


def _db(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
