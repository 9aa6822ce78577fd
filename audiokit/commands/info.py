"""`audiokit info`: what a file is, in words or JSON, and whether it is whole."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import Json


def info(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Audio, chunk sets, .npy, .tar, model folders, or -.")
    ],
    check: Annotated[bool, typer.Option("--check", help="Read everything: hashes, counts, shapes, samples.")] = False,
    chunks: Annotated[bool, typer.Option("--chunks", help="Standard input is a chunk stream, not WAV.")] = False,
    json: Json = False,
) -> None:
    """Describe any file audiokit reads or writes, and verify it.

    \b
    Examples:
      audiokit info song.flac
      audiokit info song.chunks --check
      audiokit info weights/ --json
      audiokit spectro song.wav -o - | audiokit info - --chunks
    """
    from audiokit.describe import print_descriptions

    print_descriptions(inputs, check=check, chunks=chunks, as_json=json)
