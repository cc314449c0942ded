"""`tf.initializers`."""

from __future__ import annotations

from thalweg.ops.initializers import Constant as constant
from thalweg.ops.initializers import GlorotNormal as glorot_normal
from thalweg.ops.initializers import GlorotUniform as glorot_uniform
from thalweg.ops.initializers import Identity as identity
from thalweg.ops.initializers import Ones as ones
from thalweg.ops.initializers import RandomNormal as random_normal
from thalweg.ops.initializers import RandomUniform as random_uniform
from thalweg.ops.initializers import TruncatedNormal as truncated_normal
from thalweg.ops.initializers import UniformUnitScaling as uniform_unit_scaling
from thalweg.ops.initializers import VarianceScaling as variance_scaling
from thalweg.ops.initializers import Zeros as zeros
from thalweg.ops.initializers import he_normal, he_uniform, lecun_normal, lecun_uniform
from thalweg.ops.variable_collections import global_variables_initializer as global_variables
from thalweg.ops.variable_collections import local_variables_initializer as local_variables
from thalweg.ops.variable_collections import variables_initializer as variables

__all__ = [
    "constant",
    "global_variables",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "local_variables",
    "ones",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "uniform_unit_scaling",
    "variables",
    "variance_scaling",
    "zeros",
]
