"""`tf.train`: optimizers, learning rates, moving averages, the step counter."""

from __future__ import annotations

from thalweg.summary.messages import SessionLog
from thalweg.summary.writer import FileWriter as SummaryWriter
from thalweg.train.adadelta import AdadeltaOptimizer
from thalweg.train.adagrad import AdagradOptimizer, ProximalAdagradOptimizer
from thalweg.train.adam import AdamOptimizer
from thalweg.train.ftrl import FtrlOptimizer
from thalweg.train.global_step import (
    assert_global_step,
    create_global_step,
    get_global_step,
    get_or_create_global_step,
    global_step,
)
from thalweg.train.gradient_descent import (
    GradientDescentOptimizer,
    ProximalGradientDescentOptimizer,
)
from thalweg.train.learning_rate import (
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    linear_cosine_decay,
    natural_exp_decay,
    piecewise_constant,
    polynomial_decay,
)
from thalweg.train.momentum import MomentumOptimizer
from thalweg.train.moving_averages import ExponentialMovingAverage
from thalweg.train.optimizer import Optimizer
from thalweg.train.rmsprop import RMSPropOptimizer
from thalweg.train.write_graph import write_graph

piecewise_constant_decay = piecewise_constant

__all__ = [
    "AdadeltaOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "ExponentialMovingAverage",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "Optimizer",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
    "SessionLog",
    "SummaryWriter",
    "assert_global_step",
    "cosine_decay",
    "cosine_decay_restarts",
    "create_global_step",
    "exponential_decay",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
    "inverse_time_decay",
    "linear_cosine_decay",
    "natural_exp_decay",
    "piecewise_constant",
    "piecewise_constant_decay",
    "polynomial_decay",
    "write_graph",
]
