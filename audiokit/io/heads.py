"""What chunk sets say about themselves (format "audiokit.chunks", version 1), in words of JSON."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from audiokit.errors import DamagedError, InputError, check_version

FORMAT, VERSION = "audiokit.chunks", 1
MANIFEST = "manifest.json"
#: Beyond these a number is no sample rate, no number of channels and no length, whatever says so.
_LIMITS = {"rate": 10_000_000, "channels": 1024, "chunk": 1 << 48, "hop": 1 << 48}
_AXES = {"audio": ["channel", "sample"], "spectrum": ["channel", "bin", "frame"]}
_DTYPES = ("float16", "float32", "float64", "complex64", "complex128", "int16", "int32")
#: Kinds of spectra that store two planes per channel.
_TWO_PLANES = ("real-imag", "magnitude-if")


@dataclass
class Head:
    """Everything a chunk set says about itself, its items aside (the field names are those of manifest.json).

    Attributes:
        kind: "audio" (arrays (C, T)) or "spectrum" (arrays (C, F, N)).
        rate: sample rate of the audio it came from, Hz.
        length: length of that audio in samples; None while a stream does not know it yet.
        chunk, hop: length of a chunk and step between chunks, in samples (audio) or frames (spectrum).
        join: how overlaps are recombined: "crossfade", "replace" or "none".
        transform: all that inversion needs (see audiokit.dsp.spectrum.transform), None for audio.
        source: {"name", "sha256", "subtype"} of the file it came from.
        history: one {"name", "options", "seed", "version"} per command so far.
        extra: fields this version does not know; they are kept.
    """

    kind: str
    rate: int
    channels: int
    length: int | None
    dtype: str
    chunk: int
    hop: int
    name: str = ""
    axes: list[str] = field(default_factory=list)
    join: str = "crossfade"
    transform: dict[str, Any] | None = None
    source: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.axes:
            self.axes = list(_AXES["audio" if self.kind == "audio" else "spectrum"])

    def to_dict(self) -> dict[str, Any]:
        """Give the head as manifest fields, unknown ones included.

        >>> Head("audio", 8000, 1, 10, "float32", 10, 10).to_dict()["axes"]
        ['channel', 'sample']
        """
        fields = {key: getattr(self, key) for key in self.__dataclass_fields__ if key != "extra"}
        return {"format": FORMAT, "version": VERSION, **fields, **self.extra}

    @classmethod
    def from_dict(cls, fields: Any, name: str) -> Head:
        """Check manifest fields and make a Head of them.

        Raises:
            InputError: it is not a chunk set, or one of a newer major version.
            DamagedError: a field is missing or of the wrong type.
        """
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise InputError(
                f"{name}: not an audiokit chunk set",
                hint="make one with: audiokit spectro FILE -o NAME.chunks",
            )
        check_version(fields.get("version"), VERSION, f"{name}: chunk set", InputError)
        known = {key: fields[key] for key in cls.__dataclass_fields__ if key in fields and key != "extra"}
        ignored = {"format", "version", "items", *known}
        try:
            head = cls(**known, extra={key: value for key, value in fields.items() if key not in ignored})
        except TypeError as error:
            missing = str(error).split(":")[-1].strip()
            raise DamagedError(f"{name}: the manifest lacks {missing}") from None
        head._check(name)
        return head

    def _check(self, name: str) -> None:
        numbers = {"rate": self.rate, "channels": self.channels, "chunk": self.chunk, "hop": self.hop}
        for key, value in numbers.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DamagedError(f"{name}: the manifest says {key} = {value!r}, which is no positive integer")
            if value > _LIMITS[key]:
                raise DamagedError(f"{name}: the manifest says {key} = {value}, which makes no sense")
        if self.hop > self.chunk:
            raise DamagedError(f"{name}: the manifest says hop = {self.hop}, more than chunk = {self.chunk}")
        if self.length is not None and (type(self.length) is not int or not 0 <= self.length <= 1 << 48):
            raise DamagedError(f"{name}: the manifest says length = {self.length!r}")
        if self.kind not in ("audio", "spectrum"):
            raise DamagedError(f"{name}: the manifest says kind = {self.kind!r}, not audio or spectrum")
        shapes = {"axes": list, "source": dict, "history": list, "join": str, "name": str, "dtype": str}
        for key, kind in shapes.items():
            if not isinstance(getattr(self, key), kind):
                raise DamagedError(f"{name}: the manifest's {key} is not a {kind.__name__}")
        if self.transform is not None and not isinstance(self.transform, dict):
            raise DamagedError(f"{name}: the manifest's transform is not an object")
        if self.axes != _AXES[self.kind]:
            raise DamagedError(f"{name}: the manifest says axes = {self.axes}, but {self.kind} has {_AXES[self.kind]}")
        if self.dtype not in _DTYPES:
            raise DamagedError(f"{name}: the manifest says dtype = {self.dtype!r}, which is none that is stored")
        rate = (self.transform or {}).get("rate", self.rate)
        if rate != self.rate:
            raise DamagedError(f"{name}: the manifest says rate = {self.rate}, but its transform {rate!r}")

    def check(self, item: Item, name: str) -> None:
        """Check what is said of one chunk against the head, before anything is read.

        Raises:
            DamagedError: another number of axes or channels, or a shape that does not cover what it says.
        """
        planes = 2 if (self.transform or {}).get("kind") in _TWO_PLANES else 1
        wanted = self.channels * planes
        if len(item.shape) != len(self.axes) or min(item.shape, default=-1) < 0:
            raise DamagedError(f"{name}: {item.file} has shape {item.shape}, but its axes are {', '.join(self.axes)}")
        if item.shape[0] != wanted:
            raise DamagedError(f"{name}: {item.file} has {item.shape[0]} channels, but the head means {wanted}")
        if item.start < 0 or item.stop - item.start != item.shape[-1]:
            raise DamagedError(f"{name}: {item.file} is {item.shape[-1]} long, but covers {item.start} to {item.stop}")


@dataclass(frozen=True)
class Item:
    """One chunk: its file, where it starts and stops (samples or frames), its shape and checksum ("" for none)."""

    file: str
    start: int
    stop: int
    shape: tuple[int, ...]
    sha256: str

    @classmethod
    def from_dict(cls, fields: Any, name: str) -> Item:
        """Check one entry of a manifest's items (DamagedError if it is malformed)."""
        try:
            item = cls(
                str(fields["file"]),
                int(fields["start"]),
                int(fields["stop"]),
                tuple(int(n) for n in fields["shape"]),
                str(fields.get("sha256") or ""),
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise DamagedError(f"{name}: the manifest has a malformed item") from None
        if item.file != os.path.basename(item.file) or item.file in ("", ".", ".."):
            raise DamagedError(f"{name}: the manifest names a file outside the set: {item.file!r}")
        return item


_JSON = json.JSONEncoder()


def manifest_text(fields: dict[str, Any]) -> str:
    """Write a manifest as JSON with one line per field and per item, which people can read and diff.

    >>> print(manifest_text({"rate": 8000, "items": [{"file": "000000.npy"}]}))
    {
     "rate": 8000,
     "items": [
      {"file": "000000.npy"}
     ]
    }
    """
    lines = []
    for key, value in fields.items():
        text = _JSON.encode(value)
        if key == "items" and value:
            text = "[\n" + ",\n".join(f"  {_JSON.encode(item)}" for item in value) + "\n ]"
        lines.append(f" {_JSON.encode(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"
