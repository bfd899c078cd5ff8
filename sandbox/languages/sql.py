"""SQL, as SQLite's shell runs it, in its safe mode."""

from __future__ import annotations

from sandbox.languages.language import Language, Plan, Proof, encoded
from sandbox.types import Case, Request, Status, Stdio, TestReport, TestSource

_SQLITE = ("sqlite3", "-batch", "-bail", "-safe", "-init", "/dev/null")
_TRUE = "1"


def plain(request: Request, seal: str) -> Plan:
    """The statements, on an empty database; they are the shell's standard input, so a request's own is not read."""
    del seal
    return Plan(request.source, "solution.sql", (*_SQLITE, ":memory:"), stdin=encoded(request.source))


def tests(request: Request, seal: str) -> Plan:
    """The program on an empty database, then the tests on what it has made, in another process.

    Each row that the tests select is an assertion, which must be one column with the value 1.
    """
    del seal
    assert isinstance(request.tests, TestSource)
    return Plan(
        request.source,
        "solution.sql",
        (*_SQLITE, "-list", "-noheader", "made.db"),
        ((*_SQLITE, "made.db"),),
        stdin=encoded(request.tests.source),
        compile_stdin=encoded(request.source),
        report=_report,
    )


def _report(report: bytes, stdout: bytes, ended: bool) -> TestReport:
    del report
    rows = stdout.decode("utf-8", "replace").splitlines()
    cases = tuple(
        Case(f"row {number}", row == _TRUE, "" if row == _TRUE else row[:200]) for number, row in enumerate(rows, 1)
    )
    return TestReport(cases, "outside", complete=ended and bool(rows))


_TABLE = "CREATE TABLE t (x INTEGER);\nINSERT INTO t VALUES (1), (2);\n"

SQL = Language(
    name="sql",
    filename="solution.sql",
    plain=plain,
    tests=tests,
    packages=("sqlite3",),
    self_test=(
        Proof(Request("sql", _TABLE + "SELECT sum(x) FROM t;", tests=Stdio("", "3\n")), Status.OK, passed=True),
        Proof(Request("sql", "SELECT nothing FROM nowhere;"), Status.NONZERO),
        Proof(Request("sql", _TABLE, tests=TestSource("SELECT count(*) = 2 FROM t;")), Status.OK, passed=True),
        Proof(Request("sql", _TABLE, tests=TestSource("SELECT count(*) = 3 FROM t;")), Status.NONZERO, passed=False),
    ),
)
