"""What a browser shows and plays of a sound: a spectrogram, an outline, and audio that every browser decodes."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from audiokit.dsp.spectrum.samples import Samples

#: Control points of a dark-to-light map that stays readable for colour-blind eyes (perceptually even steps).
_COLOURS = (
    (0, 0, 8),
    (40, 11, 84),
    (101, 21, 110),
    (159, 42, 99),
    (212, 72, 66),
    (245, 125, 21),
    (250, 193, 39),
    (252, 255, 200),
)
#: Rates that MP3 knows; anything else is resampled to the last but one.
_MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
#: Bits per second that stereo music takes at libsndfile's compression levels of MP3 (variable bit rate), best first.
_MP3_LEVELS = (
    (0.1, 220_000),
    (0.2, 187_000),
    (0.3, 170_000),
    (0.4, 150_000),
    (0.5, 128_000),
    (0.6, 114_000),
    (0.7, 99_000),
    (0.8, 92_000),
    (0.9, 75_000),
)


class Codec(NamedTuple):
    """How audio travels inside a page.

    Attributes:
        name: "flac" (16 bits, lossless but for that) or "mp3" (variable bit rate).
        level: libsndfile's compression level, for MP3.
    """

    name: Literal["flac", "mp3"]
    level: float = 0.5


def codec_for(seconds: float, *, budget: int) -> Codec:
    """Choose the best codec that is likely to keep so much stereo audio within a number of bytes.

    FLAC takes about 950 kbit/s; MP3 is used once that is too much, in the best quality that fits and in the smallest
    if none does.

    >>> codec_for(10, budget=5_000_000).name, codec_for(60, budget=5_000_000), codec_for(600, budget=5_000_000).level
    ('flac', Codec(name='mp3', level=0.1), 0.9)
    """
    if seconds * 950_000 / 8 <= budget:
        return Codec("flac")
    fitting = [level for level, bits in _MP3_LEVELS if seconds * bits / 8 <= budget]
    return Codec("mp3", fitting[0] if fitting else _MP3_LEVELS[-1][0])


def encoded(y: Samples, rate: int, codec: Codec) -> tuple[str, bytes]:
    """Encode audio for a browser: at most two channels, and no more than full scale.

    Levels over full scale are turned down as a whole, for listening only. MP3 is written with the header by which
    decoders drop the codec's delay, so that switching between tracks stays sample-exact.

    Args:
        y: (C, T), float32, wherever it lies; the first two channels are kept.
        rate: Hz.
        codec: see `codec_for`.

    Returns:
        Media type, and the file.

    >>> import numpy as np
    >>> encoded(np.zeros((2, 800), np.float32), 8000, Codec("flac"))[1][:4]
    b'fLaC'
    """
    import soundfile as sf

    from audiokit.dsp.spectrum.samples import blocks_of, peak_of
    from audiokit.io.reader import resampled

    channels, full = min(2, y.shape[0]), max(1.0, peak_of(y, 2))
    written = rate if codec.name == "flac" or rate in _MP3_RATES else _MP3_RATES[-2]
    lossy = {"compression_level": codec.level, "bitrate_mode": "VARIABLE"}
    form, subtype, how = ("FLAC", "PCM_16", {}) if codec.name == "flac" else ("MP3", "MPEG_LAYER_III", lossy)
    file = io.BytesIO()
    with sf.SoundFile(file, "w", written, channels, format=form, subtype=subtype, **how) as writer:
        for block in resampled((block[:2] / full for block in blocks_of(y)), rate, written, channels):
            writer.write(block.T)
    return "audio/flac" if codec.name == "flac" else "audio/mpeg", file.getvalue()


def data_uri(media_type: str, data: bytes) -> str:
    """Put a file into an address of its own.

    >>> data_uri("text/plain", b"hi")
    'data:text/plain;base64,aGk='
    """
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def smaller(picture: bytes) -> tuple[str, bytes]:
    """Pack a PNG picture anew as WebP of high quality, where that makes it smaller.

    Returns:
        Media type, and the file: as it was if it is no picture that can be read.

    >>> smaller(b"no picture")
    ('image/png', b'no picture')
    """
    from PIL import Image, UnidentifiedImageError

    file = io.BytesIO()
    try:
        Image.open(io.BytesIO(picture)).save(file, "WEBP", quality=85, method=4)
    except (UnidentifiedImageError, OSError, ValueError):
        return "image/png", picture
    return ("image/webp", file.getvalue()) if len(file.getvalue()) < len(picture) else ("image/png", picture)


def spectrogram_webp(y: Samples, rate: int, *, width: int = 900, height: int = 160, top_hz: float = 16_000) -> bytes:
    """Draw the average of all channels as a spectrogram on a mel-like frequency axis, 80 dB deep, as a WebP picture.

    Args:
        y: audio (C, T), wherever it lies.
        rate: Hz.
        width, height: pixels.
        top_hz: highest frequency shown (at most half the rate).

    >>> import numpy as np
    >>> spectrogram_webp(np.zeros((1, 8000), np.float32), 8000)[8:12]
    b'WEBP'
    """
    import numpy as np
    from PIL import Image

    from audiokit.dsp.rhythm.playing import samples_of

    n_fft = 2048
    starts = np.linspace(0, y.shape[1], width).astype(int) - n_fft // 2
    window = np.hanning(n_fft).astype(np.float32)
    spectrum = np.empty((width, n_fft // 2 + 1), np.float32)
    for first in range(0, width, 128):
        near = starts[first : first + 128]
        frames = np.stack([samples_of(y, start, start + n_fft).mean(axis=0) for start in near.tolist()])
        spectrum[first : first + 128] = np.abs(np.fft.rfft(frames * window, axis=1))
    top = min(top_hz, rate / 2)
    mel = np.linspace(0, np.log1p(top / 700), height)
    bins = np.clip(np.expm1(mel) * 700 / (rate / n_fft), 0, n_fft // 2)
    low = bins.astype(int)
    high = np.minimum(low + 1, n_fft // 2)
    share = (bins - low).astype(np.float32)
    rows = spectrum[:, low] * (1 - share) + spectrum[:, high] * share
    decibels = 20 * np.log10(np.maximum(rows, 1e-7) / max(float(rows.max(initial=0.0)), 1e-7))
    file = io.BytesIO()
    Image.fromarray(_colour(np.clip(decibels / 80 + 1, 0, 1).T[::-1])).save(file, "WEBP", quality=40, method=4)
    return file.getvalue()


def _colour(values: np.ndarray) -> np.ndarray:
    import numpy as np

    points = np.array(_COLOURS, float)
    at = np.linspace(0, 1, len(points))
    table = np.stack([np.interp(np.linspace(0, 1, 256), at, points[:, c]) for c in range(3)], axis=1)
    return table.astype(np.uint8)[(values * 255).astype(np.uint8)]


def waveform_svg(y: Samples, rate: int, *, columns: int = 450) -> str:
    """Draw the average of all channels of audio (C, T) as an SVG outline that stretches to any width.

    >>> import numpy as np
    >>> waveform_svg(np.zeros((1, 8000), np.float32), 8000, columns=2)[:53]
    '<svg class="wave" viewBox="0 0 2 100" preserveAspectR'
    """
    from audiokit.io.image import envelope

    _, low, high = envelope(y, rate, columns)
    upper = " ".join(f"{x},{50 - 48 * min(1.0, float(v)):.1f}" for x, v in enumerate(high))
    lower = " ".join(f"{x},{50 - 48 * max(-1.0, float(v)):.1f}" for x, v in reversed(list(enumerate(low))))
    return (
        f'<svg class="wave" viewBox="0 0 {max(1, len(low))} 100" preserveAspectRatio="none" aria-hidden="true">'
        f'<polygon points="{upper} {lower}"/></svg>'
    )
