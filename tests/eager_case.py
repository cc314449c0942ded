"""Cases of the op table run eagerly and as graphs, forwards and backwards, and compared bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from op_case import Case, call, group_inputs, outputs_of

import thalweg.compat.v1 as tf
from thalweg import _core
from thalweg.eager.function import function
from thalweg.framework.graph_stack import eager_mode

INEXACT = (tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64, tf.complex128)


@contextmanager
def recording(*watched: Any) -> Iterator[Any]:
    """A tape that follows the tensors or variables given."""
    tape = _core.Tape(True, True)
    for x in watched:
        tape.watch(x)
    tape.start()
    try:
        yield tape
    finally:
        tape.stop()


def f32(*shape: int) -> Any:
    """Ones."""
    return tf.constant(np.ones(shape, np.float32))


def f64(*shape: int) -> Any:
    """Ones."""
    return tf.constant(np.ones(shape))


def bits(x: Any) -> tuple[Any, ...]:
    """What has to be equal: type, shape and bytes, with one NaN for all."""
    a = np.asarray(x, object) if isinstance(x, bytes) else np.asarray(x)
    if a.dtype == object:
        return ("object", a.shape, a.tolist())
    if a.dtype.kind in "fc":
        parts = np.stack([a.real, a.imag])
        return (
            a.dtype.str,
            a.shape,
            np.where(np.isnan(parts), parts.dtype.type(np.nan), parts).tobytes(),
        )
    return (a.dtype.str, a.shape, a.tobytes())


def assert_same_bits(got: Sequence[Any], want: Sequence[Any], what: str) -> None:
    assert len(got) == len(want), f"{what}: {len(got)} results, want {len(want)}"
    for i, (a, b) in enumerate(zip(got, want)):
        assert bits(a) == bits(b), f"{what}: result {i} is {a!r}, by the graph {b!r}"


def widened(t: Any) -> Any:
    """bfloat16, which NumPy lacks, as float32."""
    return tf.cast(t, tf.float32) if t.dtype.base_dtype == tf.bfloat16 else t


def eager_inputs(case: Case) -> list[Any]:
    xs = [tf.constant(x) for x in case.inputs]
    return [tf.cast(x, tf.bfloat16) if i in case.narrow else x for i, x in enumerate(xs)]


def eager_values(tensors: Sequence[Any]) -> list[Any]:
    return [None if t is None else widened(t).numpy() for t in tensors]


def run_eagerly(name: str, case: Case) -> tuple[list[Any], list[str]]:
    """Values (bfloat16 as float32) and the types of the outputs."""
    with eager_mode():
        ys = outputs_of(call(name, group_inputs(name, eager_inputs(case)), case.attrs))
        return eager_values(ys), [y.dtype.name for y in ys]


def run_in_function(name: str, case: Case) -> tuple[list[Any], list[str]]:
    """The same inside of a traced function, whose arguments the inputs are."""

    @function(autograph=False)
    def traced(*xs: Any) -> Any:
        return outputs_of(call(name, group_inputs(name, list(xs)), case.attrs))

    with eager_mode():
        ys = traced(*eager_inputs(case))
        return eager_values(ys), [y.dtype.name for y in ys]


def random_like(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Values that are exact in every floating type."""
    x = rng.integers(-64, 65, shape) / 32
    if dtype.is_complex:
        x = x + 1j * (rng.integers(-64, 65, shape) / 32)
    return np.asarray(x, (tf.float32 if dtype == tf.bfloat16 else dtype).as_numpy_dtype)


def _as(dtype: Any, x: Any) -> Any:
    return tf.cast(x, tf.bfloat16) if dtype == tf.bfloat16 else x


def whole(gradients: Sequence[Any]) -> list[Any]:
    """Gradients as the core or tf.gradients gives them, with slices as the tensors they stand for."""

    def one(g: Any) -> Any:
        if isinstance(g, tuple):
            values, indices, rows = g
            shape = [int(rows), *values.shape.as_list()[1:]]
            g = tf.IndexedSlices(values, indices, tf.constant(shape))
        return tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g

    return [one(g) for g in gradients]


class Gradients:
    """Gradients of one case by all its inexact inputs, by tape and by graph, from the same output gradients; order 2:
    the gradients of those by the inputs and by the output gradients.
    """

    def __init__(
        self, name: str, case: Case, constants: Sequence[int] = (), order: int = 1
    ) -> None:
        self.name, self.case, self.order = name, case, order
        self.constants = constants
        self.seeds: list[np.ndarray] = []

    def by_tape(self) -> list[Any] | str:
        with eager_mode():
            xs = eager_inputs(self.case)
            wrt = [x for x in xs if x.dtype in INEXACT]
            rng = np.random.default_rng(5)
            try:
                with recording(*wrt) as outer:
                    with recording(*wrt) as inner:
                        ys = outputs_of(
                            call(self.name, group_inputs(self.name, xs), self.case.attrs)
                        )
                    ys = [y for y in ys if y.dtype in INEXACT]
                    if not ys:
                        return "nothing to differentiate"
                    dys = self._seeds(rng, ys)
                    for dy in dys:
                        outer.watch(dy)
                    grads = whole(inner.gradient(ys, dys, wrt))
                if self.order == 1:
                    return eager_values(grads)
                found = [g for g in grads if g is not None]
                second = whole(outer.gradient(found, self._seeds(rng, found), wrt + dys))
                return eager_values(second)
            except LookupError as error:
                return type(error).__name__

    def _seeds(self, rng: np.random.Generator, ys: Sequence[Any]) -> list[Any]:
        arrays = [random_like(rng, tuple(y.shape.as_list()), y.dtype) for y in ys]
        self.seeds += arrays
        return [_as(y.dtype, tf.constant(a)) for y, a in zip(ys, arrays)]

    def by_graph(self, optimize: bool = True) -> list[Any] | str:
        """Needs by_tape() first, for the shapes of the output gradients."""
        options = tf.OptimizerOptions(opt_level=0 if optimize else -1)
        config = tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options))
        with tf.Graph().as_default(), tf.Session(config=config) as sess:
            feeds = {}
            xs = []
            for i, x in enumerate(self.case.inputs):
                if i in self.constants:
                    xs.append(tf.constant(x))
                    continue
                p = tf.placeholder(x.dtype, x.shape)
                feeds[p] = x
                xs.append(tf.cast(p, tf.bfloat16) if i in self.case.narrow else p)
            wrt = [x for x in xs if x.dtype in INEXACT]
            seeds = iter(self.seeds)

            def fed(ys: list[Any]) -> list[Any]:
                out = []
                for y in ys:
                    a = next(seeds)
                    p = tf.placeholder(a.dtype, a.shape)
                    feeds[p] = a
                    out.append(_as(y.dtype, p))
                return out

            ys = outputs_of(call(self.name, group_inputs(self.name, xs), self.case.attrs))
            ys = [y for y in ys if y.dtype in INEXACT]
            if not ys:
                return "nothing to differentiate"
            try:
                dys = fed(ys)
                grads = whole(tf.gradients(ys, wrt, dys))
                if self.order == 2:
                    found = [g for g in grads if g is not None]
                    grads = whole(tf.gradients(found, wrt + dys, fed(found)))
            except LookupError as error:
                return type(error).__name__
            known = [g for g in grads if g is not None]
            got = iter(sess.run([widened(g) for g in known], feeds))
            return [None if g is None else next(got) for g in grads]
