"""Values of scientific libraries that cross between processes: as data, rebuilt by the library of the receiving side.

Nothing here is ever unpickled or evaluated: arrays are bytes with a plain element type, tables are columns of those,
and expressions are constructor calls of the library's own classes, read from their syntax tree.
"""

from __future__ import annotations

import ast
import base64
import importlib
import math
import re
import sys
from collections.abc import Callable
from typing import Any

Coded = Any  # a JSON value
MAX_ITEMS = 1 << 22  # of an array
_DTYPE = re.compile(r"[<>|=](?:[biufc]\d{1,2}|[US]\d{1,6}|[mM]8\[(?:D|h|m|s|ms|us|ns)\])")
TAGS = frozenset({"N", "n", "P", "Q", "X"})
Encode = Callable[[Any], Coded]


def encode(value: Any, part: Encode) -> Coded | None:
    """The coded form of an array, a scalar of one, a table, a column or an expression; None for anything else.

    `part` encodes what lies inside. Raises what a foreign object raises.
    """
    numpy, pandas, sympy = (_loaded(name) for name in ("numpy", "pandas", "sympy"))
    if numpy is not None and type(value) is getattr(numpy, "ndarray", None):
        return _encode_array(value, part)
    scalars: Any = getattr(numpy, "generic", ())
    if isinstance(value, scalars) and _DTYPE.fullmatch(value.dtype.str):
        return ["n", value.dtype.str, base64.b64encode(value.tobytes()).decode()]
    if pandas is not None and type(value) is getattr(pandas, "Series", None):
        return ["P", _labels(value.index, part), _encode_array(value.to_numpy(), part), part(value.name)]
    if pandas is not None and type(value) is getattr(pandas, "DataFrame", None):
        columns = [_encode_array(value.iloc[:, at].to_numpy(), part) for at in range(value.shape[1])]
        return ["Q", _labels(value.index, part), _labels(value.columns, part), columns]
    if sympy is not None and isinstance(value, (getattr(sympy, "Basic", ()), getattr(sympy, "MatrixBase", ()))):
        return ["X", str(sympy.srepr(value))]
    return None


def _loaded(name: str) -> Any:
    return sys.modules.get(name)


def is_array(value: Any) -> bool:
    """Whether a value is an array that may be changed in place."""
    numpy = _loaded("numpy")
    return numpy is not None and type(value) is getattr(numpy, "ndarray", None)


def plain(value: Any) -> Any:
    """An array, a scalar of one or a column as lists and numbers; anything else as it is."""
    wanted = [("numpy", "ndarray"), ("numpy", "generic"), ("pandas", "Series")]
    kinds: tuple[Any, ...] = tuple(getattr(sys.modules.get(module), name, ()) for module, name in wanted)
    return value.tolist() if isinstance(value, kinds) else value


def _encode_array(array: Any, part: Encode) -> Coded:
    shape = [int(size) for size in array.shape]
    if _DTYPE.fullmatch(array.dtype.str):
        return ["N", array.dtype.str, shape, base64.b64encode(array.tobytes()).decode()]
    return ["N", "", shape, [part(item) for item in array.ravel().tolist()]]  # of objects


def _labels(index: Any, part: Encode) -> Coded:
    return [_encode_array(index.to_numpy(), part), part(index.name)]


def decode(coded: list[Any], part: Callable[[Coded], Any]) -> Any:
    """The value. Raises ValueError, TypeError, IndexError, ImportError and the like for what is not its form."""
    tag = coded[0]
    if tag == "N":
        return _decode_array(coded, part)
    if tag == "n":
        return _decode_array(["N", coded[1], [1], coded[2]], part)[0]
    if tag == "X":
        return _expression(coded[1])
    pandas = importlib.import_module("pandas")
    if tag == "P":
        return pandas.Series(_decode_array(coded[2], part), index=_index(coded[1], part), name=part(coded[3]))
    columns = dict(enumerate(_decode_array(column, part) for column in coded[3]))
    table = pandas.DataFrame(columns, index=_index(coded[1], part))
    table.columns = _index(coded[2], part)
    return table


def _decode_array(coded: Any, part: Callable[[Coded], Any]) -> Any:
    numpy = importlib.import_module("numpy")
    tag, dtype, shape, data = coded
    if tag != "N" or not all(type(size) is int and size >= 0 for size in shape) or math.prod(shape) > MAX_ITEMS:
        raise ValueError("not an array")
    if dtype == "":
        array = numpy.empty(len(data), dtype=object)
        array[:] = [part(item) for item in data]
        return array.reshape(shape)
    if not _DTYPE.fullmatch(dtype):
        raise ValueError("not an element type")
    return numpy.frombuffer(base64.b64decode(data, validate=True), dtype=dtype).reshape(shape).copy()


def _index(coded: Any, part: Callable[[Coded], Any]) -> Any:
    pandas = importlib.import_module("pandas")
    values, name = coded
    return pandas.Index(_decode_array(values, part), name=part(name))


def _expression(text: Any) -> Any:
    """An expression from its `srepr`: constructor calls of the library's classes on numbers, texts and each other."""
    if type(text) is not str or len(text) > 1_000_000:
        raise ValueError("not an expression")
    return _built(ast.parse(text, mode="eval").body, importlib.import_module("sympy"))


# The constructors that take a text, and which. Any other would read a text as an expression, that is, evaluate it.
_TEXTS = {
    "Symbol": re.compile(r"[\w{}^\\' ]{1,200}"), "Dummy": re.compile(r"[\w{}^\\' ]{1,200}"),
    "Str": re.compile(r"[\w{}^\\' ]{1,200}"), "Float": re.compile(r"[-+0-9.eE]{1,2000}"),
}  # fmt: skip


def _built(node: ast.expr, sympy: Any, taker: str = "") -> Any:
    if isinstance(node, ast.Constant) and type(node.value) is str and taker in _TEXTS:
        if _TEXTS[taker].fullmatch(node.value):
            return node.value
    elif isinstance(node, ast.Constant) and type(node.value) in (int, bool, type(None)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_built(node.operand, sympy)
    if isinstance(node, (ast.Tuple, ast.List)):
        members = [_built(item, sympy) for item in node.elts]
        return tuple(members) if isinstance(node, ast.Tuple) else members
    if isinstance(node, ast.Name):
        return _class_of(node.id, sympy, constant=True)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        kind = _class_of(node.func.id, sympy, constant=False)
        named = {str(keyword.arg): _built(keyword.value, sympy) for keyword in node.keywords}
        return kind(*(_built(item, sympy, node.func.id) for item in node.args), **named)
    raise ValueError("not an expression")


def _class_of(name: str, sympy: Any, constant: bool) -> Any:
    thing = getattr(sympy, "Tuple" if name == "ExprCondPair" else name)  # the one class that has no public name
    if isinstance(thing, type) and issubclass(thing, (sympy.Basic, sympy.MatrixBase)):
        return thing
    if constant and isinstance(thing, sympy.Basic):
        return thing
    raise ValueError(f"not a class of expressions: {name[:40]}")
