"""EagerTensor: a tensor that has its value. The core makes the class; what need not be fast is
added here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from thalweg import _core
from thalweg.framework import dtypes
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import Tensor
from thalweg.framework.values import constant_array

#: Functions (a, b) for the operators that the core leaves to Python; operators.py fills it.
fallbacks: dict[str, Any] = {}

EagerTensor: Any = _core.make_eager_tensor_type(
    Tensor,
    TensorShape._known,
    {t.as_datatype_enum: t for t in dtypes.all_dtypes()},
    fallbacks,
)


def from_array(array: Any, dtype: dtypes.DType) -> Any:
    """A tensor with a copy of the array's elements."""
    return _core.eager_tensor(array, dtype.as_datatype_enum)


def _text(self: Any, is_repr: bool) -> str:
    if not self.dtype.is_numpy_compatible:
        return "<unprintable>"
    if self.dtype is dtypes.bfloat16:
        return _bfloat16_text(self, is_repr)
    value = self.numpy()
    scalar = self.ndim == 0 and not isinstance(value, bytes)
    if is_repr and scalar:
        return repr(value.item())
    text = repr(value) if is_repr else str(value)
    return "\n" + text if "\n" in text else text


def _widened(self: Any) -> Any:
    """bfloat16, which NumPy lacks, as float32."""
    return (np.asarray(self.numpy()).astype(np.uint32) << 16).view(np.float32)[()]


def _bfloat16_text(self: Any, is_repr: bool) -> str:
    values = _widened(self)
    if self.ndim == 0:
        return repr(values.item()) if is_repr else f"{values:g}"
    text = np.array2string(
        values,
        separator=", " if is_repr else " ",
        prefix="array(" if is_repr else "",
        formatter={"float_kind": lambda x: f"{x:g}"},
    )
    text = f"array({text}, dtype=bfloat16)" if is_repr else text
    return "\n" + text if "\n" in text else text


def _repr(self: Any) -> str:
    return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={_text(self, True)}>"


def _str(self: Any) -> str:
    return f"tf.Tensor({_text(self, False)}, shape={self.shape}, dtype={self.dtype.name})"


def _format(self: Any, spec: str) -> str:
    value = _widened(self) if self.dtype is dtypes.bfloat16 else self.numpy()
    return format(value, spec)


def _iter(self: Any) -> Iterator[Any]:
    if self.ndim == 0:
        raise TypeError("Cannot iterate over a scalar tensor.")
    return (self[i] for i in range(len(self)))


def _array(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
    """The value for NumPy: its memory, read-only, where no copy is asked for."""
    view = self._view()
    if dtype is not None and np.dtype(dtype) != view.dtype:
        if copy is False:
            raise ValueError(f"a tensor of {self.dtype.name} is not {dtype} without a copy")
        return view.astype(dtype)
    return np.array(view) if copy else view


def _reduce(self: Any) -> Any:
    return _restore, (self.numpy(), self.dtype.as_datatype_enum)


def _restore(value: Any, dtype: int) -> Any:
    kind = dtypes.as_dtype(dtype)
    return from_array(constant_array(value, kind)[0], kind)


def _itself(self: Any) -> Any:
    return self


def _deepcopy(self: Any, memo: Any) -> Any:
    return self  # nothing can change it


def _set_shape(self: Any, shape: Any) -> None:
    """Nothing, or ValueError where the shape is not compatible."""
    shape = TensorShape(shape)
    if not self.shape.is_compatible_with(shape):
        raise ValueError(
            f"Tensor's shape {self.shape} is not compatible with supplied shape {shape}."
        )


def _graph_only(name: str) -> property:
    def refuse(self: Any) -> NoReturn:
        raise AttributeError(f"Tensor.{name} is undefined when eager execution is enabled.")

    return property(refuse)


def _consumers(self: Any) -> NoReturn:
    raise NotImplementedError("Tensor.consumers is undefined when eager execution is enabled.")


def _eval(self: Any, feed_dict: Any = None, session: Any = None) -> NoReturn:
    raise NotImplementedError(
        "eval is not supported when eager execution is enabled, is .numpy() what you're looking "
        "for?"
    )


def _dlpack(self: Any, **options: Any) -> Any:
    from thalweg.eager.dlpack import export

    return export(self, **options)


def _dlpack_device(self: Any) -> tuple[int, int]:
    from thalweg.eager.dlpack import device_of

    return device_of(self)


for _name, _value in {
    "__repr__": _repr,
    "__str__": _str,
    "__format__": _format,
    "__iter__": _iter,
    "__array__": _array,
    "__reduce__": _reduce,
    "__copy__": _itself,
    "__deepcopy__": _deepcopy,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "set_shape": _set_shape,
    "eval": _eval,
    "op": _graph_only("op"),
    "graph": _graph_only("graph"),
    "name": _graph_only("name"),
    "consumers": _consumers,
    "value_index": _graph_only("value_index"),
    "backing_device": property(lambda self: self.device),
}.items():
    setattr(EagerTensor, _name, _value)
EagerTensor.__module__, EagerTensor.__qualname__ = __name__, "EagerTensor"
