"""PHP's command line interpreter."""

from __future__ import annotations

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
        out += [source[end : match.start()], f"$GLOBALS['{_hook(seal)}']({number}, "]
        end = match.end()
        line, text = line_of(source, match.start())
        names[str(number)] = f"line {line}: {text}"
    body = "".join([*out, source[end:]])
    text = f"<?php $GLOBALS['{_hook(seal)}'] = $__check; unset($__check, $__tests, $__name);\n{body}"
    return Plan(
        _with_tag(request.source),
        "solution.php",
        (*_PHP, f"{PRIVATE}/tests.php"),
        files={f"{PRIVATE}/tests.php": encoded(harness("tests.php"))},
        stdin=encoded(f"{seal}\n{len(names)}\n{text}"),
        report=Sealed(seal, names, must_assert=bool(names)) if names or _THROWS.search(code) else Sealed(seal, names),
    )


def _hook(seal: str) -> str:
    return f"__pv_{seal[:12]}"


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
