"""`tee FILE` inside a chain: what passes is also written to a file, whole or not at all."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audiokit.engine.chain import Step, each_part
from audiokit.engine.chunks import Chunks
from audiokit.engine.parts import Parts
from audiokit.engine.sound import Sound
from audiokit.engine.stage import stage
from audiokit.io.chunkset import create_chunks
from audiokit.io.writer import Writer


@stage(reads=(Sound, Chunks), writes=(Sound, Chunks))
def tee(flow: Any) -> Any:
    """Write what passes to a file too."""
    return flow


@dataclass(frozen=True)
class Tee(Step):
    """The step of a chain; it leaves no trace in the history, as the shell's own tee leaves none.

    >>> import numpy as np
    >>> path = str(getfixture("tmp_path") / "between.wav")
    >>> made = Tee(tee, others=(path,)).apply(Sound.of(np.ones((1, 4), np.float32), 8000))
    >>> made.samples.shape, Sound.open(path).length
    ((1, 4), 4)
    """

    records = False

    def named(self) -> list[str]:
        """Nothing is read."""
        return []

    def writes(self) -> list[str]:
        """The file that what passes is written to."""
        return list(self.others)

    def apply(self, flow: Any, *, save: Mapping[str, Any] | None = None) -> Any:
        """Pass a flow on; the first time it is pulled to its end, it is written. Of parts, each is."""
        if isinstance(flow, Parts):
            return each_part(self, flow, save)
        made: Any = copy.copy(self.stage.take(flow))
        written: list[bool] = []
        if isinstance(made, Sound):
            sound, pull = made, made._blocks

            def blocks() -> Iterator[Any]:
                if written:
                    yield from pull()
                    return
                with Writer(self.others[0], sound.rate, sound.channels, like=sound.info, force=self.force) as writer:
                    for block in pull():
                        writer.write(block)
                        yield block
                written.append(True)

            made._blocks, made.replays = blocks, False
            return made
        chunks, pieces = made, made._pieces

        def copied() -> Iterable[Any]:
            if written:
                yield from pieces()
                return
            with create_chunks(self.others[0], copy.copy(chunks.head), force=self.force) as writer:
                for item, values in pieces():
                    writer.write(values, item.start, item.stop)
                    yield item, values
            written.append(True)

        made._pieces = copied
        return made
