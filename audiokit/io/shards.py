"""Data sets: recordings divided into parts once and for all, chunk sets packed into WebDataset shards."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from audiokit.errors import ParameterError
from audiokit.io.chunkset import open_chunks
from audiokit.io.files import atomic_file
from audiokit.io.stream import add_member, safe_key


def parse_split(text: str) -> dict[str, float]:
    """Read a division such as train:0.9,valid:0.1.

    Raises:
        ParameterError: it is malformed, or the shares do not add up to 1.

    >>> parse_split("train:0.9,valid:0.1")
    {'train': 0.9, 'valid': 0.1}
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition(":")
        try:
            shares[name] = float(share)
        except ValueError:
            shares[name] = -1.0
    if "" in shares or min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise ParameterError(f"--split {text!r}: shares must be positive and add up to 1", hint="train:0.9,valid:0.1")
    return shares


def part_of(recording: str, shares: dict[str, float], seed: int) -> str:
    """Choose the part a recording belongs to, from its name alone.

    Adding or removing other recordings never moves it; chunks of one recording never lie in two parts.

    Args:
        recording: its name relative to the input folder, without suffix.
        shares: part -> share, adding up to 1.
        seed: another seed, another division.

    >>> shares = {"train": 0.9, "valid": 0.1}
    >>> 70 < sum(part_of(f"song{i}", shares, 0) == "valid" for i in range(1000)) < 130
    True
    """
    digest = hashlib.sha256(f"{seed}:{recording}".encode(errors="surrogateescape")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    edge = 0.0
    for name, share in shares.items():
        edge += share
        if place < edge:
            return name
    return name


def parse_bytes(text: str) -> int:
    """Read a size such as 500MB.

    Raises:
        ParameterError: it is no size of at least 1 KB.

    >>> parse_bytes("500MB"), parse_bytes("1.5GB")
    (500000000, 1500000000)
    """
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
    number, unit = text.strip().upper()[:-2], text.strip().upper()[-2:]
    try:
        size = int(float(number) * units[unit])
    except (KeyError, ValueError):
        size = 0
    if size < 1000:
        raise ParameterError(f"--shards {text!r}: not a size", hint="write for example 500MB")
    return size


def pack(sets: Sequence[tuple[str, str]], prefix: str | Path, max_bytes: int, *, force: bool = False) -> list[Path]:
    """Pack chunk sets into shards PREFIX-000000.tar ..., each read by WebDataset as it is.

    Every sample is NAME/000000.npy with NAME/000000.json, which holds the set's head and the chunk's own place, so
    that a sample alone says what it is. Same sets, same bytes.

    Args:
        sets: (path of a chunk set, name of the recording), in the order to pack.
        prefix: path without number and suffix.
        max_bytes: a shard is closed before it would exceed this (a single larger sample gets its own).
        force: replace existing shards.

    Returns:
        The shards written.
    """
    shards: list[Path] = []
    samples = _samples(sets)
    pending = next(samples, None)
    while pending is not None:
        target = Path(f"{prefix}-{len(shards):06d}.tar")
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_file(target, force=force))
            tar = stack.enter_context(tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT))
            used = 0
            while pending is not None and (used == 0 or used + _size(pending) <= max_bytes):
                key, fields, data = pending
                add_member(tar, f"{key}.json", fields)
                add_member(tar, f"{key}.npy", data)
                used += _size(pending)
                pending = next(samples, None)
        shards.append(target)
    return shards


def _samples(sets: Sequence[tuple[str, str]]) -> Iterator[tuple[str, bytes, bytes]]:
    from audiokit.io.chunkset import encode_npy

    for path, name in sets:
        reader = open_chunks(path)
        head: dict[str, Any] = reader.head.to_dict()
        for index, (item, array) in enumerate(reader):
            fields = {**head, "name": name, "start": item.start, "stop": item.stop, "shape": list(item.shape)}
            text = json.dumps(fields, separators=(",", ":"), default=str).encode()
            yield f"{safe_key(name)}/{index:06d}", text, encode_npy(array)


def _size(sample: tuple[str, bytes, bytes]) -> int:
    """What a sample takes in the tar: two headers and bodies in blocks of 512 bytes."""
    return sum(512 + -(-len(body) // 512) * 512 for body in sample[1:])
