"""PHP's command line interpreter."""

from __future__ import annotations

import hashlib
import json
import re

from sandbox.languages.language import PRIVATE, Language, Plan, Proof, encoded, harness
from sandbox.languages.scan import blanked_php, line_of
from sandbox.languages.sealed import Sealed
from sandbox.types import Calls, Request, Status, Stdio, TestSource

_PHP = (
    "php",
    "-d",
    "zend.assertions=1",
    "-d",
    "assert.exception=1",
    "-d",
    "display_errors=stderr",
    "-d",
    "html_errors=0",
)
_OPENING = re.compile(r"\A\s*<\?php\b")
_ASSERT = re.compile(r"(?<![\w$>:\\])\\?assert\s*\(")
_BRANCHES = re.compile(r"\b(?:if|else|elseif|switch|case|catch|match)\b|\?")
_THROWS = re.compile(r"\bthrow\b|\bexit\b|\bdie\b")


def _with_tag(source: str) -> str:
    return source if "<?" in source else f"<?php\n{source}"


def plain(request: Request, seal: str) -> Plan:
    """The program by itself; a program without an opening tag is taken for code."""
    del seal
    return Plan(_with_tag(request.source), "solution.php", (*_PHP, "solution.php"))


def tests(request: Request, seal: str) -> Plan:
    """The program, and after it its tests, in one process; each `assert(` of the tests is one of ours."""
    assert isinstance(request.tests, TestSource)
    source = _OPENING.sub("", request.tests.source)
    code, out, end, names = blanked_php(source), [], 0, {}
    for number, match in enumerate(_ASSERT.finditer(code)):
        out += [source[end : match.start()], f"\\{_hook(seal)}({number}, "]
        end = match.end()
        line, text = line_of(source, match.start())
        names[str(number)] = f"line {line}: {text}"
    body = "".join([*out, source[end:]])
    text = f"<?php unset($__tests);\n{body}"
    return Plan(
        _with_tag(request.source),
        "solution.php",
        (*_PHP, f"{PRIVATE}/tests.php"),
        files={f"{PRIVATE}/tests.php": encoded(harness("tests.php"))},
        stdin=encoded(f"{seal}\n{_hook(seal)}\n{text}"),
        report=_sealed(seal, names, code),
    )


def _hook(seal: str) -> str:
    """The name of the function that their assertions became; not the seal itself, which no program is to see."""
    return "pv_" + hashlib.sha256(seal.encode()).hexdigest()[:16]


def _sealed(seal: str, names: dict[str, str], code: str) -> Sealed:
    """Each assertion must be reached, unless there are branches that need not be taken."""
    required = () if _BRANCHES.search(code) else names
    return Sealed(seal, names, frozenset(required), must_assert=bool(names) or not _THROWS.search(code))


def calls(request: Request, seal: str) -> Plan:
    """The program's function, called from outside."""
    del seal
    assert isinstance(request.tests, Calls)
    arguments = [list(arguments) for arguments, _ in request.tests.io]
    return Plan(
        _with_tag(request.source),
        "solution.php",
        (*_PHP, f"{PRIVATE}/calls.php"),
        files={f"{PRIVATE}/calls.php": encoded(harness("calls.php"))},
        stdin=json.dumps({"entry_point": request.tests.entry_point, "arguments": arguments}).encode(),
    )


_DOUBLE = "<?php\nfunction double($x) {\n    return 2 * $x;\n}\n"

PHP = Language(
    name="php",
    filename="solution.php",
    plain=plain,
    tests=tests,
    calls=calls,
    packages=("php-cli",),
    self_test=(
        Proof(Request("php", "<?php echo array_sum([1, 2, 3]);"), Status.OK),
        Proof(Request("php", "<?php throw new Exception('no');"), Status.NONZERO),
        Proof(Request("php", "<?php echo fgets(STDIN) + 1;", tests=Stdio("41\n", "42")), Status.OK, passed=True),
        Proof(Request("php", _DOUBLE, tests=TestSource("assert(double(3) === 6);")), Status.OK, True),
        Proof(Request("php", _DOUBLE, tests=TestSource("assert(double(3) === 7);")), Status.NONZERO, False),
        Proof(Request("php", _DOUBLE, tests=Calls("double", (((2,), 4),))), Status.OK, passed=True),
        Proof(Request("php", _DOUBLE, tests=Calls("double", (((2,), 5),))), Status.OK, passed=False),
    ),
)
