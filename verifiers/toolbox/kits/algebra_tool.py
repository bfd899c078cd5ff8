"""Runs inside the sandbox: symbolic mathematics by sympy. Its parser runs expressions as code."""

from __future__ import annotations

import sympy
from sympy.parsing.sympy_parser import (
    convert_xor,
    implicit_multiplication_application,
    parse_expr,
    standard_transformations,
)

RULES = (*standard_transformations, convert_xor, implicit_multiplication_application)


def _read(expression: str) -> sympy.Expr:
    left, equals, right = expression.partition("=")
    parsed = parse_expr(left, transformations=RULES)
    return parsed - parse_expr(right, transformations=RULES) if equals else parsed


def simplify_expression(expression: str) -> str:
    """Simplify a mathematical expression.

    Args:
        expression: For example (x^2 - 1)/(x - 1).
    """
    return str(sympy.simplify(_read(expression)))


def solve_equation(equation: str, variable: str) -> list[str]:
    """Solve an equation for a variable and give all solutions.

    Args:
        equation: For example x^2 - 5*x + 6 = 0.
        variable: The name of the unknown.
    """
    return sorted(map(str, sympy.solve(_read(equation), sympy.Symbol(variable))))


def differentiate(expression: str, variable: str) -> str:
    """Differentiate an expression with respect to a variable.

    Args:
        expression: For example x^3 + sin(x).
        variable: The variable.
    """
    return str(sympy.diff(_read(expression), sympy.Symbol(variable)))


def integrate(expression: str, variable: str, lower: str = "", upper: str = "") -> str:
    """Integrate an expression, between two bounds where both are given.

    Args:
        expression: For example 3*x^2.
        variable: The variable.
        lower: Lower bound.
        upper: Upper bound.
    """
    symbol = sympy.Symbol(variable)
    if lower and upper:
        return str(sympy.integrate(_read(expression), (symbol, _read(lower), _read(upper))))
    return str(sympy.integrate(_read(expression), symbol))


def evaluate(expression: str, digits: int = 15) -> str:
    """Evaluate an expression without variables to a decimal number.

    Args:
        expression: For example sqrt(2) + pi/3.
        digits: Significant digits.
    """
    return str(sympy.N(_read(expression), min(max(digits, 1), 50)))
