"""Right programs that nobody should learn from: every parameter goes by a name that says nothing."""

from __future__ import annotations

import ast
import re


def poor_python(program: str) -> str:
    """The program with its parameters copied to `x1`, `x2` and so on, without comments and docstrings."""
    tree = ast.parse(program)
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        if ast.get_docstring(function, clean=False) is not None:
            function.body = function.body[1:]
        names = {parameter.arg: f"x{number}" for number, parameter in enumerate(function.args.args, 1)}
        for node in (inner for statement in function.body for inner in ast.walk(statement)):
            if isinstance(node, ast.Name) and node.id in names:
                node.id = names[node.id]
        copies = [ast.Assign([ast.Name(new, ast.Store())], ast.Name(old, ast.Load())) for old, new in names.items()]
        function.body = [*copies, *function.body]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def poor_script(language: str, program: str, head: str, parameters: tuple[str, ...]) -> str:
    """The same for a JavaScript or Go program whose function begins with `head`."""
    start, body = program.split(f"{head} {{\n", 1)
    form = "\t{new} := {old}\n" if language == "go" else "  let {new} = {old};\n"
    copies = ""
    for number, old in enumerate(parameters, 1):
        body = re.sub(rf"\b{old}\b", f"x{number}", body)
        copies += form.format(new=f"x{number}", old=old)
    return f"{start}{head} {{\n{copies}{body}"
