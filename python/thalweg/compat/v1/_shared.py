"""Names that are one and the same in TensorFlow 1 and 2. They load from TensorFlow 2's modules on
first use, so that programs which do without them do not wait for them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

# By namespace of TensorFlow 1 and module: names; old=new where the module has another name for it.
_NAMES: dict[str, dict[str, str]] = {
    "": {
        "thalweg._root": "IndexedSlicesSpec Module SparseTensorSpec TensorSpec TypeSpec argsort "
        "einsum is_symbolic_tensor no_gradient py_function recompute_grad reverse_v2=reverse "
        "searchsorted sort type_spec_from_value unravel_index",
        "thalweg.debugging": "assert_proper_iterable assert_same_float_dtype",
        "thalweg.io": "matching_files read_file write_file",
        "thalweg.linalg": "cholesky cholesky_solve cross matrix_determinant=det matrix_inverse=inv "
        "matrix_solve=solve matrix_solve_ls=lstsq matrix_triangular_solve=triangular_solve qr "
        "self_adjoint_eig=eigh self_adjoint_eigvals=eigvalsh svd",
        "thalweg.math": "angle is_non_decreasing is_strictly_increasing lbeta "
        "unsorted_segment_mean unsorted_segment_sqrt_n",
        "thalweg.strings": "regex_replace string_join=join string_strip=strip",
    },
    "debugging": {
        "thalweg.debugging": "assert_proper_iterable assert_same_float_dtype",
        "thalweg.math": "is_non_decreasing is_strictly_increasing",
    },
    "dtypes": {"thalweg._root": "as_string"},
    "image": {
        "thalweg.image": "adjust_gamma adjust_hue adjust_saturation hsv_to_rgb psnr random_crop "
        "random_hue random_saturation rgb_to_hsv rgb_to_yiq rgb_to_yuv total_variation "
        "yiq_to_rgb yuv_to_rgb",
    },
    "io": {"thalweg.io": "matching_files read_file write_file"},
    "linalg": {
        "thalweg._root": "einsum",
        "thalweg.linalg": "adjoint cholesky_solve cross eigh eigvalsh logdet lstsq matrix_rank "
        "normalize pinv svd triangular_solve",
    },
    "math": {
        "thalweg.math": "is_non_decreasing is_strictly_increasing lbeta unsorted_segment_mean "
        "unsorted_segment_sqrt_n xlog1py",
    },
    "nn": {
        "thalweg.nn": "avg_pool1d avg_pool_v2=avg_pool compute_average_loss max_pool1d "
        "max_pool_v2=max_pool normalize_moments scale_regularization_loss",
    },
    "strings": {"thalweg.strings": "format"},
}


def names_of(namespace: str) -> dict[str, tuple[str, str]]:
    """Where the names of a namespace live: module and name there."""
    return {
        name.partition("=")[0]: (module, name.partition("=")[2] or name)
        for module, names in _NAMES.get(namespace, {}).items()
        for name in names.split()
    }


def shared(module_name: str, namespace: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module of TensorFlow 1."""
    homes = names_of(namespace)

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home[0]), home[1])
        setattr(sys.modules[module_name], name, value)
        return value

    return find
