"""What a file or an output holds, taken apart so that two versions of it can be compared.

Everything goes into a `body` that must be equal, except for the history that audiokit writes into what it makes, which
is kept apart, and clocks, which are left out.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import pickle
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile as sf

#: Fields of JSON that say how long something took.
CLOCKS = ("elapsed_s", "seconds_per_second", "processor_minutes", "processor_s")
_OPEN = 0xFFFFFFFF
_MADE_BY = re.compile(r"<details><summary>made by .*?</details>", re.S)
_TABLE_CLOCK = re.compile(r"<th>(?:minutes|processor_minutes|seconds)</th><td>[^<]*</td>")
_DATA_URI = re.compile(r"data:([\w/+.-]+);base64,([A-Za-z0-9+/=]+)")


@dataclass
class Contents:
    """A file or stream, taken apart.

    Attributes:
        kind: what it is, such as "wav".
        body: all that must be equal: nested dicts and lists of plain values.
        history: what tells how it was made, by place.
    """

    kind: str
    body: Any
    history: dict[str, Any] = field(default_factory=dict)


Clean = Callable[[str], str]


def take_apart(name: str, data: bytes, clean: Clean) -> Contents:
    """Take a file apart.

    Args:
        name: of the file; decides only what the bytes themselves leave open.
        data: the whole file.
        clean: replaces what differs from run to run inside text, such as the folder's own path.
    """
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return _wav(data, clean)
    if data[:4] == b"fLaC":
        return _flac(data, clean)
    if data[:4] in (b"OggS", b"FORM", b"caff", b".snd", b"riff") or data[:3] == b"ID3" or data[:2] in _MPEG:
        return _sound(data, clean)
    if data[:6] == b"\x93NUMPY":
        return Contents("npy", _digest(data))
    if data[257:262] == b"ustar":
        return _tar(data, clean)
    if data[:4] == b"PK\x03\x04":
        return _zip(data, clean)
    if name.endswith(".safetensors"):
        size = int.from_bytes(data[:8], "little")
        return Contents("weights", {"head": json.loads(data[8 : 8 + size]), "tensors": _digest(data[8 + size :])})
    return _text(name, data, clean)


_MPEG = (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Say where two bodies differ, one line for each place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            inner = f"{place}/{key}" if place else str(key)
            if key not in new:
                yield f"{inner}: only in the old: {_short(old[key])}"
            elif key not in old:
                yield f"{inner}: only in the new: {_short(new[key])}"
            else:
                yield from differences(old[key], new[key], inner)
    elif isinstance(old, list) and isinstance(new, list):
        for number, (a, b) in enumerate(zip(old, new, strict=False)):
            yield from differences(a, b, f"{place}[{number}]")
        if len(old) != len(new):
            rest = (old if len(old) > len(new) else new)[min(len(old), len(new))]
            yield f"{place}: {len(old)} -> {len(new)} entries, the first without a partner: {_short(rest)}"
    elif type(old) is not type(new) or repr(old) != repr(new):
        yield f"{place}: {_short(old)} -> {_short(new)}"


def distance(kind: str, old: bytes, new: bytes) -> str:
    """Say how far apart two sounds or arrays are, or nothing where that cannot be said."""
    try:
        if kind == "npy":
            a, b = (np.load(io.BytesIO(data), allow_pickle=False) for data in (old, new))
        elif kind in ("wav", "flac", "sound"):
            a, b = (sf.read(io.BytesIO(data), always_2d=True)[0] for data in (old, new))
        else:
            return ""
    except (ValueError, OSError, sf.LibsndfileError):
        return ""
    if a.shape != b.shape:
        return f"shape {list(a.shape)} -> {list(b.shape)}"
    return f"values differ by up to {np.abs(a - b).max():.3g}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 160 else f"{text[:120]}... ({len(text)} characters)"


def _digest(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()[:16]}


def _wav(data: bytes, clean: Clean) -> Contents:
    """Take a WAV file apart chunk by chunk; sizes that depend on the history only say whether they are right."""
    size = struct.unpack("<I", data[4:8])[0]
    right = "open" if size == _OPEN else size == len(data) - 8
    contents = Contents("wav", {"form": data[:4].decode(), "size is right": right, "chunks": []})
    at = 12
    while at + 8 <= len(data):
        tag, size = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])[0]
        inside = data[at + 8 :] if size == _OPEN else data[at + 8 : at + 8 + size]
        if tag == b"LIST" and inside[:4] == b"INFO":
            tags = dict(_info_tags(inside[4:]))
            _take_history(tags, contents, clean)
            if tags:
                contents.body["chunks"].append({"tags": tags})
        elif tag == b"fmt ":
            contents.body["chunks"].append({"fmt": inside.hex(" ", 2)})
        else:
            open_ended = {"open": True} if size == _OPEN else {}
            contents.body["chunks"].append({tag.decode("latin-1"): {**_digest(inside), **open_ended}})
        at += 8 + len(inside) + len(inside) % 2
    return contents


def _info_tags(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at + 8 <= len(data):
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        yield data[at : at + 4].decode("latin-1"), data[at + 8 : at + 8 + size].rstrip(b"\0").decode("utf-8", "replace")
        at += 8 + size + size % 2


def _take_history(tags: dict[str, str], contents: Contents, clean: Clean) -> None:
    """Move the tag that holds a history out of the tags."""
    for name, text in list(tags.items()):
        if text.startswith("audiokit "):
            del tags[name]
            try:
                contents.history[name] = json.loads(clean(text[text.index("[") :]))
            except ValueError:
                contents.history[name] = clean(text)


def _flac(data: bytes, clean: Clean) -> Contents:
    """Take a FLAC file apart: every block of its head but the padding, and its frames."""
    contents = Contents("flac", {"blocks": []})
    at, last = 4, False
    while not last:
        last, kind = bool(data[at] & 0x80), data[at] & 0x7F
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        block = data[at + 4 : at + 4 + size]
        if kind == 4:
            tags = dict(_vorbis_comments(block))
            _take_history(tags, contents, clean)
            contents.body["blocks"].append({"tags": tags})
        elif kind != 1:
            contents.body["blocks"].append({str(kind): block.hex()})
        at += 4 + size
    contents.body["frames"] = _digest(data[at:])
    return contents


def _vorbis_comments(block: bytes) -> Iterator[tuple[str, str]]:
    def text(at: int) -> tuple[str, int]:
        size = struct.unpack("<I", block[at : at + 4])[0]
        return block[at + 4 : at + 4 + size].decode("utf-8", "replace"), at + 4 + size

    vendor, at = text(0)
    yield "vendor", vendor
    count, at = struct.unpack("<I", block[at : at + 4])[0], at + 4
    for _ in range(count):
        comment, at = text(at)
        name, _, value = comment.partition("=")
        yield name.lower(), value


def _sound(data: bytes, clean: Clean) -> Contents:
    """Take apart what libsndfile reads: Ogg has a random number in every page, so what is compared is the sound."""
    try:
        with sf.SoundFile(io.BytesIO(data)) as file:
            tags = file.copy_metadata()
            about = {"format": file.format, "subtype": file.subtype, "rate": file.samplerate, "channels": file.channels}
            samples = file.read(dtype="float64", always_2d=True)
    except sf.LibsndfileError:
        return Contents("bytes", _digest(data))
    contents = Contents("sound", {**about, "tags": tags, "samples": _digest(samples.tobytes())})
    _take_history(tags, contents, clean)
    return contents


def _tar(data: bytes, clean: Clean) -> Contents:
    contents = Contents("tar", [])
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                file = tar.extractfile(member)
                inner = take_apart(member.name, file.read() if file else b"", clean)
                about = {"name": member.name, "mode": oct(member.mode), "mtime": member.mtime, "uid": member.uid}
                contents.body.append({**about, "holds": inner.body})
                contents.history |= {f"{member.name}: {place}": entry for place, entry in inner.history.items()}
    except tarfile.TarError as error:
        contents.body.append({"cut short": str(error)})
    return contents


def _zip(data: bytes, clean: Clean) -> Contents:
    """Take apart an .npz, or a checkpoint of torch, which is read without torch and without running anything."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    pickled = [name for name in files if name.endswith("/data.pkl")]
    if pickled:
        unpickler = _CheckpointReader(files, pickled[0])
        return Contents("checkpoint", _plain(unpickler.load(), Contents("", None), "", clean))
    contents = Contents("zip", {})
    for name, inside in files.items():
        inner = take_apart(name, inside, clean)
        contents.body[name] = inner.body
        contents.history |= {f"{name}: {place}": entry for place, entry in inner.history.items()}
    return contents


class _Mapping(dict):
    """Stands in for OrderedDict, whose pickles may also set attributes."""


class _CheckpointReader(pickle.Unpickler):
    """Read the pickle of a checkpoint: tensors become their shapes and digests, every other class its name."""

    def __init__(self, files: dict[str, bytes], name: str) -> None:
        super().__init__(io.BytesIO(files[name]))
        self._files, self._folder = files, name.rpartition("/")[0]

    def persistent_load(self, pid: Any) -> dict[str, Any]:
        _, kind, key, _, count = pid
        return {"of": str(kind), "count": count, **_digest(self._files[f"{self._folder}/data/{key}"])}

    def find_class(self, module: str, name: str) -> Any:
        if name == "OrderedDict":
            return _Mapping
        if name.startswith("_rebuild_"):
            return _tensor
        if name.endswith("Storage"):
            return f"{module}.{name}"
        return lambda *given: [f"{module}.{name}", *given]


def _tensor(storage: dict[str, Any], offset: int, size: Any, stride: Any, *_: Any) -> dict[str, Any]:
    return {**storage, "offset": offset, "size": list(size), "stride": list(stride)}


def _text(name: str, data: bytes, clean: Clean) -> Contents:
    try:
        text = clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        return Contents("bytes", _digest(data))
    if "\0" in text:
        return Contents("bytes", _digest(data))
    if text[:15].lower() == "<!doctype html>":
        return _html(text, clean)
    try:
        value = json.loads(text)
    except ValueError:
        return _lines(text, clean)
    contents = Contents("json", None)
    contents.body = _plain(value, contents, "", clean)
    if name.endswith("examples.json"):
        _take_generated(contents)
    return contents


def _plain(value: Any, contents: Contents, place: str, clean: Clean) -> Any:
    """Copy JSON (or a checkpoint) without clocks; histories go to `contents.history`."""
    if isinstance(value, list | tuple):
        return [_plain(item, contents, f"{place}[{number}]", clean) for number, item in enumerate(value)]
    if isinstance(value, str):
        return clean(value)
    if not isinstance(value, dict):
        return value
    copy = {}
    for key, item in value.items():
        inner = f"{place}/{key}".removeprefix("/")
        if key in CLOCKS or (key == "seconds" and "step" in value) or (key == "minutes" and "steps" in value):
            continue
        if key == "history" or (key == "sha256" and place.rpartition("/")[2] == "source"):
            # Whoever reads a file that audiokit wrote records the digest of all of it, history included.
            contents.history[inner] = _plain(item, Contents("", None), "", clean)
        else:
            copy[str(key)] = _plain(item, contents, inner, clean)
    return copy


def _take_generated(contents: Contents) -> None:
    """Move what examples.json tells of how a note was made, beside the fields that NSynth has, to the history."""
    for name, note in contents.body.items():
        for key in [key for key in note if key.startswith("generated_")]:
            contents.history[f"{name}/{key}"] = note.pop(key)


def _lines(text: str, clean: Clean) -> Contents:
    """Take text apart line by line; lines of JSON as JSON, lines that tell a history apart."""
    contents = Contents("text", [])
    for number, line in enumerate(text.splitlines()):
        if line.startswith("  made by "):
            contents.history[f"line {number + 1}"] = line
            continue
        try:
            value = json.loads(line) if line.startswith(("{", "[")) else line
        except ValueError:
            value = line
        contents.body.append(_plain(value, contents, f"line {number + 1}", clean))
    return contents


def _html(text: str, clean: Clean) -> Contents:
    """Take a page apart: sounds and pictures by what they hold, lists of how sounds were made as history."""
    contents = Contents("html", None)

    def hold(match: re.Match[str]) -> str:
        inner = take_apart("", base64.b64decode(match[2]), clean)
        return f"data:{match[1]} {_digest(json.dumps(inner.body).encode())['sha256']}"

    def keep(match: re.Match[str]) -> str:
        contents.history[f"details {len(contents.history)}"] = match[0]
        return "(history)"

    text = _TABLE_CLOCK.sub("(clock)", _MADE_BY.sub(keep, _DATA_URI.sub(hold, text)))
    contents.body = text.splitlines()
    return contents
