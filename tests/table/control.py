"""Identities and ops that are tested by what they do: their tests are named."""

from __future__ import annotations

import numpy as np
from op_case import Case, Op

from table.array import fill, over, r

ROWS = [
    r("Identity", lambda x: x, over(((3, 4), []), ((), []), ((0,), []))),
    r("StopGradient", lambda x: x, over(((3, 4), []))),
    r("PreventGradient", lambda x: x, over(((3, 4), [])), grad=()),
    r(
        "IdentityN",
        lambda *xs: xs,
        lambda rng, t: [Case([fill(rng, (3,), t), fill(rng, (), np.dtype(bool))])],
        dtypes=["float32", "float64", "int32"],
        type_attr="",
    ),
    Op(
        "CheckNumerics",
        lambda x, message: x,
        cases=lambda rng, t: [Case([np.ones(s, t)], {"message": "m"}) for s in [(3,), (0,), ()]],
    ),
    Op(
        "CheckNumericsV2",
        lambda x, message: x,
        cases=lambda rng, t: [Case([np.ones(s, t)], {"message": "m"}) for s in [(3,), (0,), ()]],
    ),
]
NAMES = """Const Placeholder PlaceholderV2 PlaceholderWithDefault NoOp Print PrintV2 Assert Timestamp PyFunc
PyFuncStateless"""
ROWS += [Op(name, tested_by="test_control_ops.py") for name in NAMES.split()]
