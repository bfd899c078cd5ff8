"""The header of the function that a task asks for, in each language: its name, and wrong programs made from it alone.

A header is what stands before a function's body. For SQL it is the tables and the view without its query. What the
model wrote here is small and bounded, so regular expressions read it; whether it is right the compiler says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_CHARS = 2_000
_NAME = r"(?P<name>[A-Za-z_]\w*)"
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_BODY = re.compile(r"\s*(?:;|\{[\s./*]*\})?\s*\Z")  # what models put for a body that is left out
_FORMS: Mapping[str, re.Pattern[str]] = {
    "javascript": re.compile(rf"(?:async\s+)?function\s+{_NAME}\s*\((?P<given>[^{{}};]*)\)", re.DOTALL),
    "typescript": re.compile(
        rf"(?:async\s+)?function\s+{_NAME}\s*(?:<[^()]*>)?\((?P<given>[^;]*)\)\s*:\s*(?P<returns>[^;]+)", re.DOTALL
    ),
    "php": re.compile(rf"function\s+{_NAME}\s*\((?P<given>[^;]*)\)(?:\s*:\s*(?P<returns>[\w?|\\ ]+))?", re.DOTALL),
    "go": re.compile(
        rf"func\s+{_NAME}\s*\((?P<given>[^;{{}}]*?)\)[ \t]*(?P<returns>\([^{{}};]*\)|[^{{}};()][^{{}};]*)"
    ),
    "rust": re.compile(
        rf"(?:pub\s+)?fn\s+{_NAME}\s*(?:<[^()]*>)?\((?P<given>[^;{{}}]*)\)\s*->\s*(?P<returns>[^{{}};]+)", re.DOTALL
    ),
    "java": re.compile(
        rf"(?:public\s+)?static\s+(?:<[^()]*>\s*)?(?P<returns>[\w<>\[\], .]+?)\s+{_NAME}\s*\((?P<given>[^;{{}}]*)\)",
        re.DOTALL,
    ),
    "cpp": re.compile(rf"(?P<returns>[A-Za-z_][\w:<>,&* ]*?[\s&*>]){_NAME}\s*\((?P<given>[^;{{}}]*)\)", re.DOTALL),
    "c": re.compile(rf"(?P<returns>[A-Za-z_][\w* ]*?[\s*]){_NAME}\s*\((?P<given>[^;{{}}]*)\)", re.DOTALL),
    "bash": re.compile(r"(?:function\s+)?(?P<name>[a-z_]\w*)\s*\(\)"),
    "sql": re.compile(rf"create\s+view\s+{_NAME}\s*\((?P<given>[\w\s,]+)\)\s*as\b[\s.;]*", re.DOTALL | re.IGNORECASE),
}
# Lines that may stand before the header: what its types need. SQL has its tables there.
_PREAMBLE: Mapping[str, re.Pattern[str]] = {
    "php": re.compile(r"<\?php|declare\b.*"),
    "rust": re.compile(r"use\s.*"),
    "java": re.compile(r"import\s.*"),
    "cpp": re.compile(r"#\s*include\s.*|using\s.*"),
    "c": re.compile(r"#\s*include\s.*"),
    "bash": re.compile(r"#.*"),
    "go": re.compile(r"package\s+main|import\s.*"),
}
_TABLES = re.compile(r"(?:\s*create\s+table\s+\w+\s*\([^;]*\)\s*;)+\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """The parts of a header: `given` are the parameters (of a view: its columns), `returns` the type of the result."""

    name: str
    preamble: str
    text: str
    given: str
    returns: str


def read_header(language: str, signature: str) -> Header | None:
    """The one header of the text, with an empty body or none; None where it is anything else."""
    form = _FORMS.get(language)
    if form is None or len(signature) > MAX_CHARS or "\0" in signature:
        return None
    text = signature.replace("\r\n", "\n")
    if language == "sql":
        return _view(form, text)
    preamble, rest = _split(language, text if language == "bash" else _COMMENTS.sub("", text))
    body = _BODY.search(rest)
    found = form.fullmatch(rest[: body.start()].strip() if body else rest.strip())
    if found is None or not (language == "bash" or found["given"].strip()):
        return None
    if len(re.findall(rf"\b{found['name']}\s*\(", rest)) != 1:
        return None  # more than one header
    parts = found.groupdict()
    returns = (parts.get("returns") or "").strip()
    return Header(found["name"], preamble, found.group(), (parts.get("given") or "").strip(), returns)


def _split(language: str, text: str) -> tuple[str, str]:
    lines = text.strip().splitlines()
    known = _PREAMBLE.get(language)
    count = 0
    while known is not None and count < len(lines) and (not lines[count].strip() or known.match(lines[count].strip())):
        count += 1
    return "\n".join(lines[:count]), "\n".join(lines[count:])


def _view(form: re.Pattern[str], text: str) -> Header | None:
    text = re.sub(r"--[^\n]*", "", text)
    tables = _TABLES.match(text)
    if tables is None:
        return None
    found = form.fullmatch(text[tables.end() :].strip())
    return None if found is None else Header(found["name"], tables.group(), found.group(), found["given"], "")


def wrong_programs(language: str, signature: str) -> dict[str, str]:
    """Programs with this header that are wrong for every task worth asking, by what they do.

    In a statically typed language one of them may not compile; it then shows nothing about tests.
    """
    header = read_header(language, signature)
    return dict(_STUBS[language](header)) if header is not None else {}


def _scripts(form: str, values: Mapping[str, str]) -> Callable[[Header], dict[str, str]]:
    return lambda header: {what: form.format(name=header.name, value=value) for what, value in values.items()}


def _bash(header: Header) -> dict[str, str]:
    bodies = {"prints_nothing": ":", "echoes": 'printf "%s\\n" "$1"', "fails": "return 1", "prints_zero": "echo 0"}
    return {what: f"{header.name}() {{\n    {body}\n}}\n" for what, body in bodies.items()}


def _sql(header: Header) -> dict[str, str]:
    nulls = ", ".join("NULL" for _ in header.given.split(","))
    start = f"{header.preamble.strip()}\nCREATE VIEW {header.name} ({header.given}) AS SELECT {nulls}"
    return {"no_rows": f"{start} WHERE 0;\n", "one_row_of_nulls": f"{start};\n"}


def _braces(header: Header, body: str) -> str:
    return f"{header.preamble}\n{header.text} {{\n    {body}\n}}\n"


def _first(header: Header) -> str:
    """The name of the first parameter, as far as its spelling tells."""
    words = re.findall(r"[A-Za-z_]\w*", re.split(r",(?![^<(\[]*[>)\]])", header.given)[0].partition(":")[0])
    return words[-1] if words else "0"


def _c(header: Header) -> dict[str, str]:
    if header.returns == "void":
        return {"does_nothing": _braces(header, "")}
    kind = re.sub(r"\b(?:static|inline)\b", "", header.returns).strip()
    bodies = {"returns_zero": f"return ({kind}) {{0}};", "returns_first_argument": f"return {_first(header)};"}
    return {what: _braces(header, body) for what, body in bodies.items()}


def _cpp(header: Header) -> dict[str, str]:
    bodies = {"returns_zero": "return {};", "returns_first_argument": f"return {_first(header)};"}
    return {what: _braces(header, body) for what, body in bodies.items()}


def _java(header: Header) -> dict[str, str]:
    zero = {"boolean": "false", "char": "0"}.get(header.returns)
    zero = zero or ("0" if header.returns in ("int", "long", "short", "byte", "double", "float") else "null")
    bodies = {"returns_zero": f"return {zero};", "returns_first_argument": f"return {_first(header)};"}
    start = f"{header.preamble}\nclass Solution {{\n    {header.text} {{\n        "
    return {what: f"{start}{body}\n    }}\n}}\n" for what, body in bodies.items()}


def _go(header: Header) -> dict[str, str]:
    several = header.returns.startswith("(")
    kinds = [part.strip() for part in header.returns.strip("()").split(",")] if several else [header.returns]
    zero = ", ".join(f"*new({kind.split()[-1] if several else kind})" for kind in kinds)
    first = header.given.split(",")[0].split()
    bodies = {"returns_zero": f"return {zero}", "returns_first_argument": f"return {first[0] if first else zero}"}
    return {
        what: f"package main\n\nfunc {header.name}({header.given}) {header.returns} {{\n\t{body}\n}}\n"
        for what, body in bodies.items()
    }


def _rust(header: Header) -> dict[str, str]:
    first = header.given.partition(":")[0].replace("mut ", "").strip()
    bodies = {"returns_zero": "Default::default()", "returns_first_argument": f"{first}.to_owned()"}
    return {what: _braces(header, body) for what, body in bodies.items()}


_FOUR = {
    "returns_none": "null",
    "returns_first_argument": "values[0]",
    "returns_true": "true",
    "returns_false": "false",
}
_PHP = {name: value.replace("values[0]", "$values[0]") for name, value in _FOUR.items()}
_STUBS: Mapping[str, Callable[[Header], dict[str, str]]] = {
    "javascript": _scripts("function {name}(...values) {{\n  return {value};\n}}\n", _FOUR),
    "typescript": _scripts("function {name}(...values: any[]): any {{\n  return {value};\n}}\n", _FOUR),
    "php": _scripts("<?php\nfunction {name}(...$values) {{\n    return {value};\n}}\n", _PHP),
    "go": _go,
    "rust": _rust,
    "java": _java,
    "cpp": _cpp,
    "c": _c,
    "bash": _bash,
    "sql": _sql,
}
LANGUAGES = frozenset(_STUBS)
