"""Products with sparse matrices equal dense ones, with scipy's own module and without it, to the bit."""

import subprocess
import sys

import numpy as np
import pytest

from audiokit.dsp.spectrum import sparse
from audiokit.dsp.spectrum.compiled import compiled


@pytest.mark.parametrize("count", [0, 1, 5, 64])
def test_equals_the_dense_product_by_whatever_way(rng, monkeypatch, count):
    matrix = (rng.random((7, 30)) * (rng.random((7, 30)) < 0.2)).astype(np.float32)
    values = rng.random((30, count)).astype(np.float32)
    made = []
    for found in (compiled, lambda name: None):
        monkeypatch.setattr(sparse, "compiled", found)
        out = np.ones((7, count), np.float32)
        sparse.add_rows(sparse.rows_of(matrix), values, out)
        made.append(out)
    np.testing.assert_allclose(made[0], 1 + matrix @ values, rtol=1e-6)
    np.testing.assert_allclose(made[1], made[0], rtol=1e-6)


def test_scipy_sparse_is_not_imported_but_can_be():
    code = (
        "import sys, numpy as np; from audiokit.dsp.spectrum.sparse import add_rows, rows_of\n"
        "out = np.zeros((2, 1), np.float32); add_rows(rows_of(np.eye(2)), np.ones((2, 1), np.float32), out)\n"
        "assert 'scipy.sparse' not in sys.modules\n"
        "import scipy.sparse; assert np.array_equal(scipy.sparse.csr_array(np.eye(2)) @ np.ones((2, 1)), out)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
