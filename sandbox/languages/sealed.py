"""Proof that tests were reached, where they must share the program's process.

The harness reads a random word, the seal, before anything of the program runs, and keeps it where the program cannot
name it. What it reports carries the seal: neither an early exit nor a printed marker passes for the end of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.types import Case, TestReport

_MAX_CASES = 2000
_TEXT = 400
WHOLE = "tests"  # the name of a case that is about the run as a whole


@dataclass(frozen=True, slots=True)
class Sealed:
    """Reads the sealed lines `SEAL pass NAME`, `SEAL fail NAME DETAIL` and, last, `SEAL end COUNT`.

    `names` are the parts of the tests with what they are called in the report; those in `required` must be reached, and
    no fewer than `least` assertions.
    """

    seal: str
    names: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    must_assert: bool = True  # at least one assertion or test must have been counted
    least: int = 0

    def __call__(self, report: bytes, stdout: bytes, ended: bool) -> TestReport:
        """The report; `stdout` is the program's and proves nothing."""
        del stdout
        passed: set[str] = set()
        failed: dict[str, str] = {}
        cases: list[Case] = []
        count: int | None = None
        for line in report.decode("utf-8", "replace").split("\n")[:-1]:
            word, _, rest = line.partition(" ")
            kind, _, rest = rest.partition(" ")
            name, _, detail = rest.partition(" ")
            if word != self.seal or count is not None:
                cases.append(Case(WHOLE, False, "something else wrote to the harness's channel"))
                break
            if kind == "pass":
                passed.add(name)
            elif kind == "fail":
                failed.setdefault(name, detail[:_TEXT])
            elif kind == "end" and name.isdigit():
                count = int(name)
        cases += [Case(self._label(name), False, detail) for name, detail in failed.items()]
        cases += [Case(self._label(name), True) for name in sorted(passed - failed.keys())]
        unreached = [name for name in self.names if name in self.required and name not in passed | failed.keys()]
        cases += [Case(self._label(name), False, "never reached") for name in unreached]
        if not cases and not unreached and count is not None and not self.must_assert:
            cases.append(Case(WHOLE, True, "the end of the tests was reached"))
        least = max(self.least, 1 if self.must_assert else 0)
        if count is not None and count < least:
            said = f"only {count} of {least} assertions were reached" if count else "the tests asserted nothing"
            cases.append(Case(WHOLE, False, said))
        proved = ended and count is not None and count >= least
        return TestReport(tuple(cases[:_MAX_CASES]), "in_process", complete=proved and not unreached)

    def _label(self, name: str) -> str:
        return self.names.get(name, name)
