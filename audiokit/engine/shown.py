"""What notebooks show of a flow: a player, a spectrogram, and how it was made."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.engine.chunks import Chunks
    from audiokit.engine.parts import Parts
    from audiokit.engine.sound import Sound

#: A cell plays so much of a sound, and shows so many parts of several.
SECONDS = 180
PARTS = 12
#: Bytes of audio in a cell: beyond it FLAC gives way to MP3.
BUDGET = 2_000_000


def players(parts: Parts) -> str:
    """Show the first sounds of several, one below the other."""
    found = list(islice(parts, PARTS + 1))
    return "".join(player(sound, name) for name, sound in found[:PARTS]) + ("<p>…</p>" if len(found) > PARTS else "")


def player(sound: Sound, name: str) -> str:
    """Show a sound as HTML with nothing outside it; it is made for that, up to `SECONDS`.

    >>> import numpy as np
    >>> from audiokit.engine.sound import Sound
    >>> player(Sound.of(np.zeros((1, 800), np.float32), 8000), "silence").count("<audio")
    1
    """
    from audiokit.io.preview import codec_for, data_uri, encoded, spectrogram_webp

    y, cut = _beginning(sound)
    seconds = y.shape[1] / sound.rate
    kind = codec_for(seconds, budget=BUDGET)
    facts = f"{seconds:.2f} s · {sound.rate} Hz · {sound.channels} ch" + (" · the beginning" if cut else "")
    picture = data_uri("image/webp", spectrogram_webp(y, sound.rate))
    steps = " → ".join(str(entry.get("name")) for entry in sound.history)
    return (
        f'<figure style="margin:.5em 0"><figcaption><b>{escape(name)}</b> {escape(facts)}<br>'
        f"<small>{escape(steps)}</small></figcaption>"
        f'<img alt="spectrogram of {escape(name)}, up to {min(16_000, sound.rate / 2) / 1000:g} kHz" src="{picture}"'
        ' style="width:100%;max-width:900px;height:110px;display:block">'
        f'<audio controls preload="metadata" style="width:100%;max-width:900px" src="'
        f'{data_uri(*encoded(y, sound.rate, kind))}"></audio></figure>'
    )


def _beginning(sound: Sound) -> tuple[NDArray[np.float32], bool]:
    """Pull at most `SECONDS` of a sound; tell whether there was more."""
    import numpy as np

    most, blocks, length = SECONDS * sound.rate, [], 0
    for block in sound.blocks():
        blocks.append(block)
        length += block.shape[1]
        if length > most:
            break
    y = np.concatenate([np.zeros((sound.channels, 0), np.float32), *blocks], axis=1)
    return np.ascontiguousarray(y[:, :most]), length > most


def table(chunks: Chunks) -> str:
    """Say what a chunk set is; its values are not read."""
    head = chunks.head
    said = {
        "kind": (head.transform or {}).get("kind", head.kind),
        "rate": f"{head.rate} Hz",
        "channels": head.channels,
        "piece": f"{head.chunk} {'frames' if head.transform else 'samples'}, a new one every {head.hop}",
        "made by": " → ".join(str(entry.get("name")) for entry in chunks.history),
    }
    rows = "".join(f"<tr><th>{key}</th><td>{escape(str(value))}</td></tr>" for key, value in said.items())
    return f"<table><caption>chunks of {escape(chunks.name)}</caption>{rows}</table>"
