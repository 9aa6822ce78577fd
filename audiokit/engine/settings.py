"""Options that many stages share: their names, help and defaults, once; and those that every batch has."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from audiokit.dsp.voice.pitch import PitchTracker
from audiokit.engine.option import Option
from audiokit.engine.parse import bits, device, encoding, seconds

#: Headings of the help, beside "Options" for what a command does.
FILES = "Input and output"
BATCH = "Batch"

Out = Annotated[
    str | None,
    Option(
        "A file, a folder (existing, or ending in /), or - for standard output.",
        short="-o",
        metavar="PATH",
        recorded=False,
        group=FILES,
    ),
]
Rate = Annotated[
    int | None, Option("Sample rate to work at, in Hz (default: the input's).", min=1, max=768_000, group=FILES)
]
Mono = Annotated[bool, Option("Average the channels first.", group=FILES)]
Seed = Annotated[int, Option("Same seed, same bytes.", recorded=False)]
MODEL = Option("A model by name, folder or checkpoint file.", metavar="NAME|FOLDER|FILE")
Model = Annotated[str | None, MODEL]
Device = Annotated[str, Option("Where the network runs.", metavar="auto|cpu|cuda|mps", parse=device, recorded=False)]
PITCH = Option("Who measures pitch; swift-f0 needs the extra 'pitch'.")
Pitch = Annotated[PitchTracker, PITCH]
Segment = Annotated[
    float | str,
    Option(
        "How much the network sees at once; for memory, not for the sound.",
        metavar="TIME",
        parse=seconds,
        recorded=False,
    ),
]
Force = Annotated[bool, Option("Replace outputs that exist.", recorded=False, group=BATCH)]
Json = Annotated[bool, Option("Print one JSON object per input on standard output.", recorded=False, group=BATCH)]
Jobs = Annotated[int, Option("Local processes to use.", short="-j", min=1, recorded=False, group=BATCH)]
Quiet = Annotated[bool, Option("Say nothing but errors.", short="-q", recorded=False, group=BATCH)]
Verbose = Annotated[bool, Option("Say what is read, resampled and loaded.", short="-v", recorded=False, group=BATCH)]
Clip = Annotated[
    Literal["rescale", "limit", "allow"],
    Option(
        "When a result exceeds full scale in an integer format: turn the file down, limit its peaks, or cut them.",
        group=FILES,
    ),
]
Subtype = Annotated[
    str | None,
    Option(
        "Encoding of audio outputs (default: the input's bit depth).",
        metavar="PCM_16|PCM_24|FLOAT|...",
        parse=encoding,
        group=FILES,
    ),
]
BitRate = Annotated[
    int | None,
    Option(
        "Bits per second of lossy outputs, such as 192k (default: no worse than a lossy input).",
        flag="--bitrate",
        metavar="RATE",
        parse=bits,
        group=FILES,
    ),
]


class SaveOptions(NamedTuple):
    """How sounds are written; what every command that writes audio offers."""

    clip: Clip = "rescale"
    subtype: Subtype = None
    bit_rate: BitRate = None


class BatchOptions(NamedTuple):
    """How a command goes about its files; what every command with inputs and outputs offers."""

    force: Force = False
    skip_existing: Annotated[
        bool,
        Option(
            "Skip outputs newer than their input that were made with the same options.", recorded=False, group=BATCH
        ),
    ] = False
    dry_run: Annotated[bool, Option("Only print what would become what.", recorded=False, group=BATCH)] = False
    jobs: Jobs = 1
    cluster: Annotated[
        str | None, Option("Send the files to a Dask scheduler.", metavar="ADDRESS", recorded=False, group=BATCH)
    ] = None
    name: Annotated[
        str | None,
        Option(
            "Name outputs in a folder, such as '{stem}_{part}.{ext}'.", metavar="TEMPLATE", recorded=False, group=BATCH
        ),
    ] = None
    fail_fast: Annotated[
        bool,
        Option(
            "Stop at the first file that fails, or go on.", flag="--fail-fast/--keep-going", recorded=False, group=BATCH
        ),
    ] = False
    json: Json = False
    quiet: Quiet = False
    verbose: Verbose = False


class OneOutput(NamedTuple):
    """What a command offers that makes one output of everything it is given."""

    force: Force = False
    json: Json = False
    quiet: Quiet = False
    verbose: Verbose = False
