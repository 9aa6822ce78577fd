"""MelGAN's generator for the processor: every step up in tiles that stay in its cache, as plain matrix products.

The same sums as the layers of `audiokit.models.vocoders.melgan`. A transposed convolution is one product per tap that
an output sees, its phases interleaved; a dilated convolution is three products of shifted views. Tiles carry as many
neighbours as their residual blocks look at, so that where they are cut leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Floats of one layer's output in a tile: a few such arrays fit into the second-level cache of one core.
TILE = 1 << 17

Run = Callable[[Callable[[int], None], range], object]


@dataclass(frozen=True)
class Block:
    """A residual block as matrices: taps (3, C, C), point and shortcut (C, C), biases (C, 1)."""

    dilation: int
    taps: Tensor
    inner_bias: Tensor
    point: Tensor
    shortcut: Tensor
    bias: Tensor

    def __call__(self, x: Tensor, slope: float, left: int, right: int) -> Tensor:
        """(C, T) -> (C, T - 2 * dilation); where left or right is 1, the signal ends there and is mirrored instead."""
        d = self.dilation
        y = functional.leaky_relu(x, slope)
        if left or right:
            y = functional.pad(y[None], (left * d, right * d), "reflect")[0]
        length = y.shape[1] - 2 * d
        inner = torch.addmm(self.inner_bias, self.taps[0], y[:, :length])
        inner.addmm_(self.taps[1], y[:, d : d + length]).addmm_(self.taps[2], y[:, 2 * d :])
        start = (1 - left) * d
        total = torch.addmm(self.bias, self.shortcut, x[:, start : start + length])
        return total.addmm_(self.point, functional.leaky_relu_(inner, slope))


@dataclass(frozen=True)
class Stage:
    """One step up in rate and its residual blocks.

    Attributes:
        ratio, padding: of the transposed convolution, whose kernel is twice the ratio.
        now, earlier: its taps for a frame and for the frame before, (C * ratio, inputs).
        bias: (C * ratio, 1).
        blocks: in order.
    """

    ratio: int
    padding: int
    now: Tensor
    earlier: Tensor
    bias: Tensor
    blocks: tuple[Block, ...]

    @property
    def context(self) -> int:
        """Input frames on either side that an output depends on."""
        reach = sum(block.dilation for block in self.blocks)
        return -(-reach // self.ratio) + 1

    def up(self, x: Tensor) -> Tensor:
        """(inputs, N) -> (C, N * ratio)."""
        x = functional.pad(x, (1, 1))
        frames = torch.addmm(self.bias, self.now, x[:, 1:]).addmm_(self.earlier, x[:, :-1])
        wave = frames.unflatten(0, (-1, self.ratio)).transpose(1, 2).flatten(1)
        return wave[:, self.padding : self.padding + (x.shape[1] - 2) * self.ratio]

    def __call__(self, x: Tensor, slope: float, run: Run) -> Tensor:
        """(inputs, N) -> (C, N * ratio), tile by tile."""
        length, ratio = x.shape[1], self.ratio
        channels = self.bias.shape[0] // ratio
        out = x.new_empty(channels, length * ratio)
        step = max(1, TILE // channels // ratio)

        def tile(a: int) -> None:
            b = min(length, a + step)
            first, last = max(0, a - self.context), min(length, b + self.context)
            left, right = int(first == 0), int(last == length)
            y = self.up(functional.leaky_relu(x[:, first:last], slope))
            # Where the signal goes on, the outermost frame lacks what its neighbour adds.
            y = y[:, (1 - left) * ratio : y.shape[1] - (1 - right) * ratio]
            for block in self.blocks:
                y = block(y, slope, left, right)
            start = a * ratio - (0 if left else (first + 1) * ratio + sum(block.dilation for block in self.blocks))
            out[:, a * ratio : b * ratio] = y[:, start : start + (b - a) * ratio]

        run(tile, range(0, length, step))
        return out


def stage_of(up: nn.ConvTranspose1d, residuals: Sequence[nn.Module]) -> Stage:
    """Take the weights of a transposed convolution and of the residual blocks behind it."""
    ratio = int(up.stride[0])
    weight = up.weight.detach().permute(1, 2, 0)  # (C, 2 * ratio, inputs)
    now, earlier = (half.reshape(-1, half.shape[2]).contiguous() for half in (weight[:, :ratio], weight[:, ratio:]))
    assert up.bias is not None
    bias = up.bias.detach().repeat_interleave(ratio)[:, None]
    return Stage(ratio, int(up.padding[0]), now, earlier, bias, tuple(map(_block_of, residuals)))


def _block_of(residual: Any) -> Block:
    dilated, point, shortcut = residual.block[2], residual.block[4], residual.shortcut
    return Block(
        int(dilated.dilation[0]),
        dilated.weight.detach().permute(2, 0, 1).contiguous(),
        dilated.bias.detach()[:, None],
        point.weight.detach()[:, :, 0].contiguous(),
        shortcut.weight.detach()[:, :, 0].contiguous(),
        (point.bias + shortcut.bias).detach()[:, None],
    )


@contextmanager
def runner() -> Iterator[Run]:
    """Run tiles on as many threads as torch may use, each tile on one: nothing waits for anything inside a tile."""
    threads = torch.get_num_threads()
    if threads == 1:

        def one_by_one(tile: Callable[[int], None], places: range) -> None:
            for a in places:
                tile(a)

        yield one_by_one
        return

    def alone(tile: Callable[[int], None], a: int) -> None:
        with torch.inference_mode():  # which is a thread's own
            tile(a)

    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            yield lambda tile, places: list(pool.map(lambda a: alone(tile, a), places))
    finally:
        torch.set_num_threads(threads)


def last_layer(x: Tensor, conv: nn.Conv1d, slope: float, run: Run) -> Tensor:
    """Turn the last features (C, T) to audio (1, T): one product for all taps, then their shifted sum."""
    taps = conv.kernel_size[0]
    assert conv.bias is not None
    out = x.new_empty(1, x.shape[1])
    step = TILE // x.shape[0]
    weight, bias = conv.weight.detach()[0].T.contiguous(), conv.bias.detach()

    def tile(a: int) -> None:
        b, reach = min(x.shape[1], a + step), taps // 2
        left, right = max(0, reach - a), max(0, b + reach - x.shape[1])
        y = functional.leaky_relu(x[:, max(0, a - reach) : b + reach], slope)
        if left or right:
            # The mirror is that of the whole signal, whose ends these are.
            y = functional.pad(y[None], (left, right), "reflect")[0]
        each = weight @ y  # (taps, b - a + 2 * reach)
        total = each[0, : b - a] + bias
        for k in range(1, taps):
            total += each[k, k : k + b - a]
        out[0, a:b] = total.tanh_()

    run(tile, range(0, x.shape[1], step))
    return out
