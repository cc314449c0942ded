"""TensorFlow 1's names: `import thalweg.compat.v1 as tf`.

Everything here works in graph mode; a name that is missing is not supported yet.
"""

# ruff: noqa: F401, F403, F405
from __future__ import annotations

import importlib
import sys
from typing import Any

from thalweg import __version__, compat, raw_ops
from thalweg._gen.root import *
from thalweg.client.config import (
    ConfigProto,
    GPUOptions,
    GraphOptions,
    OptimizerOptions,
    RunMetadata,
    RunOptions,
)
from thalweg.client.session import InteractiveSession, Session
from thalweg.compat.v1 import dtypes, initializers, io, linalg, math, nn, random, summary, train
from thalweg.compat.v1._shared import shared
from thalweg.compat.v1.modes import (
    disable_control_flow_v2,
    disable_eager_execution,
    disable_resource_variables,
    disable_tensor_equality,
    disable_v2_behavior,
    disable_v2_tensorshape,
    enable_control_flow_v2,
    enable_eager_execution,
    enable_resource_variables,
    enable_tensor_equality,
    enable_v2_behavior,
    enable_v2_tensorshape,
    executing_eagerly,
    executing_eagerly_outside_functions,
    resource_variables_enabled,
)
from thalweg.eager.function import function
from thalweg.eager.gradient_tape import GradientTape
from thalweg.eager.vectorized_map import vectorized_map
from thalweg.framework import errors, mode
from thalweg.framework.composite import IndexedSlices, SparseTensor, SparseTensorValue
from thalweg.framework.convert import (
    constant,
    constant_value,
    convert_to_tensor,
    convert_to_tensor_or_operation,
    is_tensor,
    register_tensor_conversion_function,
)
from thalweg.framework.custom_gradient import custom_gradient, grad_pass_through
from thalweg.framework.default_graph import (
    add_to_collection,
    add_to_collections,
    colocate_with,
    container,
    control_dependencies,
    device,
    get_collection,
    get_collection_ref,
    get_default_graph,
    init_scope,
    name_scope,
    reset_default_graph,
)
from thalweg.framework.default_session import get_default_session
from thalweg.framework.device import DeviceSpec
from thalweg.framework.dtypes import (
    DType,
    as_dtype,
    bfloat16,
    bool,
    complex64,
    complex128,
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    qint8,
    qint16,
    qint32,
    quint8,
    quint16,
    resource,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
    variant,
)
from thalweg.framework.errors import OpError
from thalweg.framework.gradients import (
    AggregationMethod,
    NoGradient,
    NotDifferentiable,
    RegisterGradient,
    UnconnectedGradients,
    gradients,
    hessians,
)
from thalweg.framework.graph import Graph, GraphKeys, Operation, Tensor
from thalweg.framework.graph_pb import (
    AttrValue,
    GraphDef,
    NodeDef,
    make_ndarray,
    make_tensor_proto,
)
from thalweg.framework.importer import import_graph_def
from thalweg.framework.load_library import load_library, load_op_library
from thalweg.framework.py_func import numpy_function, py_func
from thalweg.framework.random_seed import get_seed, set_random_seed
from thalweg.framework.shapes import Dimension, TensorShape, dimension_at_index, dimension_value
from thalweg.ops.array import (
    broadcast_dynamic_shape,
    broadcast_static_shape,
    concat,
    expand_dims,
    identity,
    newaxis,
    pack,
    pad,
    rank,
    reshape,
    reverse,
    shape,
    shape_n,
    size,
    split,
    squeeze,
    stack,
    stop_gradient,
    tile,
    unpack,
    unstack,
)
from thalweg.ops.cast import (
    cast,
    saturate_cast,
    to_bfloat16,
    to_complex64,
    to_complex128,
    to_double,
    to_float,
    to_int32,
    to_int64,
)
from thalweg.ops.check import (
    Assert,
    assert_equal,
    assert_greater,
    assert_greater_equal,
    assert_integer,
    assert_less,
    assert_less_equal,
    assert_negative,
    assert_non_negative,
    assert_non_positive,
    assert_none_equal,
    assert_positive,
    assert_rank,
    assert_rank_at_least,
    assert_scalar,
    assert_type,
    check_numerics,
    is_numeric_tensor,
    verify_tensor_all_finite,
)
from thalweg.ops.clip import (
    clip_by_average_norm,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    global_norm,
)
from thalweg.ops.cond import case, cond, switch_case
from thalweg.ops.control import Print, group, no_op, print, tuple
from thalweg.ops.creation import (
    eye,
    fill,
    linspace,
    meshgrid,
    ones,
    ones_like,
    placeholder,
    placeholder_with_default,
    range,
    zeros,
    zeros_like,
)
from thalweg.ops.indexing import (
    boolean_mask,
    gather,
    gather_nd,
    one_hot,
    repeat,
    reverse_sequence,
    sequence_mask,
    setdiff1d,
    slice,
    strided_slice,
    unique,
    unique_with_counts,
    where,
    where_v2,
)
from thalweg.ops.initializers import Constant as constant_initializer
from thalweg.ops.initializers import GlorotNormal as glorot_normal_initializer
from thalweg.ops.initializers import GlorotUniform as glorot_uniform_initializer
from thalweg.ops.initializers import Ones as ones_initializer
from thalweg.ops.initializers import RandomNormal as random_normal_initializer
from thalweg.ops.initializers import RandomUniform as random_uniform_initializer
from thalweg.ops.initializers import TruncatedNormal as truncated_normal_initializer
from thalweg.ops.initializers import UniformUnitScaling as uniform_unit_scaling_initializer
from thalweg.ops.initializers import VarianceScaling as variance_scaling_initializer
from thalweg.ops.initializers import Zeros as zeros_initializer
from thalweg.ops.linalg import diag as matrix_diag
from thalweg.ops.linalg import diag_part as matrix_diag_part
from thalweg.ops.linalg import set_diag as matrix_set_diag
from thalweg.ops.map_fn import foldl, foldr, map_fn, scan
from thalweg.ops.math import (
    abs,
    accumulate_n,
    add,
    add_n,
    arg_max,
    arg_min,
    complex,
    confusion_matrix,
    conj,
    cumprod,
    cumsum,
    div,
    div_no_nan,
    divide,
    equal,
    floordiv,
    imag,
    log_sigmoid,
    logical_xor,
    matmul,
    mod,
    not_equal,
    pow,
    real,
    round,
    scalar_mul,
    sigmoid,
    tensordot,
    trace,
    truediv,
)
from thalweg.ops.nn import in_top_k
from thalweg.ops.random import (
    multinomial,
    random_crop,
    random_normal,
    random_shuffle,
    random_uniform,
    truncated_normal,
)
from thalweg.ops.random_rejection import random_gamma
from thalweg.ops.random_rejection import random_poisson_v1 as random_poisson
from thalweg.ops.reduce import (
    argmax,
    argmin,
    count_nonzero,
    norm,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
)
from thalweg.ops.state import (
    assign,
    assign_add,
    assign_sub,
    count_up_to,
    scatter_add,
    scatter_div,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_nd_add,
    scatter_nd_sub,
    scatter_nd_update,
    scatter_sub,
    scatter_update,
)
from thalweg.ops.strings import decode_raw, string_to_number
from thalweg.ops.tensor_array import TensorArray
from thalweg.ops.transpose import matrix_transpose, transpose
from thalweg.ops.variable_collections import (
    all_variables,
    assert_variables_initialized,
    global_variables,
    global_variables_initializer,
    initialize_all_variables,
    initialize_local_variables,
    initialize_variables,
    is_variable_initialized,
    local_variables,
    local_variables_initializer,
    model_variables,
    moving_average_variables,
    report_uninitialized_variables,
    trainable_variables,
    variables_initializer,
)
from thalweg.ops.variable_scope import (
    AUTO_REUSE,
    VariableScope,
    get_local_variable,
    get_variable,
    get_variable_scope,
    no_regularizer,
    variable_op_scope,
    variable_scope,
)
from thalweg.ops.variables import Variable, VariableAggregation, VariableSynchronization
from thalweg.ops.while_loop import while_loop
from thalweg.platform import app, flags, gfile, logging
from thalweg.summary.messages import Event, HistogramProto, Summary, SummaryMetadata
from thalweg.summary.ops import (
    histogram_summary,
    merge_all_summaries,
    merge_summary,
    scalar_summary,
)

VERSION = __version__
get_logger = logging.get_logger

# Names of TensorFlow 0.x.
mul, sub, neg, select, concat_v2, batch_matmul = multiply, subtract, negative, where, concat, matmul
get_static_value = constant_value

mode.v1_imported()

_LAZY = {
    "autograph": "thalweg.autograph",
    "debugging": "thalweg.compat.v1.debugging",
    "examples": "thalweg.examples",
    "image": "thalweg.compat.v1.image",
    "bitwise": "thalweg._gen.bitwise",
    "config": "thalweg.config",
    "layers": "thalweg.compat.v1.layers",
    "losses": "thalweg.compat.v1.losses",
    "nest": "thalweg.nest",
    "strings": "thalweg.compat.v1.strings",
    "sysconfig": "thalweg.sysconfig",
    "test": "thalweg.platform.test",
}


_shared_name = shared(__name__, "")


def __getattr__(name: str) -> Any:
    """Modules and names that most programs do without load on first use."""
    target = _LAZY.get(name)
    if target is None:
        return _shared_name(name)
    module = importlib.import_module(target)
    setattr(sys.modules[__name__], name, module)
    return module
