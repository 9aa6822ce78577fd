"""audiokit: composable audio commands and the functions behind them.

Everything the shell does is a function here, on arrays (C, T) of float32 with their rate beside them. Names are
loaded when they are first used, so `import audiokit` costs nothing.
"""

from __future__ import annotations

__version__ = "0.2.0"

#: Public name -> "module:attribute".
_LAZY: dict[str, str] = {
    "AudiokitError": "audiokit.errors:AudiokitError",
    "Chunks": "audiokit.engine.chunks:Chunks",
    "Parts": "audiokit.engine.parts:Parts",
    "Sound": "audiokit.engine.sound:Sound",
    "chain": "audiokit.engine.grammar:chain",
    "stage": "audiokit.engine.stage:stage",
    "Option": "audiokit.engine.option:Option",
    "describe": "audiokit.stages.info.describe:describe",
    "split": "audiokit.stages.split:split",
    "spectro": "audiokit.stages.spectro.stage:spectro",
    "invert": "audiokit.stages.invert.stage:invert",
    "denoise": "audiokit.stages.denoise:denoise",
    "stylize": "audiokit.stages.stylize.stage:stylize",
    "sing": "audiokit.stages.sing.stage:sing",
    "normalize": "audiokit.stages.normalize:normalize",
    "measure": "audiokit.dsp.loudness.loudness:measure",
    "mix": "audiokit.stages.mix:mix",
    "morph": "audiokit.stages.morph:morph",
    "score": "audiokit.stages.score.compare:score",
    "Transform": "audiokit.dsp.spectrum.transform:Transform",
    "generate": "audiokit.stages.generate.stage:generate",
    "open_chunks": "audiokit.io.chunkset:open_chunks",
    "create_chunks": "audiokit.io.chunkset:create_chunks",
    "align_beats": "audiokit.stages.align_beats.stage:align_beats",
    "augment": "audiokit.stages.augment.stage:augment",
    "chunk": "audiokit.stages.chunk.stage:chunk",
    "track_beats": "audiokit.dsp.rhythm.beats:track_beats",
    "read": "audiokit.engine.sound:read",
    "write": "audiokit.engine.sound:write",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module 'audiokit' has no attribute {name!r}")
    from importlib import import_module

    module, _, attribute = _LAZY[name].partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
