"""`info`: what a file is, in words or JSON, and whether it is whole."""

from __future__ import annotations

from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.engine.settings import Json


@command()
def info(
    inputs: Annotated[list[str], Argument("Audio, chunk sets, .npy, .tar, models, folders of them, or -.", "INPUT...")],
    *,
    check: Annotated[bool, Option("Read everything: hashes, counts, shapes, samples.")] = False,
    chunks: Annotated[bool, Option("Standard input is a chunk stream, not WAV.")] = False,
    json: Json = False,
) -> None:
    """Describe any file audiokit reads or writes, and verify it.

    Examples:
        audiokit info song.flac
        audiokit info song.chunks --check
        audiokit info weights/ --json
        audiokit info songs/ --check
        audiokit spectro song.wav -o - | audiokit info - --chunks
    """
    from audiokit.stages.info.describe import print_descriptions

    print_descriptions(inputs, check=check, chunks=chunks, as_json=json)
