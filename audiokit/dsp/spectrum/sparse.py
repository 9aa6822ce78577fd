"""Products with matrices that are nearly all zeros, in an order that nothing but the matrix decides.

A dense product (BLAS) is summed in another order for other shapes and processors, and differs in the last bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from audiokit.dsp.spectrum.compiled import compiled


class Rows(NamedTuple):
    """A matrix by its entries that are not 0, row after row (what is known as CSR).

    Attributes:
        shape: rows, columns.
        starts: where each row begins among the entries, and where the last one ends, int32.
        columns: of each entry, int32.
        values: the entries, float32.
    """

    shape: tuple[int, int]
    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def rows_of(matrix: np.ndarray) -> Rows:
    """Find the entries of a matrix (m, n) that are not 0.

    >>> rows_of(np.array([[0, 2], [0, 0], [3, 4]])).columns.tolist()
    [1, 0, 1]
    """
    row, column = np.nonzero(matrix)
    starts = np.searchsorted(row, np.arange(len(matrix) + 1)).astype(np.int32)
    shape = (matrix.shape[0], matrix.shape[1])
    return Rows(shape, starts, column.astype(np.int32), np.ascontiguousarray(matrix[row, column], np.float32))


def dense(rows: Rows) -> np.ndarray:
    """The matrix (m, n), float32, that has these entries.

    >>> dense(rows_of(np.array([[0, 2], [0, 0], [3, 4]]))).tolist()
    [[0.0, 2.0], [0.0, 0.0], [3.0, 4.0]]
    """
    matrix = np.zeros(rows.shape, np.float32)
    matrix[np.repeat(np.arange(rows.shape[0]), np.diff(rows.starts)), rows.columns] = rows.values
    return matrix


def add_rows(rows: Rows, values: np.ndarray, out: np.ndarray) -> None:
    """Add the product of a matrix (m, n) with values (n, N) to `out` (m, N); all float32 and C-contiguous.

    Each entry adds its share of a row of the values, from the left to the right, whatever N is.

    References:
        scipy.sparse's own product, csr_matvecs, which is what `csr_array @ array` calls.

    >>> out = np.zeros((3, 1), np.float32)
    >>> add_rows(rows_of(np.array([[0, 2], [0, 0], [3, 4]])), np.array([[1], [10]], np.float32), out)
    >>> out.ravel().tolist()
    [20.0, 0.0, 43.0]
    """
    _, starts, columns, weights = rows
    tools: Any = compiled("scipy.sparse._sparsetools")
    if tools is None:
        import scipy.sparse

        out += scipy.sparse.csr_array((weights, columns, starts), rows.shape) @ values
    else:
        tools.csr_matvecs(*rows.shape, values.shape[1], starts, columns, weights, values.reshape(-1), out.reshape(-1))
