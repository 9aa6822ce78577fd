"""`audiokit.dsp.separation.repeats` on tensors, for training on any device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audiokit.dsp.separation.repeats import MOMENTS, RANGES, RANKS, SURROUNDINGS, SWAPS

# Frames whose moments are looked for at a time.
_BLOCK = 512


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
    width = bands // RANGES
    flat = levels.unflatten(3, (RANGES, width)).permute(0, 3, 2, 1, 4).flatten(3)  # (B, ranges, N, C * width)
    looks = _looks(flat - flat.mean(dim=3, keepdim=True))
    found = [
        _ranked(flat, looks, slice(start, min(start + _BLOCK, frames)), memory, gap)
        for start in range(0, frames, _BLOCK)
    ]
    ranked = torch.cat(found, dim=3).unflatten(4, (channels, width))  # (2, B, ranges, N, C, width)
    return ranked.permute(1, 0, 4, 3, 2, 5).reshape(size, len(RANKS) * channels, frames, bands)


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
    rows = torch.arange(flat.shape[0] * RANGES, device=flat.device).view(-1, RANGES, 1) * frames
    table = flat.flatten(0, 2)
    moments = [table[(index[..., k] + rows).flatten()] for k in range(MOMENTS)]
    for pairs in SWAPS:
        for a, b in pairs:
            moments[a], moments[b] = torch.minimum(moments[a], moments[b]), torch.maximum(moments[a], moments[b])
    return torch.stack([moments[rank].view(*index.shape[:3], -1) for rank in RANKS])


def _looks(features: Tensor) -> Tensor:
    """Describe frames (B, R, N, D) together with their surroundings, in unit length: (B, R, N, more)."""
    smooth = nn.functional.avg_pool1d(features.flatten(0, 1).transpose(1, 2), 3, 1, 1, count_include_pad=False)
    smooth = smooth.transpose(1, 2)  # (B * R, N, D)
    reach = max(SURROUNDINGS)
    padded = nn.functional.pad(smooth, (0, 0, reach, reach))
    frames = smooth.shape[1]
    around = torch.cat([padded[:, reach + k : reach + k + frames] for k in SURROUNDINGS], dim=2)
    return nn.functional.normalize(around, dim=2, eps=1e-6).unflatten(0, features.shape[:2])
