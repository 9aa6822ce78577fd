"""`audiokit chunk`: cut audio into pieces, and join them again."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Inputs, Mono, Out, Rate, batch_options


@batch_options
def chunk(
    inputs: Inputs,
    out: Out = None,
    every: Annotated[str | None, typer.Option(metavar="6s", help="Cut pieces of this length.")] = None,
    overlap: Annotated[str, typer.Option(metavar="50%|1s", help="What neighbouring pieces share, with --every.")] = "0",
    tail: Annotated[
        str, typer.Option(metavar="pad|keep|drop", help="What becomes of a last piece that is too short.")
    ] = "keep",
    at: Annotated[str | None, typer.Option(metavar="beats|silence", help="Cut there instead.")] = None,
    beats: Annotated[int, typer.Option(min=1, help="--at beats: this many per piece, from a downbeat on.")] = 4,
    threshold: Annotated[str, typer.Option(metavar="-40dB", help="--at silence: quieter is silence.")] = "-40dB",
    min: Annotated[str, typer.Option(metavar="1s", help="--at silence: shortest piece.")] = "1s",
    max: Annotated[
        str, typer.Option(metavar="15s", help="--at silence: longest piece; then the quietest place is cut.")
    ] = "15s",
    pause: Annotated[str, typer.Option(metavar="0.2s", help="--at silence: shorter silences do not count.")] = "0.2s",
    format: Annotated[
        str, typer.Option(metavar="wav|flac|chunks", help="A folder of audio files per input, or a chunk set.")
    ] = "wav",
    rate: Rate = None,
    mono: Mono = False,
    join: Annotated[
        bool, typer.Option("--join", help="The other way round: put pieces together again, to the sample.")
    ] = False,
    *,
    batch: BatchOptions,
) -> None:
    """Cut audio into pieces: of one length, at beats, or at silences.

    Each input becomes a folder of audio files (with pieces.json, which says where they come from) or a chunk set.

    \b
    Examples:
      audiokit chunk song.wav --every 6s --overlap 50% --tail pad -o pieces/
      audiokit chunk songs/ --at beats --beats 4 -o loops/
      audiokit chunk interview.flac --at silence --threshold -40dB --min 1s --max 15s -o takes/
      audiokit chunk song.wav --every 6s --format chunks -o - | audiokit chunk - --join -o same.wav
    """
    from audiokit.chunking import ChunkOptions, chunk_all
    from audiokit.engine.options import decibels

    level = decibels(threshold, "--threshold")
    options = ChunkOptions(every, overlap, tail, at, beats, level, min, max, pause, format, rate, mono)
    chunk_all(inputs, out, options, join=join, batch=batch)
