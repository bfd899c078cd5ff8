"""Runs inside the sandbox: how a function is called, from its signature, or from the first line of its docstring."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from typing import Any

MAX_PARAMETERS = 5
OBJECT_METHODS = (str, int, float)  # their methods become tools whose first parameter is the value
WRITTEN_SIGNATURE = re.compile(r"(\w+)\(([^()\[\]=*]*)[\[)]")  # log(x, [base=math.e])


class Refused(Exception):
    """A function that makes no tool; the message is a snake_case reason."""


@dataclass
class Shape:
    """Names of the parameters in order, which are required, defaults, and how a call passes them."""

    new: list[str] = field(default_factory=list)  # to the constructor, by place
    new_named: list[str] = field(default_factory=list)  # to the constructor, by name
    given: list[str] = field(default_factory=list)  # of these, what every call of ours gives
    required: list[str] = field(default_factory=list)
    positional: list[str] = field(default_factory=list)
    star: str = ""
    defaults: dict[str, Any] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    construct: bool = False
    value: str = ""  # str, int or float: whose method it is

    @property
    def taken(self) -> list[str]:
        """What every call of ours gives."""
        return [*self.new, *self.given, *self.required, *([self.star] if self.star else [])]

    def binding(self, module: str, path: str) -> dict[str, Any]:
        """What `calling` needs."""
        names = ("new", "new_named", "positional", "star", "construct", "value")
        return {"module": module, "path": path, "bytes": [], **{name: getattr(self, name) for name in names}}


def shape_of(function: Any, owner: Any) -> Shape:
    """How a function, or a method of the class `owner`, is called. Raises Refused."""
    shape = Shape()
    bound = owner is not None and not inspect.ismethod(function) and not _is_static(owner, function)
    if bound and owner in OBJECT_METHODS:
        shape.value, shape.new = owner.__name__, ["value"]
    elif bound:
        shape.construct = True
        for parameter in _parameters(owner):
            _add(shape, parameter, constructor=True)
    parameters = _parameters(function, unknown=() if bound else None)
    if bound and parameters and parameters[0].name == "self":
        del parameters[0]
    for parameter in parameters:
        _add(shape, parameter)
    if shape.star:
        shape.positional = [*shape.required]
    if not shape.taken:  # what the object is made of is what the call is about: Fraction(3, 4), not Fraction(0)
        given = [name for name in shape.new_named if not isinstance(shape.defaults[name], bool)]
        shape.given = given[:3]
        shape.defaults = {name: value for name, value in shape.defaults.items() if name not in shape.given}
    _check(shape)
    return shape


def _check(shape: Shape) -> None:
    names = [*shape.taken, *shape.defaults]
    if len(set(names)) != len(names):
        raise Refused("same_name_twice")
    if not shape.taken or len(shape.taken) > 3 or len(names) > MAX_PARAMETERS:
        raise Refused("too_many_parameters" if shape.taken else "no_parameters")
    if any(not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name) for name in names):
        raise Refused("odd_parameter_name")


def _add(shape: Shape, parameter: inspect.Parameter, constructor: bool = False) -> None:
    name = parameter.name
    if constructor and parameter.kind is parameter.VAR_POSITIONAL:
        raise Refused("open_signature")
    if parameter.kind is parameter.VAR_KEYWORD:
        return
    if parameter.kind is parameter.VAR_POSITIONAL:
        shape.star = name
    elif parameter.default is parameter.empty:
        (shape.new if constructor else shape.required).append(name)
    elif _is_plain_default(parameter.default):
        shape.defaults[name] = parameter.default
        if constructor:
            shape.new_named.append(name)
    else:
        return  # left at its default: no JSON value of ours would say it
    shape.hints[name] = getattr(parameter.annotation, "__name__", str(parameter.annotation))
    if parameter.kind is parameter.POSITIONAL_ONLY and not constructor:
        shape.positional.append(name)


def _parameters(function: Any, unknown: tuple[()] | None = None) -> list[inspect.Parameter]:
    """By the signature, else by the first line of the docstring, else `unknown`."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        pass
    written = WRITTEN_SIGNATURE.match(inspect.getdoc(function) or "")
    if written and written[1] == getattr(function, "__name__", ""):
        names = [name for name in re.split(r"[,\s]+", written[2]) if name.isidentifier()]
        return [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
    if unknown is None:
        raise Refused("no_signature")
    return list(unknown)


def _is_static(owner: Any, function: Any) -> bool:
    return isinstance(vars(owner).get(getattr(function, "__name__", "")), staticmethod)


def _is_plain_default(value: Any) -> bool:
    return isinstance(value, bool | int | float | str) and (not isinstance(value, str) or len(value) < 80)
