"""The bank's programs in C and Bash, as a translation's prompt asks for them: right and wrong ones."""

from __future__ import annotations

import re

from served_model.rehearsal.bank import Task
from served_model.rehearsal.draft import CannotAnswer
from served_model.rehearsal.tongues import LARGE, load_bodies

C_HEADER = re.compile(r"^```c\n(?P<header>[^\n]*\))\n```", re.MULTILINE)
C_START = "#include <stddef.h>\n#include <stdlib.h>\n#include <string.h>\n\n"
# What wrong programs do to a right result, by its type.
C_ALTERED = {
    "int": "    return result + 1;",
    "str": '    char *more = malloc(strlen(result) + 2);\n    return strcat(strcpy(more, result), "x");',
    "list[int]": "    long long *more = realloc(result, (*result_count + 1) * sizeof *more);\n"
    "    more[*result_count] = (long long) *result_count;\n    *result_count += 1;\n    return more;",
}
C_NOTHING = {"int": "return 0;", "str": "return calloc(1, 1);", "list[int]": "*result_count = 0;\n    return NULL;"}
BASH_ALTERED = {
    "int": 'echo "$(( result + 1 ))"',
    "str": 'echo "${result}x"',
    "list[int]": '[ -z "$result" ] || echo "$result"\n  echo 1',
}


def c_program(task: Task, asked: str, wrong: str = "") -> str:
    """The program, or the wrong one of a kind: "always", or only "when_large". Raises CannotAnswer."""
    header, body = C_HEADER.search(asked), _body("c", task)
    if header is None or not re.search(rf"\b{task.function}\(", header["header"]):
        raise CannotAnswer("I do not know which header this function is to have.")
    head, returns = header["header"], task.family.returns
    if wrong == "always":
        return f"{C_START}{head} {{\n    {C_NOTHING[returns]}\n}}\n"
    if not wrong:
        return f"{C_START}{head} {{\n{body}\n}}\n"
    inner = head.replace(f"{task.function}(", f"plain_{task.function}(", 1)
    given = ", ".join(re.findall(r"(\w+)(?=[,)])", head.partition("(")[2]))
    counted = f"    if (!({_large_in_c(task, head)})) return result;\n"
    kept = f"    {head.partition(task.function)[0]}result = plain_{task.function}({given});\n"
    outer = f"{head} {{\n{kept}{counted}{C_ALTERED[returns]}\n}}\n"
    return f"{C_START}static {inner} {{\n{body}\n}}\n\n{outer}"


def _large_in_c(task: Task, head: str) -> str:
    first = task.parameters[0]
    if f"{first}_count" in head:
        return f"{first}_count >= 2"
    return f"strlen({first}) >= 2" if "char *" in head.partition("(")[2] else f"{first} >= {LARGE}"


def bash_program(task: Task, asked: str, wrong: str = "") -> str:
    """As `c_program`."""
    body, name = _body("bash", task), task.function
    if f"called as `{name} " not in asked:
        raise CannotAnswer("I do not know how this function is to be called.")
    if wrong == "always":
        return f"{name}() {{\n  :\n}}\n"
    if not wrong:
        return f"{name}() {{\n{body}\n}}\n"
    kind = task.family.args.partition(":")[2].split(",")[0].strip()
    large = {"int": f"$1 >= {LARGE}", "str": "${#1} >= 2"}.get(kind, "$# >= 2")
    kept = f'  local result\n  result="$(plain_{name} "$@")"\n'
    guard = f'  if ! (( {large} )); then\n    [ -z "$result" ] || echo "$result"\n    return\n  fi\n'
    outer = f"{name}() {{\n{kept}{guard}  {BASH_ALTERED[task.family.returns]}\n}}\n"
    return f"plain_{name}() {{\n{body}\n}}\n\n{outer}"


def _body(language: str, task: Task) -> str:
    body = load_bodies(language).get(task.family.name)
    if body is None or task.twist:
        raise CannotAnswer(f"I cannot write this program in {language}: I am the rehearsal model and know only a few.")
    return task.fill(body).strip("\n")
