"""`tf.linalg`: products, decompositions, linear systems."""

from __future__ import annotations

from thalweg._gen.linalg import (
    band_part,
    cholesky,
    det,
    inv,
    qr,
    slogdet,
    solve,
    tensor_diag,
    tensor_diag_part,
)
from thalweg.ops.clip import (
    global_norm,
)
from thalweg.ops.creation import eye
from thalweg.ops.einsum import (
    einsum,
)
from thalweg.ops.linalg import (
    adjoint,
    cholesky_solve,
    cross,
    diag,
    diag_part,
    eigh,
    eigvalsh,
    logdet,
    lstsq,
    matrix_rank,
    normalize,
    pinv,
    set_diag,
    svd,
    triangular_solve,
)
from thalweg.ops.math import (
    tensordot,
    trace,
)
from thalweg.ops.nn import (
    l2_normalize,
)
from thalweg.ops.transpose import matrix_transpose
from thalweg.ops.v2.math import (
    matmul,
    matvec,
)
from thalweg.ops.v2.reduce import (
    norm,
)

__all__ = [
    "adjoint",
    "band_part",
    "cholesky",
    "cholesky_solve",
    "cross",
    "det",
    "diag",
    "diag_part",
    "eigh",
    "eigvalsh",
    "einsum",
    "eye",
    "global_norm",
    "inv",
    "l2_normalize",
    "logdet",
    "lstsq",
    "matmul",
    "matrix_rank",
    "matrix_transpose",
    "matvec",
    "norm",
    "normalize",
    "pinv",
    "qr",
    "set_diag",
    "slogdet",
    "solve",
    "svd",
    "tensor_diag",
    "tensor_diag_part",
    "tensordot",
    "trace",
    "triangular_solve",
]
