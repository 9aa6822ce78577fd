"""What the lossy formats can hold, and how many bits they are given."""

from __future__ import annotations

from typing import NamedTuple

#: Bits per second of a channel where nobody asks for a rate: where people stop to hear a difference.
_AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
_MP3_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
_OPUS_RATES = (48_000, 24_000, 16_000, 12_000, 8_000)

#: Channels -> for each channel of an Ogg file (Vorbis, Opus), its place in the order of WAV files. libsndfile hands
#: them over as they lie there: the second of 5.1 is the centre.
OGG_ORDER = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 4, 5, 3),
    7: (0, 2, 1, 5, 6, 4, 3),
    8: (0, 2, 1, 6, 7, 4, 5, 3),
}


class Codec(NamedTuple):
    """A lossy encoding.

    Attributes:
        name: what people call it.
        encoder, container: FFmpeg's names; no encoder where libsndfile encodes.
        rates: in Hz, that it knows, highest first; empty for any.
        channels: at most.
        per_channel: bits per second of a channel by default.
    """

    name: str
    encoder: str
    container: str
    rates: tuple[int, ...]
    channels: int
    per_channel: int


#: libsndfile's word for an encoding -> what it can do.
CODECS = {
    "MPEG_LAYER_III": Codec("MP3", "libmp3lame", "mp3", _MP3_RATES, 2, 128_000),
    "AAC": Codec("AAC", "aac", "mp4", _AAC_RATES, 8, 128_000),
    "OPUS": Codec("Opus", "libopus", "opus", _OPUS_RATES, 8, 80_000),
    "VORBIS": Codec("Vorbis", "", "ogg", (), 8, 112_000),
}


def rate_for(codec: Codec, rate: int) -> int:
    """Choose the sample rate that a codec is given: the same, the next one above, or the highest.

    >>> [rate_for(CODECS["OPUS"], rate) for rate in (44_100, 16_000, 96_000)], rate_for(CODECS["VORBIS"], 44_100)
    ([48000, 16000, 48000], 44100)
    """
    if not codec.rates or rate in codec.rates:
        return rate
    return min((known for known in codec.rates if known > rate), default=codec.rates[0])


def bit_rate_for(codec: Codec, rate: int, channels: int, *, asked: int | None, source: int | None) -> int:
    """Choose the bits per second: what was asked for, or enough not to be worse than a lossy source.

    Args:
        codec: row of `CODECS`.
        rate, channels: as encoded.
        asked: by the user, or None.
        source: bits per second of the source where it was lossy, or None.

    >>> mp3 = CODECS["MPEG_LAYER_III"]
    >>> bit_rate_for(mp3, 44_100, 2, asked=None, source=None), bit_rate_for(mp3, 44_100, 2, asked=None, source=310_000)
    (256000, 310000)
    >>> bit_rate_for(mp3, 16_000, 2, asked=None, source=None), bit_rate_for(mp3, 44_100, 2, asked=96_000, source=None)
    (160000, 96000)
    """
    wanted = asked or max(codec.per_channel * channels, source or 0)
    if codec.name == "MP3":
        most = 320_000 if rate >= 32_000 else 160_000 if rate >= 16_000 else 64_000
    elif codec.name == "Opus":
        most = 256_000 * channels
    else:
        most = 6 * rate * channels
    return min(wanted, most)


def vorbis_level(bit_rate: int, rate: int, channels: int) -> float:
    """Give libsndfile's compression level at which Vorbis takes about so many bits per second.

    Its quality -1 to 10 is a table of bits per second for 44.1 kHz stereo; other rates and channels take their share.

    >>> [round(vorbis_level(bits, 44_100, 2), 2) for bits in (64_000, 128_000, 256_000, 900_000)]
    [1.0, 0.6, 0.2, 0.0]
    """
    import numpy as np

    table = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)
    stereo = bit_rate / 1000 * (2 / channels) * (44_100 / min(rate, 48_000)) ** 0.7
    return 1.0 - float(np.interp(stereo, table, range(11))) / 10
