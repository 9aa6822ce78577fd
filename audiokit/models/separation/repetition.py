"""What a recording repeats: for every frame, how loud each band was in the moments most like it.

A loop, a beat or a riff comes back, a voice seldom does. Moments are compared in a few ranges of bands at a time, so
that a bass line finds its repetition under another melody, and the levels of the most similar moments are sorted
band by band: what nearly all of them share is what repeats.

References:
    Rafii and Pardo (2012), Music/voice separation using the similarity matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Similar moments that are looked at.
MOMENTS = 7
# Which of them, in order of level, are handed on: one of the quietest, and the median.
_RANKS = (1, 3)
# Ranges of bands that are compared by themselves.
_RANGES = 4
# Frames before and after that make a moment recognisable.
_AROUND = (-6, -3, 0, 3, 6)
# Frames whose moments are looked for at a time.
_BLOCK = 512
#: How far the surroundings of a compared moment reach, in frames.
AROUND = max(_AROUND) + 1
# What pairs of compare-and-swap sort seven values (Knuth, The Art of Computer Programming 3, 5.3.4).
_SWAPS = (
    ((0, 6), (2, 3), (4, 5)),
    ((0, 2), (1, 4), (3, 6)),
    ((0, 1), (2, 5), (3, 4)),
    ((1, 2), (4, 6)),
    ((2, 3), (4, 5)),
    ((1, 2), (3, 4), (5, 6)),
)


@torch.no_grad()
def repeated_levels(levels: Tensor, *, memory: int, gap: int) -> Tensor:
    """Find for every frame the levels that its most similar frames share.

    Args:
        levels: of bands, (B, C, N, bands); bands are a multiple of 4.
        memory: how far, in frames, similar frames may be away.
        gap: how near, in frames, they may not be.

    Returns:
        (B, 2 * C, N, bands): the second lowest and the median of seven. Where there are not yet seven frames to
        choose from, a frame is its own repetition.

    >>> y = torch.rand(1, 1, 20, 8).repeat(1, 1, 10, 1)  # 20 frames, ten times
    >>> low, median = repeated_levels(y, memory=100, gap=10)[0]
    >>> torch.allclose(median[40:160], y[0, 0, 40:160])
    True
    """
    size, channels, frames, bands = levels.shape
    width = bands // _RANGES
    flat = levels.unflatten(3, (_RANGES, width)).permute(0, 3, 2, 1, 4).flatten(3)  # (B, ranges, N, C * width)
    looks = _looks(flat - flat.mean(dim=3, keepdim=True))
    found = [
        _ranked(flat, looks, slice(start, min(start + _BLOCK, frames)), memory, gap)
        for start in range(0, frames, _BLOCK)
    ]
    ranked = torch.cat(found, dim=3).unflatten(4, (channels, width))  # (2, B, ranges, N, C, width)
    return ranked.permute(1, 0, 4, 3, 2, 5).reshape(size, len(_RANKS) * channels, frames, bands)


def _ranked(flat: Tensor, looks: Tensor, asked: slice, memory: int, gap: int) -> Tensor:
    """Sort the moments most like the frames asked for: ranks (2, B, R, n, D) of levels (B, R, N, D)."""
    frames = flat.shape[2]
    near = slice(max(0, asked.start - memory), min(frames, asked.stop + memory))
    at = torch.arange(frames, device=flat.device)
    own, others = at[asked, None], at[near]
    apart = (own - others).abs()
    similar = torch.matmul(looks[:, :, asked], looks[:, :, near].transpose(2, 3))
    similar = similar.masked_fill_((apart < gap) | (apart > memory), -torch.inf)
    count = min(MOMENTS, len(others))
    best, index = similar.topk(count, dim=3)
    index = torch.where(best.isfinite(), index + near.start, own)
    if count < MOMENTS:
        index = torch.cat([index, own.expand(*index.shape[:3], MOMENTS - count)], dim=3)
    rows = torch.arange(flat.shape[0] * _RANGES, device=flat.device).view(-1, _RANGES, 1) * frames
    table = flat.flatten(0, 2)
    moments = [table[(index[..., k] + rows).flatten()] for k in range(MOMENTS)]
    for pairs in _SWAPS:
        for a, b in pairs:
            moments[a], moments[b] = torch.minimum(moments[a], moments[b]), torch.maximum(moments[a], moments[b])
    return torch.stack([moments[rank].view(*index.shape[:3], -1) for rank in _RANKS])


def _looks(features: Tensor) -> Tensor:
    """Describe frames (B, R, N, D) together with their surroundings, in unit length: (B, R, N, more)."""
    smooth = nn.functional.avg_pool1d(features.flatten(0, 1).transpose(1, 2), 3, 1, 1, count_include_pad=False)
    smooth = smooth.transpose(1, 2)  # (B * R, N, D)
    reach = max(_AROUND)
    padded = nn.functional.pad(smooth, (0, 0, reach, reach))
    frames = smooth.shape[1]
    around = torch.cat([padded[:, reach + k : reach + k + frames] for k in _AROUND], dim=2)
    return nn.functional.normalize(around, dim=2, eps=1e-6).unflatten(0, features.shape[:2])
