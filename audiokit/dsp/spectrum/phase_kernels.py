"""Compiled inner loops of phase retrieval; imported only when a phase has to be found."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def integrate_heap(logm, phase, done, c_time, c_freq, advance, depth, levels):  # pragma: no cover - compiled
    """Integrate the phase gradient outwards from the loudest bins, loudest first.

    A queue of `levels` buckets by log magnitude takes the place of an exact heap: the same order to within a
    bucket's width, and several times faster. Changes `phase` and `done` (N, F) in place; entries of `done`
    that are 1 at the start are known and spread first. Bins more than `depth` below the loudest are left.

    One long function on purpose: the queues are shared by every step, and a call per bin would cost more than the step.
    """
    N, F = logm.shape
    low = logm.max() - depth
    scale = levels / (depth + 1e-6)
    time_step, freq_step = np.empty((N, F), np.float32), np.empty((N, F), np.float32)
    for n in range(N):
        before, after = max(n - 1, 0), min(n + 1, N - 1)
        for f in range(F):
            slope = logm[n, min(f + 1, F - 1)] - logm[n, max(f - 1, 0)]
            time_step[n, f] = c_time * slope + advance * f
            freq_step[n, f] = c_freq * (logm[after, f] - logm[before, f])
    ready, ready_next = np.full(levels + 1, -1, np.int32), np.empty(N * F, np.int32)
    seeds, seeds_next = np.full(levels + 1, -1, np.int32), np.empty(N * F, np.int32)
    for n in range(N):
        for f in range(F):
            if logm[n, f] >= low:
                level, k = int((logm[n, f] - low) * scale), n * F + f
                if done[n, f]:
                    ready_next[k] = ready[level]
                    ready[level] = k
                else:
                    seeds_next[k] = seeds[level]
                    seeds[level] = k
    current, seed_level = levels, levels
    while True:
        while current >= 0 and ready[current] < 0:
            current -= 1
        if current < 0:
            k = -1
            while seed_level >= 0:
                k = seeds[seed_level]
                if k < 0:
                    seed_level -= 1
                    continue
                seeds[seed_level] = seeds_next[k]
                if not done[k // F, k % F]:
                    break
            if seed_level < 0:
                break
            n, f = k // F, k % F
            phase[n, f] = 0.0
            done[n, f] = 1
            current = int((logm[n, f] - low) * scale)
            ready_next[k] = ready[current]
            ready[current] = k
            continue
        k = ready[current]
        ready[current] = ready_next[k]
        n, f = k // F, k % F
        for side in range(4):
            n2, f2 = n, f
            if side == 0:
                f2 += 1
            elif side == 1:
                f2 -= 1
            elif side == 2:
                n2 += 1
            else:
                n2 -= 1
            if n2 < 0 or n2 >= N or f2 < 0 or f2 >= F or done[n2, f2] or logm[n2, f2] < low:
                continue
            if side < 2:
                step = 0.5 * (freq_step[n, f] + freq_step[n2, f2])
            else:
                step = 0.5 * (time_step[n, f] + time_step[n2, f2])
            phase[n2, f2] = phase[n, f] + (step if side % 2 == 0 else -step)
            done[n2, f2] = 1
            level = int((logm[n2, f2] - low) * scale)
            k2 = n2 * F + f2
            ready_next[k2] = ready[level]
            ready[level] = k2
            current = max(current, level)


@njit(cache=True, fastmath=True)
def synthesize(frames, window, hop, normalise, y):  # pragma: no cover - compiled
    """Overlap-add frames (N, n) into y (T,), weighted by `window` and divided by the windows' sum."""
    y[:] = 0
    for i in range(frames.shape[0]):
        for j in range(frames.shape[1]):
            y[i * hop + j] += frames[i, j] * window[j]
    for j in range(y.shape[0]):
        y[j] *= normalise[j]


@njit(cache=True, fastmath=True)
def analyse(y, window, hop, frames):  # pragma: no cover - compiled
    """Cut y (T,) into windowed frames (N, n)."""
    for i in range(frames.shape[0]):
        for j in range(frames.shape[1]):
            frames[i, j] = y[i * hop + j] * window[j]


@njit(cache=True, fastmath=True)
def accelerate(magnitude, found, previous, momentum, out):  # pragma: no cover - compiled
    """Set out = magnitude * direction of (found + momentum * (found - previous)); complex as pairs (n, 2)."""
    tiny = np.float32(1e-20)
    for i in range(magnitude.shape[0]):
        real = found[i, 0] + momentum * (found[i, 0] - previous[i, 0])
        imag = found[i, 1] + momentum * (found[i, 1] - previous[i, 1])
        size = np.sqrt(real * real + imag * imag + tiny)
        out[i, 0] = magnitude[i] * (real / size)
        out[i, 1] = magnitude[i] * (imag / size)
