"""What the RoFormers are compared on: both of them, one stem and four, one channel and two, all kinds of depth."""

from __future__ import annotations

from typing import Any

SMALL = {"dim": 16, "depth": 2, "heads": 2, "dim_head": 8}
STFT = {"stft_n_fft": 512, "stft_win_length": 512, "stft_hop_length": 128, "dim_freqs_in": 257}
BANDS = (*[2] * 24, *[4] * 12, *[12] * 8, 32, 33)  # 257 bins
USUAL = (*[2] * 24, *[4] * 12, *[12] * 8, *[24] * 8, *[48] * 8, 128, 129)
PLAIN = {"linear_transformer_depth": 0, "time_transformer_depth": 1, "freq_transformer_depth": 1}


def _mel(name: str, length: int, **model: Any) -> dict[str, Any]:
    given = {**SMALL, **STFT, **PLAIN, "stereo": True, "num_bands": 24, "mask_estimator_depth": 2, **model}
    return {"name": name, "kind": "mel", "length": length, "model": given}


def _bs(name: str, length: int, **model: Any) -> dict[str, Any]:
    plain = {key: value for key, value in PLAIN.items() if not key.startswith("linear")}
    given = {**SMALL, **STFT, **plain, "stereo": True, "freqs_per_bands": BANDS, "mask_estimator_depth": 2, **model}
    return {"name": name, "kind": "bs", "length": length, "model": given}


FULL = {"stft_n_fft": 2048, "stft_win_length": 2048, "stft_hop_length": 441, "dim_freqs_in": 1025}
CASES = [
    _mel("mel-stereo", 9001),
    _mel("mel-mono", 7777, stereo=False),
    _mel("mel-4-stems", 5003, num_stems=4),
    _mel("mel-mask-1", 5120, mask_estimator_depth=1),
    _mel("mel-mask-3", 5119, mask_estimator_depth=3, depth=1),
    _mel("mel-linear", 6001, linear_transformer_depth=1),
    _mel("mel-linear-2", 4001, linear_transformer_depth=2, depth=3, num_stems=4, stereo=False),
    _mel("mel-deep", 4097, time_transformer_depth=2, freq_transformer_depth=3),
    _mel("mel-length", 6007, match_input_audio_length=True),
    _mel("mel-60", 20_011, **FULL, num_bands=60),
    _mel("mel-published", 30_001, **FULL, num_bands=60, dim=384, depth=2, heads=8, dim_head=64),
    _bs("bs-stereo", 9001),
    _bs("bs-mono", 7777, stereo=False),
    _bs("bs-4-stems", 5003, num_stems=4),
    _bs("bs-mask-1", 5120, mask_estimator_depth=1),
    _bs("bs-mask-3", 5119, mask_estimator_depth=3),
    _bs("bs-deep", 4097, time_transformer_depth=2, freq_transformer_depth=3, depth=3),
    _bs("bs-usual", 20_011, **FULL, freqs_per_bands=USUAL),
    _bs("bs-published", 30_001, **FULL, freqs_per_bands=USUAL, dim=512, depth=2, heads=8, dim_head=64),
]

#: Small enough to be kept in the repository.
_TINY = {"dim": 4, "depth": 1, "heads": 1, "dim_head": 4, "stft_n_fft": 16, "stft_win_length": 16}
_TINY |= {"stft_hop_length": 4, "dim_freqs_in": 9}
_MONO = {"stereo": False, "num_stems": 4}
GOLDEN = [
    _mel("mel", 103, **_TINY, num_bands=3, sample_rate=8000),
    _mel(
        "mel-linear", 103, **_TINY, num_bands=3, sample_rate=8000, stereo=False, num_stems=4, linear_transformer_depth=1
    ),
    _bs("bs", 103, **_TINY, freqs_per_bands=(2, 3, 4)),
    _bs("bs-4-stems", 103, **_TINY, **_MONO, freqs_per_bands=(2, 3, 4), mask_estimator_depth=1),
]
