"""Twists that make a problem of the bank harder: one more rule, told in one sentence and done by one wrapper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Twist:
    """For results of one type: the sentence that the harder problem ends with, and the expression of its last step."""

    name: str
    returns: str  # how the type of the result begins
    sentence: str
    expression: str


TWISTS: Mapping[str, Twist] = {
    twist.name: twist
    for twist in (
        Twist(
            "reversed_list",
            "list",
            "At last, turn the result round, so that its last element comes first; an empty result stays empty.",
            "result[::-1]",
        ),
        Twist(
            "repeated_end",
            "list",
            "At last, append the first element of the result once more at its end, unless the result is empty.",
            "[*result, *result[:1]]",
        ),
        Twist(
            "framed_text",
            "str",
            "At last, put an exclamation mark before and a question mark behind the result, also where it is empty.",
            'f"!{result}?"',
        ),
        Twist(
            "doubled_number",
            "int",
            "At last, double the result and add one to it, whatever its sign.",
            "2 * result + 1",
        ),
        Twist(
            "marked_table",
            "dict",
            "At last, add the key `total` to the result, whose value is the number of its other keys.",
            '{**result, "total": len(result)}',
        ),
    )
}


def fitting_twists(returns: str) -> list[Twist]:
    """The twists for a function whose result has this type."""
    return [twist for twist in TWISTS.values() if returns.startswith(twist.returns)]


def find_twist(problem: str) -> str:
    """The name of the twist that a problem text ends with; empty where it has none."""
    text = " ".join(problem.split())
    return next((twist.name for twist in TWISTS.values() if twist.sentence in text), "")


def twisted(program: str, function: str, parameters: tuple[str, ...], name: str) -> str:
    """The program with the twist's step behind it: the old function under another name, and a new one around it."""
    head = next(line for line in program.splitlines() if line.startswith(f"def {function}("))
    inner = program.replace(head, head.replace(f"def {function}(", f"def plain_{function}(", 1), 1)
    call = f"plain_{function}({', '.join(parameters)})"
    return f"{inner.rstrip()}\n\n\n{head}\n    result = {call}\n    return {TWISTS[name].expression}\n"


def untwisted(program: str) -> tuple[str, str]:
    """The program without the step that `twisted` put behind it, and the twist's name; itself and "" without one."""
    name = next((twist.name for twist in TWISTS.values() if f"    return {twist.expression}" in program), "")
    if not name or "def plain_" not in program:
        return program, ""
    inner = program[: program.rindex("\ndef ")]
    return inner.replace("def plain_", "def ", 1), name
