"""`tf.random.Generator`: random numbers from a state that the program holds, in a variable."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.eager.variable import Variable
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.apply import apply_op
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, creation, stateless_random
from thalweg.ops.cast import cast_to
from thalweg.ops.random import shape_tensor
from thalweg.ops.stateless_random import algorithm_number

# Philox's state: the counter, low word first, and the key.
_STATE_SIZE = 3
# What a draw of one number sets aside of the stream, so that other numbers never overlap it.
_STEP = 256


def _words(number: int) -> list[int]:
    """The lowest words of an integer, as signed numbers of 64 bits."""
    words = [number >> 64 * i & 0xFFFFFFFFFFFFFFFF for i in range(_STATE_SIZE)]
    return [w - (1 << 64) if w >= 1 << 63 else w for w in words]


def _state_of(seed: Any) -> Any:
    """A state of three int64 from a seed: an integer of any size, or up to three numbers."""
    if isinstance(seed, (int, np.integer)):
        return np.array(_words(int(seed)), np.int64)
    if not isinstance(seed, Tensor):
        words = [_words(int(n))[0] for n in np.asarray(seed).reshape(-1)][:_STATE_SIZE]
        return np.array([0] * (_STATE_SIZE - len(words)) + words, np.int64)
    numbers = array.reshape(cast_to(seed, dtypes.int64), [-1])[:_STATE_SIZE]
    missing = raw_ops.Sub(_STATE_SIZE, raw_ops.Size(numbers))
    state = raw_ops.Pad(numbers, array.stack([[missing, 0]]))
    state.set_shape([_STATE_SIZE])
    return state


def create_rng_state(seed: Any, alg: Any) -> Tensor:
    """The state of a generator of algorithm `alg` that a seed stands for, as an int64 vector."""
    algorithm_number(alg)
    return convert_to_tensor(_state_of(seed))


class Generator:
    """A stream of random numbers. Every draw moves `state` on, also inside of functions.

    Args:
        copy_from: another generator, whose state is copied.
        state: three int64, the counter and the key.
        alg: 'philox', its number or `tf.random.Algorithm.PHILOX`.
    """

    def __init__(self, copy_from: Any = None, state: Any = None, alg: Any = None) -> None:
        if copy_from is not None:
            if state is not None or alg is not None:
                raise ValueError("Generator takes either copy_from or state and alg, not both")
            state, self._alg = copy_from.state.read_value(), copy_from._alg
        else:
            if state is None or alg is None:
                raise ValueError(
                    "Generator needs a state and an algorithm; see from_seed and from_state"
                )
            self._alg = algorithm_number(alg)
        self._state_var = Variable(
            _checked(state), trainable=False, name="StateVar", dtype=dtypes.int64
        )

    # --- making one ----------------------------------------------------------------------------

    @classmethod
    def from_state(cls, state: Any, alg: Any) -> Generator:
        """A generator in the state given."""
        return cls(state=state, alg=alg)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """A generator in the state that a seed stands for."""
        return cls(state=_state_of(seed), alg=1 if alg is None else alg)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator in a state that the operating system draws."""
        state = np.frombuffer(os.urandom(8 * _STATE_SIZE), np.int64)
        return cls(state=state, alg=1 if alg is None else alg)

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any) -> Generator:
        """A generator whose key (a number) and counter (two) are given."""
        return cls(state=_joined(key, counter), alg=alg)

    # --- state ---------------------------------------------------------------------------------

    @property
    def state(self) -> Any:
        """The variable with the counter and the key."""
        return self._state_var

    @property
    def algorithm(self) -> int:
        """The algorithm's number."""
        return self._alg

    @property
    def key(self) -> Tensor:
        """The part of the state that draws do not change, a scalar."""
        return self._state_var.read_value()[_STATE_SIZE - 1]

    def reset(self, state: Any) -> None:
        """Puts the generator into the state given."""
        self._state_var.assign(_checked(state))

    def reset_from_seed(self, seed: Any) -> None:
        """Puts the generator into the state that a seed stands for."""
        self._state_var.assign(_state_of(seed))

    def reset_from_key_counter(self, key: Any, counter: Any) -> None:
        """Puts the generator into the state of a key (a number) and a counter (two)."""
        self._state_var.assign(_joined(key, counter))

    def skip(self, delta: Any) -> Tensor:
        """Passes over `delta` numbers; the state before that."""
        delta = cast_to(convert_to_tensor(delta), dtypes.int64)
        before = self._state_var.read_value()
        low, high, key = raw_ops.Unpack(before, num=_STATE_SIZE, axis=0)
        sum_ = raw_ops.AddV2(low, raw_ops.Mul(delta, _STEP))
        # Words are unsigned: the sum has wrapped round if it is less than it was.
        carry = raw_ops.Less(_unsigned(sum_), _unsigned(low))
        high = raw_ops.AddV2(high, raw_ops.Cast(carry, DstT=dtypes.int64))
        self._state_var.assign(array.stack([sum_, high, key]))
        return before

    def _place(self, shape: Any, each: int = 1) -> tuple[Tensor, Tensor, int]:
        """Key, counter and algorithm for a draw of this shape, which nobody else gets; `each` is
        how many numbers are set aside for one.
        """
        count: Any = (
            raw_ops.Prod(cast_to(shape, dtypes.int64), [0])
            if isinstance(shape, Tensor)
            else math.prod(shape)
        )
        state = _unsigned(self.skip(count * each if each > 1 else count))
        return state[_STATE_SIZE - 1 :], state[: _STATE_SIZE - 1], self._alg

    # --- numbers -------------------------------------------------------------------------------

    def normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:
        """Normal with this mean and standard deviation."""
        with op_scope(name, "stateful_normal", [shape, mean, stddev]) as scope:
            shape = shape_tensor(shape)
            drawn = raw_ops.StatelessRandomNormalV2(shape, *self._place(shape), dtype=dtype)
            return stateless_random.scaled(drawn, mean, stddev, scope)

    def truncated_normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:
        """Normal, redrawn beyond two standard deviations from the mean."""
        with op_scope(name, "truncated_normal", [shape, mean, stddev]) as scope:
            shape = shape_tensor(shape)
            drawn = raw_ops.StatelessTruncatedNormalV2(shape, *self._place(shape), dtype=dtype)
            return stateless_random.scaled(drawn, mean, stddev, scope)

    def uniform(
        self,
        shape: Any,
        minval: Any = 0,
        maxval: Any = None,
        dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:
        """Uniform in [minval, maxval); maxval defaults to 1 for floats and must be given for
        integers.
        """
        dtype = dtypes.as_dtype(dtype)
        if maxval is None:
            if dtype.is_integer:
                raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
            maxval = 1
        with op_scope(name, "stateful_uniform", [shape, minval, maxval]) as scope:
            shape = shape_tensor(shape)
            place = self._place(shape)
            return stateless_random.uniform_from_key(shape, place, minval, maxval, dtype, scope)

    def uniform_full_int(
        self, shape: Any, dtype: Any = dtypes.uint64, name: str | None = None
    ) -> Tensor:
        """Integers over the whole range of `dtype`."""
        with op_scope(name, "stateful_uniform_full_int", [shape]) as scope:
            shape = shape_tensor(shape)
            return raw_ops.StatelessRandomUniformFullIntV2(
                shape, *self._place(shape), dtype=dtype, name=scope
            )

    def binomial(
        self,
        shape: Any,
        counts: Any,
        probs: Any,
        dtype: Any = dtypes.int32,
        name: str | None = None,
    ) -> Tensor:
        """Binomially distributed numbers.

        Args:
            shape: of the result; ends with the shape to which counts and probs broadcast.
            counts: numbers of trials, of the dtype of probs.
            probs: probabilities of success.
        """
        with op_scope(name, "binomial", [shape, counts, probs]) as scope:
            counts = convert_to_tensor(counts, name="counts")
            probs = convert_to_tensor(probs, name="probs")
            shape = shape_tensor(shape)
            key, counter, alg = self._place(shape, 100)
            return apply_op(
                "_KeyedBinomial",
                scope,
                shape=shape,
                key=key,
                counter=counter,
                alg=alg,
                counts=counts,
                probs=probs,
                dtype=dtype,
            )

    # --- offspring -----------------------------------------------------------------------------

    def _new_keys(self, count: int) -> Tensor:
        return self.uniform_full_int([count], dtypes.int64)

    def make_seeds(self, count: int = 1) -> Tensor:
        """`count` seeds for stateless functions, as columns: int64 of shape [2, count]."""
        keys = self._new_keys(count)
        return array.stack([keys, creation.zeros_like(keys)])

    def split(self, count: int = 1) -> list[Generator]:
        """`count` generators whose streams are independent of each other and of this one."""
        keys = self._new_keys(count)
        return [
            Generator.from_key_counter(key, [0, 0], self._alg)
            for key in array.unstack(keys, num=count)
        ]


def _unsigned(x: Tensor) -> Tensor:
    return raw_ops.Bitcast(x, type=dtypes.uint64)


def _checked(state: Any) -> Any:
    """A state as an int64 vector of three."""
    if not isinstance(state, Tensor) and not hasattr(state, "read_value"):
        state = np.asarray(state)
        if state.dtype == np.uint64:
            state = state.view(np.int64)
        state = state.astype(np.int64)
    shape = tuple(state.shape)
    if shape != (_STATE_SIZE,):
        raise ValueError(
            f"Shapes {shape} and [{_STATE_SIZE}] are incompatible: a generator's state"
        )
    return state


def _joined(key: Any, counter: Any) -> Any:
    if isinstance(key, Tensor) or isinstance(counter, Tensor):
        words = cast_to(convert_to_tensor(counter), dtypes.int64)
        last = array.reshape(cast_to(convert_to_tensor(key), dtypes.int64), [1])
        return array.concat([words, last], 0)
    return np.append(np.asarray(counter, np.int64), np.asarray(key, np.int64))


_global: Generator | None = None


def get_global_generator() -> Generator:
    """The process's generator; made from a non-deterministic state when it is first asked for."""
    global _global
    if _global is None:
        with ops.init_scope():
            _global = Generator.from_non_deterministic_state()
    return _global


def set_global_generator(generator: Generator) -> None:
    """Makes `generator` the process's. Functions that have used the old one keep it."""
    global _global
    _global = generator
