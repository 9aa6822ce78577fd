"""Options that say what a spectrogram's numbers are; stages that make or read spectrograms share them."""

from __future__ import annotations

from typing import Annotated, Literal

from audiokit.engine.option import Option
from audiokit.engine.parse import front_end

Preset = Annotated[
    str | None,
    Option(
        "A known system's front-end: cyclegan-music, linear-music, vocal-cyclegan, melgan, hifigan,"
        " parallel-wavegan, vocos, nsynth-ri, gansynth. Other options change single numbers of it.",
        metavar="NAME",
        parse=front_end,
    ),
]
Kind = Annotated[
    Literal["stft", "magnitude", "mel", "real-imag", "magnitude-if"] | None,
    Option("What to keep (default: stft).", metavar="stft|magnitude|mel"),
]
NFft = Annotated[int | None, Option("Frame length in samples (default: 2048).", min=2)]
Hop = Annotated[int | None, Option("Step between frames in samples (default: a quarter of the frame).", min=1)]
Window = Annotated[
    Literal["hann", "hamming", "blackman", "sqrt-hann", "rect"] | None, Option("Window (default: hann).")
]
NMels = Annotated[int | None, Option("Number of mel bands (default: 128).", min=1)]
Fmin = Annotated[float | None, Option("Lowest mel frequency in Hz (default: 0).", min=0)]
Fmax = Annotated[float | None, Option("Highest mel frequency in Hz (default: half the rate).", min=0)]
Rate = Annotated[
    int | None,
    Option(
        "Sample rate of what the spectrum shows, in Hz (default: the preset's, or the input's).", min=1, max=768_000
    ),
]
Scale = Annotated[
    Literal["linear", "log", "log10", "db"] | None,
    Option("Scale of magnitudes (default: log, the natural logarithm)."),
]
