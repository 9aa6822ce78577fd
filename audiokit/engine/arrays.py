"""Arrays at the door: what callers hand over, checked and given the form of the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audiokit.errors import DamagedError, ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: More channels than this in fewer samples: the array lies the wrong way round.
_MOST_CHANNELS = 64


def checked(y: Any, rate: int | None) -> NDArray[np.float32]:
    """Check an array at the door and give it the form of the house: (C, T), float32, C-contiguous.

    Raises:
        ParameterError: it is not floating point, not (C, T) or (T,), or the rate is none.
        DamagedError: it holds NaN or infinity.

    >>> import numpy as np
    >>> checked(np.zeros(4), 8000).shape
    (1, 4)
    """
    import numpy as np

    array = np.asarray(y)
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate < 1:
        raise ParameterError(
            f"the rate of the audio is {_shown(rate)}, not a whole number of Hz", hint="such as f(y, 44100)"
        )
    if array.dtype.kind != "f":
        hint = "divide 16-bit integers by 32768" if array.dtype.kind in "iu" else "give floating point samples"
        raise ParameterError(f"audio is float32 between -1 and 1, not {array.dtype}", hint=hint)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or not len(array):
        raise ParameterError(f"audio is (channels, samples), not an array of shape {array.shape}")
    if array.shape[0] > max(_MOST_CHANNELS, 2 * array.shape[1]):
        raise ParameterError(f"audio is (channels, samples), but this array is {array.shape}", hint="transpose it: y.T")
    if not np.isfinite(array).all():
        where = int(np.argmin(np.isfinite(array).all(axis=0)))
        raise DamagedError(
            f"the audio holds NaN or infinity, first at {where / rate:.3f} s", hint="np.nan_to_num(y) makes it silence"
        )
    return np.ascontiguousarray(array, np.float32)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, int | float | str | bool | None) else f"of type {type(value).__name__}"
