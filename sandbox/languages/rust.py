"""Rust, compiled by rustc with the crates that were compiled beforehand."""

from __future__ import annotations

import re

from sandbox.languages.language import Language, Plan, Proof, encoded, harness
from sandbox.languages.scan import blanked_rust
from sandbox.languages.sealed import Sealed
from sandbox.types import Request, Status, Stdio, TestSource

_CRATES = "/usr/local/lib/provender/rust"  # made by scripts/toolchains
_RUSTC = (
    "rustc", "--edition", "2021", "--cap-lints", "allow", "-C", "debuginfo=0", "-C", "opt-level=1",
    "-C", "prefer-dynamic", "-L", f"dependency={_CRATES}",  # linking the library statically takes longer than compiling
    *(part for crate in ("rand", "regex", "md5") for part in ("--extern", f"{crate}={_CRATES}/lib{crate}.rlib")),
)  # fmt: skip
_RUNNER = (
    "--test", "-Z", "crate-attr=feature(custom_test_frameworks,test)",
    "-Z", "crate-attr=test_runner(crate::provender_seal::run)",
)  # fmt: skip
_TEST = re.compile(r"#\s*\[\s*test\s*\](?P<attributes>(?:\s*#\s*\[[^\]]*\])*)\s*(?:pub\s+)?fn\s+(?P<name>\w+)")
_INNER = re.compile(r"\A(?:\s*(?:#!\[[^\]]*\]|//[^\n]*))+")
_MODULE_START = re.compile(r"\bmod\s+\w+\s*\{")


def plain(request: Request, seal: str) -> Plan:
    """The program by itself."""
    del seal
    command = (*_RUSTC, "-o", "program", "solution.rs")
    return Plan(request.source, "solution.rs", ("./program",), (command,), hide=("solution.rs",))


def tests(request: Request, seal: str) -> Plan:
    """The program and its test module, run by a runner of ours that says which tests came to their end."""
    assert isinstance(request.tests, TestSource)
    code = blanked_rust(request.tests.source)
    names = [found.group("name") for found in _TEST.finditer(code) if "ignore" not in found.group("attributes")]
    # The tests stand first, where no macro of the program shadows what they assert with.
    opening, program = _opening(request.source)
    whole = f"{opening}\n{_with_own_macros(request.tests.source)}\n{program}\n{harness('seal.rs')}"
    return Plan(
        whole,
        "solution.rs",
        ("./program",),
        ((*_RUSTC, *_RUNNER, "-o", "program", "solution.rs"),),
        stdin=encoded(seal),
        hide=("solution.rs",),
        report=Sealed(seal, {name: name for name in names}, frozenset(names)),
    )


def _opening(source: str) -> tuple[str, str]:
    """The attributes of the whole file, which must come first, and the rest."""
    end = _INNER.match(source)
    return (end.group(), source[end.end() :]) if end else ("", source)


def _with_own_macros(tests: str) -> str:
    """The library's macros by name in each module of the tests: a name beats what `use super::*` brings along."""
    code, out, end = blanked_rust(tests), [], 0
    for found in _MODULE_START.finditer(code):
        out += [tests[end : found.end()], " use ::std::{assert, assert_eq, assert_ne, panic, unreachable};"]
        end = found.end()
    return "".join([*out, tests[end:]])


_DOUBLE = "fn double(x: i32) -> i32 {\n    2 * x\n}\n"
_MODULE = """#[cfg(test)]
mod tests {{
    use super::*;
    #[test]
    fn doubles() {{
        assert_eq!(double(3), {});
    }}
}}
"""
_ECHO = """fn main() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    println!("{}", line.trim().parse::<i32>().unwrap() + 1);
}
"""

RUST = Language(
    name="rust",
    filename="solution.rs",
    plain=plain,
    tests=tests,
    env={"RUSTC_BOOTSTRAP": "1"},  # the test runner is chosen by a feature that is not stable
    missing=(r"extern location for (?:rand|regex|md5) does not exist.*", r"can't find crate for `(?:rand|regex|md5)`"),
    packages=(
        "rustc",
        "cargo",
        "gcc",
        "libc6-dev",
        "librust-rand-dev",
        "librust-regex-dev",
        "librust-aho-corasick-dev",
        "librust-memchr-dev",
        "librust-md5-dev",
    ),
    self_test=(
        Proof(Request("rust", _ECHO, tests=Stdio("41\n", "42\n")), Status.OK, passed=True),
        Proof(Request("rust", "fn main() { missing() }"), Status.COMPILE_ERROR),
        Proof(Request("rust", _DOUBLE, tests=TestSource(_MODULE.format(6))), Status.OK, passed=True),
        Proof(Request("rust", _DOUBLE, tests=TestSource(_MODULE.format(7))), Status.NONZERO, passed=False),
    ),
)
