"""Containers and codecs that libsndfile does not have (m4a, mp4, webm, mov), the lossy encoders, and cover art: PyAV.

References:
    Xiph.Org, FLAC format, METADATA_BLOCK_PICTURE (also what Ogg comments carry, as base64).
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from audiokit.errors import DamagedError, InputError, UsageError
from audiokit.io.about import TAGS, TO_KEEP, AudioInfo, parse_software_tag

if TYPE_CHECKING:
    import av
    import numpy as np

#: FFmpeg's name of a codec -> what the same thing is called everywhere else here.
_SUBTYPES = {"opus": "OPUS", "vorbis": "VORBIS", "mp3": "MPEG_LAYER_III", "mp3float": "MPEG_LAYER_III"}
_LOSSLESS = ("alac", "flac", "tta", "wavpack", "ape")
#: What programs write about themselves, or measured on samples that are no longer the same: not carried over.
_OWN = (
    "encoder", "encoded_by", "tsse", "software", "major_brand", "minor_version", "compatible_brands", "handler_name",
    "vendor_id", "language", "duration", "creation_time", "itunnorm", "itunsmpb", "metadata_block_picture",
)  # fmt: skip
_OWN_PREFIXES = ("replaygain", "r128_", "_statistics", "bps", "number_of_")
_MP4 = ("mov", "mp4", "m4a", "3gp")


class Picture(NamedTuple):
    """Cover art.

    Attributes:
        data: the picture's file.
        media_type: such as image/jpeg.
    """

    data: bytes
    media_type: str


def is_media(path: str) -> bool:
    """Tell by its first bytes whether a file is one of the containers that PyAV reads here, whatever its name.

    >>> path = getfixture("tmp_path") / "song.wav"
    >>> _ = path.write_bytes(bytes([0, 0, 0, 32]) + b"ftypM4A ")
    >>> is_media(str(path))
    True
    """
    with open(path, "rb") as file:
        start = file.read(12)
    signatures = (b"\x1aE\xdf\xa3", b"\x30\x26\xb2\x75", b"OggS", b"\xff\xf1", b"\xff\xf9", b"#!AMR", b"ADIF")
    return start[4:8] == b"ftyp" or start.startswith(signatures)


class MediaBackend:
    """Read the first audio track of a container.

    Args:
        path: of the file.
        stack: closes it.
        name: what to call it.

    Raises:
        InputError: nothing that can be read, or no audio track.
        DamagedError: cut short (raised while reading).
    """

    def __init__(self, path: str, stack: ExitStack, *, name: str | None = None) -> None:
        import av

        self._name = name = name or path
        try:
            self._container = stack.enter_context(av.open(path))
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError(f"{name}: not media that can be read ({getattr(error, 'strerror', error)})") from None
        if not self._container.streams.audio:
            raise InputError(f"{name}: has no audio track")
        self._stream = stream = self._container.streams.audio[0]
        context = stream.codec_context
        if not context.sample_rate or not context.channels:
            raise InputError(f"{name}: its audio track says nothing of rate and channels")
        rate = int(context.sample_rate)
        # Only this family counts its samples; what others say is rounded.
        length = None
        if any(kind in self._container.format.name for kind in _MP4) and stream.duration and stream.time_base:
            length = round(stream.duration * stream.time_base * rate)
        tags = _tags(self._container)
        history = parse_software_tag(tags.get("comment", ""))
        if history:
            del tags["comment"]
        self.info = AudioInfo(
            path, rate, int(context.channels), length, _subtype(context), Path(path).suffix[1:].upper(),
            {key: value for key, value in tags.items() if key in TAGS}, history,
            bit_rate=int(stream.bit_rate or self._container.bit_rate or 0) or None,
        )  # fmt: skip

    def blocks(self, size: int, start: int, stop: int | None) -> Iterator[np.ndarray]:
        """Yield the samples from start to stop (C, n), float32."""
        import av
        import numpy as np

        resampler = av.AudioResampler(format="fltp", layout=self._stream.layout, rate=self.info.rate)
        end = min((limit for limit in (stop, self.info.length) if limit is not None), default=None)
        position = 0
        try:
            for frame in self._container.decode(self._stream):
                for part in resampler.resample(frame):
                    block = np.ascontiguousarray(part.to_ndarray(), np.float32)
                    keep = block[:, max(0, start - position) : None if end is None else max(0, end - position)]
                    position += block.shape[1]
                    if keep.shape[1]:
                        yield np.ascontiguousarray(keep)
        except av.error.FFmpegError as error:
            raise DamagedError(
                f"{self._name}: damaged at {position / self.info.rate:.3f} s ({error})", hint=TO_KEEP
            ) from None
        # Where only `stop` is known, the end may simply have come before it.
        if self.info.length is not None and end is not None and position < end - 8192:
            raise DamagedError(
                f"{self._name}: cut short: {end} samples promised, {position} could be decoded",
                hint=TO_KEEP,
            )


def _subtype(context: av.AudioCodecContext) -> str:
    """Name an encoding: lossless codecs by their bits, others by their own name."""
    name = context.codec.name
    if name in _LOSSLESS or name.startswith("pcm_"):
        if "f32" in name or "f64" in name:
            return "FLOAT"
        return "PCM_16" if context.format.bytes <= 2 else "PCM_24"
    return _SUBTYPES.get(name, name.upper())


def _tags(container: av.container.InputContainer) -> dict[str, str]:
    """Everything that people wrote into a file, by name in lower case; Ogg keeps it with the track."""
    found = {**container.streams.audio[0].metadata, **container.metadata}
    return {
        key: value
        for name, value in found.items()
        if (key := name.lower()) not in _OWN and not key.startswith(_OWN_PREFIXES)
    }


def read_tags(path: str | os.PathLike[str]) -> tuple[dict[str, str], Picture | None]:
    """Read all tags and the cover of a compressed file.

    Returns:
        Tags by name in lower case, without what programs write about themselves, and the first picture.
        Nothing where the file holds none or is none.

    >>> read_tags("no/such/file.mp3")
    ({}, None)
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return {}, None
            tags, picture = _tags(container), None
            for stream in container.streams.video:
                if stream.disposition & av.stream.Disposition.attached_pic:
                    data = next((bytes(packet) for packet in container.demux(stream) if packet.size), b"")
                    picture = Picture(data, "image/png" if stream.codec_context.name == "png" else "image/jpeg")
                    break
            return tags, picture
    except (av.error.FFmpegError, ValueError, OSError):
        return {}, None


def retag(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    container: str,
    tags: Mapping[str, str],
    picture: Picture | None,
) -> None:
    """Copy a compressed file, its audio packets as they are, with other tags and a cover.

    Args:
        source, target: paths.
        container: FFmpeg's name of the format: flac, mp3, ogg, opus or mp4.
        tags: by name.
        picture: cover, or None.
    """
    import av

    with av.open(str(source)) as before, av.open(str(target), "w", format=container, options=_how(container)) as after:
        track = before.streams.audio[0]
        copy = after.add_stream_from_template(track)
        art = _describe(after, copy, container, tags, picture)
        after.start_encoding()
        if art is not None:
            after.mux(art)
        for packet in before.demux(track):
            if packet.size:
                packet.stream = copy
                after.mux(packet)


def _how(container: str) -> dict[str, str]:
    return {"id3v2_version": "3"} if container == "mp3" else {}


def _describe(
    container: av.container.OutputContainer,
    track: av.audio.stream.AudioStream,
    kind: str,
    tags: Mapping[str, str],
    picture: Picture | None,
) -> Any:
    """Put tags into a file that is begun, and make the packet of its cover; in Ogg the cover is a tag itself."""
    import av

    holder = track if kind in ("ogg", "opus") else container
    # Ogg comes with the tags of what it was copied from.
    for key in list(holder.metadata):
        if key.lower() not in tags:
            holder.metadata[key] = ""
    holder.metadata.update(tags)
    if picture is None:
        return None
    if kind in ("ogg", "opus"):
        holder.metadata["METADATA_BLOCK_PICTURE"] = base64.b64encode(_flac_picture(picture)).decode()
        return None
    form = "png_pipe" if picture.media_type == "image/png" else "jpeg_pipe"
    with av.open(BytesIO(picture.data), "r", format=form) as file:
        art = container.add_stream_from_template(file.streams.video[0])
        packet = next(packet for packet in file.demux(file.streams.video[0]) if packet.size)
    art.disposition = av.stream.Disposition.attached_pic
    packet.stream, packet.pts, packet.dts, packet.is_keyframe = art, 0, 0, True
    return packet


def _flac_picture(picture: Picture) -> bytes:
    kind = picture.media_type.encode()
    front_cover = struct.pack(">II", 3, len(kind)) + kind + struct.pack(">I", 0)
    return front_cover + struct.pack(">IIIII", 0, 0, 0, 0, len(picture.data)) + picture.data


class MediaSink:
    """Encode blocks as MP3, AAC or Opus.

    Args:
        path: where to; its suffix does not matter.
        codec: a row of `audiokit.io.lossy.CODECS`.
        rate, channels: Hz (one that the codec knows) and how many.
        bit_rate: bits per second.
        tags, picture: what the file says about itself.

    Raises:
        UsageError: the encoder does not take this.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        codec: Any,
        rate: int,
        channels: int,
        *,
        bit_rate: int,
        tags: Mapping[str, str],
        picture: Picture | None,
        stack: ExitStack,
    ) -> None:
        import av

        options = {
            **_how(codec.container),
            **({"movie_timescale": str(rate), "brand": "M4A "} if codec.container == "mp4" else {}),
        }
        self._container = stack.enter_context(av.open(str(path), "w", format=codec.container, options=options))
        self._rate, self._position = rate, 0
        self._layout = av.AudioLayout(LAYOUTS[channels])
        try:
            self._stream = self._container.add_stream(codec.encoder, rate=rate, layout=self._layout)
            self._stream.bit_rate = bit_rate
            art = _describe(self._container, self._stream, codec.container, tags, picture)
            self._container.start_encoding()
        except (av.error.FFmpegError, ValueError) as error:
            raise UsageError(
                f"{codec.name} cannot hold {channels} channels at {rate} Hz ({error})", hint="write .wav or .flac"
            ) from None
        if art is not None:
            self._container.mux(art)

    def write(self, y: np.ndarray) -> None:
        """Append a block (C, n), float32."""
        import av
        import numpy as np

        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(y, np.float32), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts = self._rate, self._position
        self._position += y.shape[1]
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Encode what is left and finish the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


#: Channels -> FFmpeg's name of their usual order, which is that of WAV files.
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
