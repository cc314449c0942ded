"""The names of TensorFlow 2's root module; `thalweg` takes them from here on first use."""

# ruff: noqa: F401
from __future__ import annotations

from thalweg._gen.root import (
    acos,
    acosh,
    as_string,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitcast,
    broadcast_to,
    cos,
    cosh,
    exp,
    floor,
    greater,
    greater_equal,
    identity_n,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    no_op,
    realdiv,
    roll,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    timestamp,
    truncatediv,
    truncatemod,
)
from thalweg.eager.function import function
from thalweg.eager.gradient_tape import GradientTape
from thalweg.eager.recompute import recompute_grad
from thalweg.eager.variable import Variable
from thalweg.eager.vectorized_map import vectorized_map
from thalweg.framework.composite import (
    IndexedSlices,
    SparseTensor,
)
from thalweg.framework.convert import (
    is_tensor,
    register_tensor_conversion_function,
)
from thalweg.framework.custom_gradient import custom_gradient, grad_pass_through
from thalweg.framework.default_graph import control_dependencies, init_scope
from thalweg.framework.default_graph import get_name_scope as get_current_name_scope
from thalweg.framework.device import (
    DeviceSpec,
)
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
from thalweg.framework.gradients import (
    AggregationMethod,
    RegisterGradient,
    UnconnectedGradients,
)
from thalweg.framework.gradients import NotDifferentiable as no_gradient
from thalweg.framework.graph import Graph, Operation
from thalweg.framework.graph_pb import (
    make_ndarray,
    make_tensor_proto,
)
from thalweg.framework.importer import (
    import_graph_def,
)
from thalweg.framework.load_library import (
    load_library,
    load_op_library,
)
from thalweg.framework.mode import (
    executing_eagerly,
)
from thalweg.framework.py_func import numpy_function, py_function
from thalweg.framework.shapes import (
    TensorShape,
)
from thalweg.framework.tensor import (
    Tensor,
)
from thalweg.framework.type_spec import (
    IndexedSlicesSpec,
    SparseTensorSpec,
    TensorSpec,
    TypeSpec,
    type_spec_from_value,
)
from thalweg.module import Module
from thalweg.ops.array import (
    broadcast_dynamic_shape,
    broadcast_static_shape,
    concat,
    identity,
    newaxis,
    rank,
    reshape,
    reverse,
    shape_n,
    split,
    stack,
    stop_gradient,
    tile,
    unstack,
)
from thalweg.ops.cast import cast, saturate_cast
from thalweg.ops.check import (
    Assert,
)
from thalweg.ops.clip import (
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
)
from thalweg.ops.cond import case, switch_case
from thalweg.ops.control import (
    group,
    print,
)
from thalweg.ops.creation import eye, linspace, meshgrid, range
from thalweg.ops.einsum import (
    einsum,
)
from thalweg.ops.flow import cond, while_loop
from thalweg.ops.indexing import (
    one_hot,
    repeat,
    sequence_mask,
    slice,
    unique,
    unique_with_counts,
)
from thalweg.ops.map_fn import foldl, foldr, map_fn, scan
from thalweg.ops.math import (
    abs,
    add,
    add_n,
    complex,
    cumsum,
    divide,
    equal,
    not_equal,
    pow,
    round,
    scalar_mul,
    sigmoid,
    tensordot,
    truediv,
)
from thalweg.ops.sort import (
    argsort,
    searchsorted,
    sort,
)
from thalweg.ops.tensor_array import TensorArray
from thalweg.ops.v2.array import (
    boolean_mask,
    constant,
    convert_to_tensor,
    ensure_shape,
    expand_dims,
    fill,
    gather,
    gather_nd,
    get_static_value,
    ones,
    ones_like,
    pad,
    reverse_sequence,
    scatter_nd,
    shape,
    size,
    squeeze,
    strided_slice,
    tensor_scatter_nd_add,
    tensor_scatter_nd_max,
    tensor_scatter_nd_min,
    tensor_scatter_nd_sub,
    tensor_scatter_nd_update,
    transpose,
    unravel_index,
    where,
    zeros,
    zeros_like,
)
from thalweg.ops.v2.check import (
    assert_equal,
    assert_greater,
    assert_less,
    assert_rank,
)
from thalweg.ops.v2.graph import (
    device,
    gradients,
    hessians,
    inside_function,
    is_symbolic_tensor,
    name_scope,
    tuple,
)
from thalweg.ops.v2.initializers import Constant as constant_initializer
from thalweg.ops.v2.initializers import Ones as ones_initializer
from thalweg.ops.v2.initializers import RandomNormal as random_normal_initializer
from thalweg.ops.v2.initializers import RandomUniform as random_uniform_initializer
from thalweg.ops.v2.initializers import Zeros as zeros_initializer
from thalweg.ops.v2.math import (
    histogram_fixed_width,
    matmul,
)
from thalweg.ops.v2.reduce import (
    argmax,
    argmin,
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
from thalweg.ops.variables import VariableAggregation, VariableSynchronization
from thalweg.platform.logging import (
    get_logger,
)
