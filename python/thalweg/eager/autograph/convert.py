"""Functions rewritten by diastatic-malt, and compiled as if they stood where the user wrote them:
errors, tracebacks and debuggers show his lines.
"""

from __future__ import annotations
import __future__

import ast
import functools
import importlib
import inspect
import re
import sys
import threading
import weakref
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from malt.core.converter import ConversionOptions, Feature, ProgramContext
from malt.impl import api
from malt.lang import directives
from malt.pyct import anno, errors
from malt.pyct.transpiler import GenericTranspiler

from thalweg.eager.autograph import branches, calls, loops, status
from thalweg.platform import logging

for _module in ("importlib.machinery", "importlib.util"):  # malt expects them to be imported
    importlib.import_module(_module)
_FUTURE = functools.reduce(
    lambda flags, name: flags | getattr(__future__, name).compiler_flag,
    __future__.all_feature_names,
    0,
)
# Functions that malt makes of blocks.
_BLOCK = re.compile(
    r"(if_body|else_body|loop_body|loop_test|extra_test|get_state|set_state)(_\d+)?"
)
_LOOP_OPTIONS = "ag_set_loop_options__"
_OPERATORS: dict[str, Any] = {
    "caught": lambda: sys.exc_info()[1],
    "FunctionScope": calls.FunctionScope,
    "with_function_scope": calls.with_function_scope,
    "autograph_artifact": status.mark,
    "converted_call": calls.converted_call,
    "if_stmt": branches.if_stmt,
    "if_exp": branches.if_exp,
    "and_": branches.and_,
    "or_": branches.or_,
    "not_": branches.not_,
    "eq": branches.eq,
    "not_eq": branches.not_eq,
    "assert_stmt": branches.assert_stmt,
    "while_stmt": loops.while_stmt,
    "for_stmt": loops.for_stmt,
}


def options_of(features: Any, recursive: bool = True, user_requested: bool = True) -> Any:
    """malt's options. Raises NotImplementedError for a feature that is not supported."""
    given = features if isinstance(features, (list, tuple, set, frozenset)) else [features]
    names = [f.name for f in given if f is not None]
    for name in names:
        if name in ("ALL", "LISTS", "NAME_SCOPES", "AUTO_CONTROL_DEPS"):
            raise NotImplementedError(
                f"tf.autograph.experimental.Feature.{name} is not supported: lists of tensors that "
                "grow in a loop are TensorArrays, effects keep their order in any case"
            )
    return ConversionOptions(
        recursive=recursive,
        user_requested=user_requested,
        optional_features=tuple(Feature[name] for name in names) or None,
    )


def convert(
    function: Callable[..., Any], options: Any = None, user_requested: bool = False
) -> Callable[..., Any]:
    """The converted function; with a warning the function itself where that cannot be done."""
    if not isinstance(options, ConversionOptions):
        options = options_of(options, user_requested=user_requested)
    if status.is_marked(function):
        return function
    if isinstance(function, functools.partial):
        inner = convert(function.func, options)
        return status.mark(functools.partial(inner, *function.args, **function.keywords))
    if isinstance(function, MethodType):
        made = convert(function.__func__, options)
        return made.__get__(function.__self__)
    if not isinstance(function, FunctionType):
        call = inspect.getattr_static(type(function), "__call__", None)
        return (
            convert(call, options).__get__(function) if isinstance(call, FunctionType) else function
        )
    code = function.__code__
    if code in status.unsupported or code.co_flags & _NOT_CONVERTED:
        return function
    try:
        return transpiler.convert(function, options)
    except Exception as error:  # whatever the rewriting stumbles over: Python's meaning is left
        status.unsupported[code] = str(error).strip().partition("\n")[0]
        level = logging.warning
        if isinstance(error, errors.InaccessibleSourceCodeError) and code.co_filename[0] == "<":
            level = logging.info  # made at run time, nobody's source
        level(
            "AutoGraph could not transform %s and will run it as-is.\nCause: %s\nTo silence this "
            "warning, decorate the function with @tf.autograph.experimental.do_not_convert",
            function,
            error,
        )
        return function


_NOT_CONVERTED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class _Transpiler(api.PyToPy):  # type: ignore[misc]
    """malt's rewriting with this library's operators."""

    def __init__(self) -> None:
        super().__init__()
        self._made: weakref.WeakKeyDictionary[CodeType, dict[Any, CodeType]]
        self._made = weakref.WeakKeyDictionary()
        self._making = threading.RLock()

    def get_extra_locals(self) -> dict[str, Any]:
        first = self._extra_locals is None
        names: dict[str, Any] = super().get_extra_locals()
        if first:
            vars(names[status.GENERATED]).update(_OPERATORS)
        return names

    def transform_ast(self, node: Any, ctx: Any) -> Any:
        ctx.info.namespace[_LOOP_OPTIONS] = directives.set_loop_options
        node = _Prepare(ctx.info.namespace).visit(node)
        return _Finish().visit(super().transform_ast(node, ctx))

    def rewritten(self, function: FunctionType, options: Any) -> tuple[Any, str]:
        """The function as a tree, and its name there."""
        plain = FunctionType(  # as written, whatever it says it wraps
            function.__code__,
            function.__globals__,
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        plain.__module__ = function.__module__
        node, ctx = GenericTranspiler.transform_function(self, plain, ProgramContext(options))
        name = ctx.info.name
        if isinstance(node, ast.Lambda):
            target = ast.Name(name, ctx=ast.Store())
            return ast.Assign(targets=[target], value=node), name
        node.name = name
        return node, name

    def convert(self, function: FunctionType, options: Any) -> Callable[..., Any]:
        code = function.__code__
        key = (code.co_filename, options.as_tuple())
        with self._making:
            made = self._made.setdefault(code, {})
            factory = made.get(key)
            if factory is None:
                node, name = self.rewritten(function, options)
                factory = made[key] = _compiled(node, name, function, list(self.get_extra_locals()))
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        closure = tuple(cells.get(n) or CellType() for n in factory.co_freevars)
        make = FunctionType(factory, function.__globals__, "factory", (), closure)
        converted = make(**self.get_extra_locals())
        converted.__defaults__ = function.__defaults__
        converted.__kwdefaults__ = function.__kwdefaults__
        functools.update_wrapper(converted, function)
        return status.mark(converted)


class _Prepare(ast.NodeTransformer):
    """Before malt sees the function: the names of this library's directives, and exceptions that
    are caught under a name, which malt takes for none.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace

    def visit_Call(self, node: ast.Call) -> Any:
        from thalweg.autograph.experimental import set_loop_options

        self.generic_visit(node)
        if self._value(node.func) is set_loop_options:
            node.func = ast.copy_location(ast.Name(_LOOP_OPTIONS, ast.Load()), node.func)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        self.generic_visit(node)
        if node.name is not None:
            target = ast.Name(node.name, ast.Store())
            caught = ast.Assign(targets=[target], value=_operator("caught"))
            node.body.insert(0, ast.fix_missing_locations(ast.copy_location(caught, node)))
            node.name = None
        return node

    def _value(self, node: ast.expr) -> Any:
        """Of a dotted name, as far as it goes through modules."""
        if isinstance(node, ast.Name):
            return self._namespace.get(node.id)
        if isinstance(node, ast.Attribute):
            return (
                getattr(module, node.attr, None)
                if inspect.ismodule(module := self._value(node.value))
                else None
            )
        return None


class _Finish(ast.NodeTransformer):
    """After malt: assertions with any message, and conditional expressions inside of others."""

    def visit_Assert(self, node: ast.Assert) -> Any:
        self.generic_visit(node)
        message = node.msg or ast.Constant("Assertion error")
        return _at(node, ast.Expr(_operator("assert_stmt", node.test, _thunk(message))))

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        text = ast.Constant(_LOADED.sub(r"\1", ast.unparse(node.test)))
        self.generic_visit(node)
        branches = _thunk(node.body), _thunk(node.orelse)
        return _at(node, _operator("if_exp", node.test, *branches, text))


_LOADED = re.compile(rf"{status.GENERATED}\.ld\((\w+)\)")


def _operator(name: str, *arguments: ast.expr) -> ast.Call:
    operator = ast.Attribute(ast.Name(status.GENERATED, ast.Load()), name, ast.Load())
    return ast.Call(operator, list(arguments), [])


def _thunk(value: ast.expr) -> ast.Lambda:
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(nothing, value)


def _at(node: ast.AST, made: ast.AST) -> ast.AST:
    """At the place of the node that it was made of."""
    origin = anno.getanno(node, anno.Basic.ORIGIN, default=None)
    if origin is not None:
        anno.setanno(made, anno.Basic.ORIGIN, origin)
    return made


def _compiled(node: Any, name: str, function: FunctionType, arguments: list[str]) -> CodeType:
    """Code of a function of `arguments` that makes the converted one; its free variables are those
    of the original.
    """
    free = function.__code__.co_freevars
    if isinstance(node, ast.FunctionDef):
        node.returns = None  # annotations were evaluated when the original was made
        parts = node.args
        for argument in [*parts.posonlyargs, *parts.args, *parts.kwonlyargs]:
            argument.annotation = None
        for argument in filter(None, (parts.vararg, parts.kwarg)):
            argument.annotation = None
    inner = ast.parse(f"def factory({', '.join(arguments)}): return {name}").body[0]
    assert isinstance(inner, ast.FunctionDef)
    inner.body.insert(0, node)
    outer = ast.parse("def outer(): return factory").body[0]
    assert isinstance(outer, ast.FunctionDef)
    outer.body[:0] = [*ast.parse("\n".join(f"{v} = None" for v in free)).body, inner]
    module = ast.Module([outer], [])
    _place(module, function.__code__.co_firstlineno)
    flags = function.__code__.co_flags & _FUTURE
    code = compile(module, function.__code__.co_filename, "exec", flags, dont_inherit=True)
    return _renamed(_code_in(_code_in(code, "outer"), "factory"), name, function.__name__)


def _place(tree: ast.AST, line: int) -> None:
    """Gives nodes the lines of what they were made of, else of what is around them."""
    stack = [(tree, line)]
    while stack:
        node, line = stack.pop()
        origin = anno.getanno(node, anno.Basic.ORIGIN, default=None)
        if origin is not None:
            line = origin.loc.lineno
        if "lineno" in node._attributes:
            places: Any = node
            places.lineno = places.end_lineno = line
            places.col_offset = places.end_col_offset = -1  # unknown
        stack += [(child, line) for child in ast.iter_child_nodes(node)]


def _code_in(code: CodeType, name: str) -> CodeType:
    return next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name)


def _renamed(code: CodeType, generated: str, name: str) -> CodeType:
    """Tracebacks show the function's name, also for blocks in it."""
    constants = tuple(
        _renamed(c, generated, name) if isinstance(c, CodeType) else c for c in code.co_consts
    )
    own = code.co_name
    shown = name if own == generated or _BLOCK.fullmatch(own) else own
    return code.replace(co_consts=constants, co_name=shown)


transpiler = _Transpiler()
