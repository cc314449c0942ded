"""`tf.train`: optimizers, learning rates, moving averages, the step counter."""

from __future__ import annotations

from thalweg.framework.meta_graph import SaverDef, export_meta_graph
from thalweg.summary.messages import SessionLog
from thalweg.summary.writer import FileWriter as SummaryWriter
from thalweg.train.adadelta import AdadeltaOptimizer
from thalweg.train.adagrad import AdagradOptimizer, ProximalAdagradOptimizer
from thalweg.train.adam import AdamOptimizer
from thalweg.train.checkpoint import Checkpoint
from thalweg.train.checkpoint_manager import CheckpointManager
from thalweg.train.checkpoint_options import CheckpointOptions
from thalweg.train.checkpoint_reader import CheckpointReader as NewCheckpointReader
from thalweg.train.checkpoint_reader import list_variables, load_checkpoint, load_variable
from thalweg.train.checkpoint_state import (
    checkpoint_exists,
    checkpoints_iterator,
    generate_checkpoint_state_proto,
    get_checkpoint_mtimes,
    get_checkpoint_state,
    latest_checkpoint,
    remove_checkpoint,
    update_checkpoint_state,
)
from thalweg.train.coordinator import Coordinator, LooperThread
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
from thalweg.train.init_from_checkpoint import init_from_checkpoint
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
from thalweg.train.saver import Saver, import_meta_graph
from thalweg.train.write_graph import write_graph

piecewise_constant_decay = piecewise_constant

__all__ = [
    "AdadeltaOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "Checkpoint",
    "CheckpointManager",
    "CheckpointOptions",
    "Coordinator",
    "ExponentialMovingAverage",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "LooperThread",
    "MomentumOptimizer",
    "NewCheckpointReader",
    "Optimizer",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
    "Saver",
    "SaverDef",
    "SessionLog",
    "SummaryWriter",
    "assert_global_step",
    "checkpoint_exists",
    "checkpoints_iterator",
    "cosine_decay",
    "cosine_decay_restarts",
    "create_global_step",
    "exponential_decay",
    "export_meta_graph",
    "generate_checkpoint_state_proto",
    "get_checkpoint_mtimes",
    "get_checkpoint_state",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
    "import_meta_graph",
    "init_from_checkpoint",
    "inverse_time_decay",
    "latest_checkpoint",
    "linear_cosine_decay",
    "list_variables",
    "load_checkpoint",
    "load_variable",
    "natural_exp_decay",
    "piecewise_constant",
    "piecewise_constant_decay",
    "polynomial_decay",
    "remove_checkpoint",
    "update_checkpoint_state",
    "write_graph",
]
