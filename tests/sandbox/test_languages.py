"""Tests in the languages' usual forms: what must pass, and above all what must not, however it pretends to."""

# ruff: noqa: E501 - programs of other languages stand in the tables on one line each
from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.languages import LANGUAGES
from sandbox.languages.scan import blanked, blanked_php, blanked_rust
from sandbox.types import (
    Calls,
    Execution,
    Limits,
    Request,
    Sandbox,
    SandboxError,
    Status,
    Stdio,
    StdioCases,
    TestSource,
    ToolchainMissing,
)

PATIENT = Limits(cpu_s=10.0, wall_s=120.0)
SLOW = ("typescript", "cpp", "java", "go", "rust")  # a compiler that takes its time: with the long tests

# language, program, tests
ACCEPTS = [
    (
        "c",
        "#define LIMIT 3\n#define twice(x) (2 * (x))\nint f(void) { return twice(2); }",
        "int main(void) { assert(f() == LIMIT + 1); return 0; }",
    ),
    (
        "java",
        "import java.util.*;\nclass Stack { int top = 7; }\nclass Solution { List<Integer> f() { return List.of(1); } }",
        "public class Main { public static void main(String[] a) { assert new Stack().top == 7; if (!new Solution().f().equals(Arrays.asList(1))) throw new AssertionError(); } }",
    ),
    (
        "javascript",
        "const f = (x) => x * 2",
        "for (const [a, b] of [[1, 2], [2, 4]]) {\n  if (a > 0) { console.assert(f(a) === b) } else { console.assert(false) }\n}",
    ),
    (
        "javascript",
        "const f = () => { throw new Error('x') }",
        "const assert = require('assert')\nassert.throws(() => f(), /x/)\nassert.throws(f)",
    ),
    (
        "php",
        "<?php function f($x) { if ($x < 0) { throw new ValueError('x'); } return $x; }",
        "try { f(-1); assert(false); } catch (ValueError $e) { assert(true); }\nassert(f(2) === 2);",
    ),
    (
        "typescript",
        "declare const require: any;\nconst name = 'x'; function find(a: number[]): number { return a[0] }\nclass URL {}",
        "console.assert(find([3]) === 3 && name === 'x')",
    ),
    (
        "typescript",
        "import * as assert from 'assert'\nexport const f = async (): Promise<number> => 1",
        "(async () => { assert.strictEqual(await f(), 1) })()",
    ),
    ("javascript", "const f=()=>1", "const assert=require('assert');assert.strictEqual(f(),1)"),
    ("javascript", "const f=async()=>1", "(async()=>{ console.assert(await f()===1) })()"),
    ("javascript", "const f=()=>1; function g(x){return x}", "console.assert(f()===1); if(g(3)!==3) throw new Error()"),
    ("javascript", "module.exports={f:()=>1}; const f=module.exports.f", "console.assert(f()===1)"),
    ("javascript", "export function f(){return 1}", "console.assert(f()===1)"),
    ("javascript", "class A{get x(){return 4}}", "console.assert(new A().x===4)"),
    (
        "javascript",
        "Array.prototype.toJSON=function(){return 1};Object.prototype.toJSON=Array.prototype.toJSON; const f=()=>1",
        "console.assert(f()===1)",
    ),
    ("php", "<?php exit(0);", "assert(1===1);"),
    ("php", "<?php function f(){return 1;}", "function test(){ assert(f()===1); }\ntest();"),
    ("php", "<?php function f(){return 1;}", "if (f() !== 1) { throw new Exception('x'); }"),
    ("php", "<?php function f(){return 1;}", "<?php\nassert(f()===1);\n?>"),
    ("php", "function f(){return 1;}", "assert(f()===1);"),
    ("bash", "f() { echo 1; }", 'set -e\n[[ "$(f)" == 1 ]] || { echo bad; exit 1; }\necho ok'),
    ("bash", 'f() { [ -n "$1" ]; }', "if f; then exit 1; fi\nf x"),
    ("c", "int f(void){return 1;}", "#include <assert.h>\nint main(){assert(f()==1);}"),
    (
        "c",
        "#include <unistd.h>\nstatic int got; ssize_t write(int a,const void*b,size_t c){got=1;return c;} int f(void){return 1;}",
        "int main(){assert(f()==1);}",
    ),
    ("cpp", "int f(){return 1;}", '#include <stdexcept>\nint main(){ if(f()!=1) throw std::runtime_error("x"); }'),
    (
        "java",
        "public class Solution { int f(){ return 1; } }",
        "public class Main { public static void main(String[] a){ assert new Solution().f()==1; } }",
    ),
    (
        "go",
        "package solution\nfunc F() int { return 1 }",
        'package solution\nimport "testing"\nfunc TestF(t *testing.T) { if F() != 1 { t.Fatal("x") } }',
    ),
    (
        "go",
        'package main\nimport "fmt"\nfunc F() int { return 1 }\nfunc main() { fmt.Println(F()) }',
        'package main\nimport (\n"testing"\n"github.com/stretchr/testify/assert"\n)\nfunc TestF(t *testing.T) { assert := assert.New(t)\nassert.Equal(1, F()) }',
    ),
    (
        "rust",
        "fn f()->i32{1}",
        "#[cfg(test)]\nmod tests { use super::*; #[test] fn a(){ assert_eq!(f(),1); } #[test] #[should_panic] fn b(){ panic!() } #[test] #[ignore] fn c(){ panic!() } }",
    ),
    ("sql", "create table t(x); insert into t values(1);", "select x from t; select count(*)=1 from t;"),
    ("typescript", "export const f=():number=>1", "console.assert(f()===1)"),
]
# early exits; patched assertions, consoles, built-ins, macros; swallowed tests; forged reports; promises never kept
REJECTS = [
    (
        "c",
        "#define abs(x) 0\nint f(void) { return 2; }",
        "#include <stdlib.h>\nint main(void) { assert(abs(f() - 1) < 1); return 0; }",
    ),
    (
        "java",
        "import java.util.*;\nclass Solution { int f() { return 2; } }\nclass Arrays { @SafeVarargs static <T> List<T> asList(T... x) { return new ArrayList<>(); } }",
        "public class Main { public static void main(String[] a) { List<Boolean> correct = Arrays.asList(new Solution().f() == 1); if (correct.contains(false)) throw new AssertionError(); } }",
    ),
    (
        "javascript",
        "Function.prototype.call = function (t, c) { return c ? Reflect.apply(this, t, [c]) : undefined }; const f = () => 2",
        "console.assert(true)\nconsole.assert(f() === 1)",
    ),
    (
        "javascript",
        "process.reallyExit = () => {}; const f = () => 2",
        "console.assert(true)\nconsole.assert(f() === 1)",
    ),
    (
        "javascript",
        "const f = async () => { process.removeAllListeners('unhandledRejection'); process.on('unhandledRejection', () => {}); throw 1 }",
        "const assert = require('assert');\n(async () => { assert.ok(true); assert.strictEqual(await f(), 1) })()",
    ),
    (
        "javascript",
        "const f = () => new Promise(() => process.exit(0))",
        "const assert = require('assert');\n(async () => { assert.ok(true); assert.strictEqual(await f(), 1) })()",
    ),
    (
        "php",
        "<?php function f() { foreach ($GLOBALS as $k => $v) { if ($v instanceof Closure) { $GLOBALS[$k] = fn() => true; } } return 1; }",
        "assert(f() === 1);\nassert(f() === 2);",
    ),
    (
        "php",
        "<?php function f() { foreach (get_defined_functions()['user'] as $n) { if (strpos($n, 'pv_') === 0) { $n(0, true); $n(1, true); } } return 1; }",
        "assert(f() === 1);\nassert(f() === 2);",
    ),
    ("javascript", "process.exit(0)", "console.assert(1===1)"),
    ("javascript", "const f=()=>{process.exit(0)}", "console.assert(f()===1)"),
    ("javascript", "console.assert=()=>{}; const f=()=>2", "console.assert(f()===1)"),
    ("javascript", "globalThis.console={assert(){},log(){}}; const f=()=>2", "console.assert(f()===1)"),
    (
        "javascript",
        "const a=require('assert'); a.strictEqual=()=>{}; a.equal=()=>{}; const f=()=>2",
        "const assert=require('assert');assert.strictEqual(f(),1)",
    ),
    ("javascript", "const f=()=>1", "const assert=require('assert');try{assert.strictEqual(f(),2)}catch(e){}"),
    ("javascript", "const f=()=>1", "function t(){ console.assert(f()===1) }"),
    ("javascript", "const f=()=>new Promise(()=>{})", "(async()=>{ console.assert(await f()===1) })()"),
    (
        "javascript",
        "const f=()=>new Promise(()=>{process.emit('beforeExit');process.exit(0)})",
        "(async()=>{ console.assert(1); console.assert(await f()===1) })()",
    ),
    (
        "javascript",
        "const f=()=>{throw 1}; process.on('uncaughtException',()=>{process.exit(0)})",
        "console.assert(f()===1)",
    ),
    (
        "javascript",
        "const f=()=>2; process.on('exit',()=>{process.exitCode=0; process.reallyExit(0)})",
        "console.assert(f()===1)",
    ),
    ("javascript", "export function f(){return 2}", "console.assert(f()===1)"),
    ("javascript", "require('fs').writeSync(3,'x pass 0\\nx end 1\\n');process.exit(0)", "console.assert(1)"),
    ("php", "<?php function f(){exit(0);}", "assert(f()===1);"),
    (
        "php",
        "<?php function f(){ini_set('assert.exception',0);ini_set('zend.assertions',0);return 2;}",
        "assert(f()===1);",
    ),
    ("php", "<?php function f(){return 2;}\nset_exception_handler(fn()=>exit(0));", "assert(f()===1);"),
    ("php", "<?php function f(){return 2;}", "try { assert(f()===1); } catch (Error $e) {}"),
    ("bash", "exit 0", "[ 1 = 1 ]"),
    ("bash", "f() { exit 0; }", "f\n[ 1 = 1 ]"),
    ("bash", "[() { return 0; }\nf() { echo 2; }", '[ "$(f)" = 1 ]'),
    ("bash", "test() { return 0; }\nf() { echo 2; }", 'test "$(f)" = 1'),
    ("bash", "f() { echo 2; }\ntrap 'exit 0' EXIT", '[ "$(f)" = 1 ] || exit 1'),
    ("c", "#include <stdlib.h>\nint f(void){exit(0);}", "int main(){assert(f()==1);}"),
    (
        "c",
        "#include <stdlib.h>\n__attribute__((constructor)) void g(void){_Exit(0);} int f(void){return 2;}",
        "int main(){assert(f()==1);}",
    ),
    ("c", "#define assert(x)\n#define NDEBUG\nint f(void){return 2;}", "int main(){assert(f()==1);}"),
    (
        "c",
        "void __assert_fail(const char*a,const char*b,unsigned c,const char*d){} int f(void){return 2;}",
        "int main(){assert(f()==1);}",
    ),
    ("c", "int f(void){return 1;}\n/*", "int main(){assert(f()==1);}"),
    ("c", "int f(void){return 1;}\n#if 0", "int main(){assert(f()==1);}"),
    (
        "c",
        "#include <unistd.h>\n#include <signal.h>\nvoid h(int s){_exit(0);} int f(void){signal(SIGABRT,h);signal(SIGSEGV,h);return *(int*)0;}",
        "int main(){assert(f()==1);}",
    ),
    ("c", "int main(void){return 0;}", "int main(){assert(0);}"),
    ("cpp", "#include <cstdlib>\nstruct S{S(){_Exit(0);}} s; int f(){return 2;}", "int main(){assert(f()==1);}"),
    ("cpp", "int f(){return 2;}", '#include <stdexcept>\nint main(){ if(f()!=1) throw std::runtime_error("x"); }'),
    (
        "java",
        "class Solution { int f(){ System.exit(0); return 1; } }",
        "public class Main { public static void main(String[] a){ if(new Solution().f()!=1) throw new AssertionError(); } }",
    ),
    (
        "java",
        "class Solution { static { Runtime.getRuntime().halt(0); } int f(){ return 1; } }",
        "public class Main { public static void main(String[] a){ if(new Solution().f()!=1) throw new AssertionError(); } }",
    ),
    (
        "java",
        "public class Solution { int f(){ return 2; } }",
        "public class Main { public static void main(String[] a){ assert new Solution().f()==1; } }",
    ),
    (
        "go",
        'package main\nimport "os"\nfunc F() int { os.Exit(0); return 1 }',
        "func TestF(t *testing.T) { assert.Equal(t, 1, F()) }",
    ),
    (
        "go",
        'package main\nimport "os"\nfunc init() { os.Exit(0) }\nfunc F() int { return 1 }',
        "func TestF(t *testing.T) { assert.Equal(t, 1, F()) }",
    ),
    (
        "go",
        'package main\nimport "flag"\nfunc init() { flag.Set("test.run","^$") }\nfunc F() int { return 2 }',
        "func TestF(t *testing.T) { assert.Equal(t, 1, F()) }",
    ),
    (
        "go",
        'package main\nimport "runtime"\nfunc F() int { runtime.Goexit(); return 2 }',
        "func TestF(t *testing.T) { assert.Equal(t, 1, F()) }",
    ),
    (
        "go",
        "package solution\nfunc F() int { return 2 }",
        'package solution\nimport "testing"\nfunc TestF(t *testing.T) { if F() != 1 { t.Fatal("x") } }',
    ),
    (
        "rust",
        "fn f()->i32{std::process::exit(0)}",
        "#[cfg(test)]\nmod tests { use super::*; #[test] fn a(){ assert_eq!(f(),1); } }",
    ),
    (
        "rust",
        "fn f()->i32{1}\n#[cfg(any())]",
        "#[cfg(test)]\nmod tests { use super::*; #[test] fn a(){ assert_eq!(f(),1); } }",
    ),
    (
        "rust",
        "macro_rules! assert_eq { ($($x:tt)*) => {} }\nfn f()->i32{2}",
        "#[cfg(test)]\nmod tests { use super::*; #[test] fn a(){ assert_eq!(f(),1); } }",
    ),
    ("sql", "create table t(x); insert into t values(1);\n.shell echo", "select 1;"),
    ("sql", "create table t(x);", "select x from t;"),
    ("typescript", "const f=():number=>2; console.assert=()=>{}", "console.assert(f()===1)"),
    ("typescript", "const f=(x:string):number=>{process.exit(0)}", "console.assert(f('')===1)"),
]


def cases(rows: list[tuple[str, str, str]]) -> list[object]:
    return [
        pytest.param(*row, id=f"{row[0]}-{number}", marks=[pytest.mark.heavy] if row[0] in SLOW else [])
        for number, row in enumerate(rows)
    ]


async def run(sandbox: Sandbox, request: Request) -> Execution:
    try:
        return await sandbox.run(request)
    except ToolchainMissing as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("language", "program", "tests"), cases(ACCEPTS))
@pytest.mark.asyncio(loop_scope="session")
async def test_right_programs_pass(sandbox: Sandbox, language: str, program: str, tests: str) -> None:
    execution = await run(sandbox, Request(language, program, tests=TestSource(tests), limits=PATIENT))
    assert execution.status is Status.OK, execution
    assert execution.tests is not None and execution.tests.passed, execution


@pytest.mark.parametrize(("language", "program", "tests"), cases(REJECTS))
@pytest.mark.asyncio(loop_scope="session")
async def test_no_pretence_passes(sandbox: Sandbox, language: str, program: str, tests: str) -> None:
    execution = await run(sandbox, Request(language, program, tests=TestSource(tests), limits=PATIENT))
    assert execution.status is not Status.OK, execution
    assert execution.tests is None or not execution.tests.passed, execution


SUMS = {
    "python": "print(sum(map(int, input().split())))",
    "c": '#include <stdio.h>\nint main(void) { int s = 0, x; while (scanf("%d", &x) == 1) s += x; printf("%d\\n", s); return 0; }',
    "bash": "read -a n\ns=0\nfor x in ${n[@]}; do ((s += x)); done\necho $s",
}


@pytest.mark.parametrize("language", SUMS)
@pytest.mark.asyncio(loop_scope="session")
async def test_many_inputs_are_run_one_by_one(sandbox: Sandbox, language: str) -> None:
    right = StdioCases(
        (Stdio("1 2\n", "3\n"), Stdio("4\n", "4"), Stdio("", "0") if language == "c" else Stdio("0\n", "0"))
    )
    execution = await run(sandbox, Request(language, SUMS[language], tests=right, limits=PATIENT))
    assert execution.status is Status.OK and execution.tests is not None and execution.tests.passed, execution
    wrong = StdioCases((Stdio("1 2\n", "3\n"), Stdio("4\n", "5"), Stdio("6\n", "6")))
    execution = await run(sandbox, Request(language, SUMS[language], tests=wrong, limits=PATIENT))
    assert execution.tests is not None and [case.passed for case in execution.tests.cases] == [True, False, True]
    assert execution.tests.cases[1].name == "case 2" and "expected 5" in execution.tests.cases[1].detail


@pytest.mark.asyncio(loop_scope="session")
async def test_one_bad_run_among_many_inputs_is_shown(sandbox: Sandbox) -> None:
    program = '#include <stdio.h>\nint main(void) { int x; return scanf("%d", &x) == 1 && x == 2 ? 3 : 0; }'
    cases = StdioCases(tuple(Stdio(f"{number}\n", "") for number in range(4)))
    execution = await run(sandbox, Request("c", program, tests=cases, limits=PATIENT))
    assert (execution.status, execution.exit_code) == (Status.NONZERO, 3), execution
    assert execution.tests is not None
    assert [case.passed for case in execution.tests.cases] == [True, True, False, True]
    broken = await run(sandbox, Request("c", "int main(void) { return x; }", tests=cases, limits=PATIENT))
    assert (broken.status, broken.tests) == (Status.COMPILE_ERROR, None)
    nothing = await sandbox.run(Request("c", program, tests=StdioCases(())))
    assert nothing.status is Status.REJECTED


CALLS = {
    "javascript": "const f = (x, y) => ({ sum: x + y, list: [x, [y]], none: undefined, big: 2n ** 70n })",
    "typescript": "function f(x: number, y: number) { return { sum: x + y, list: [x, [y]], none: null, big: BigInt(2) ** BigInt(70) } }",
    "php": "function f($x, $y) { return ['sum' => $x + $y, 'list' => [$x, [$y]], 'none' => null, 'big' => 1180591620717411303424]; }",
}


@pytest.mark.parametrize("language", ["javascript", "php"])
@pytest.mark.asyncio(loop_scope="session")
async def test_values_cross_as_data(sandbox: Sandbox, language: str) -> None:
    expected = {"sum": 3, "list": [1, [2]], "none": None, "big": 2**70}
    request = Request(
        language, CALLS[language], tests=Calls("f", (((1, 2), expected), ((1, 3), expected))), limits=PATIENT
    )
    execution = await run(sandbox, request)
    assert execution.tests is not None
    assert [case.passed for case in execution.tests.cases] == [True, False], execution


@pytest.mark.parametrize(
    ("language", "program"),
    [
        ("javascript", "process.exit(0)"),
        ("javascript", "const f = () => process.exit(0)"),
        ("javascript", "const f = () => ({ equals: () => true, valueOf: () => 1 })"),
        ("javascript", "const g = 1"),
        ("php", "<?php exit(0);"),
        ("php", "<?php function f() { exit(0); }"),
        ("php", "<?php class A {} function f() { return new A(); }"),
    ],
)
@pytest.mark.asyncio(loop_scope="session")
async def test_no_pretence_passes_calls(sandbox: Sandbox, language: str, program: str) -> None:
    execution = await run(sandbox, Request(language, program, tests=Calls("f", (((), 1),)), limits=PATIENT))
    assert execution.tests is None or not execution.tests.passed, execution


@pytest.mark.parametrize("language", ["c", "cpp", "java", "go", "rust", "bash", "sql"])
@pytest.mark.asyncio(loop_scope="session")
async def test_calls_that_a_language_does_not_have_are_no_verdict(sandbox: Sandbox, language: str) -> None:
    with pytest.raises(SandboxError, match=f"no calls from outside in {language}"):
        await sandbox.run(Request(language, "", tests=Calls("f", (((), 1),))))


MISSING = [
    ("javascript", "require('no-such-package-of-ours')", "console.assert(true)"),
    ("c", "#include <openssl/no_such_header.h>\nint f(void) { return 1; }", "int main(void) { assert(f() == 1); }"),
]


@pytest.mark.parametrize(("language", "program", "tests"), MISSING)
@pytest.mark.asyncio(loop_scope="session")
async def test_a_missing_library_is_no_failure(sandbox: Sandbox, language: str, program: str, tests: str) -> None:
    with pytest.raises(ToolchainMissing):
        await sandbox.run(Request(language, program, tests=TestSource(tests), limits=PATIENT))


LIMITS = [
    ("javascript", "for (;;) {}", Limits(cpu_s=0.5, wall_s=60.0), Status.TIMEOUT_CPU),
    ("javascript", "const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1))", PATIENT, Status.MEMORY),
    ("php", "<?php while (true) {}", Limits(cpu_s=0.5, wall_s=60.0), Status.TIMEOUT_CPU),
    ("c", "int main(void) { for (;;) {} }", Limits(cpu_s=0.5, wall_s=60.0), Status.TIMEOUT_CPU),
    ("c", "int main(void) { return *(volatile int *)0; }", PATIENT, Status.SIGNAL),
    ("bash", "while :; do echo xxxxxxxxxxxxxxx; done", Limits(20.0, 60.0, output_bytes=10_000), Status.OUTPUT),
    ("c", '#include "/etc/shadow"\nint main(void) { return 0; }', PATIENT, Status.COMPILE_ERROR),
    ("c", '#include "/dev/zero"\nint main(void) { return 0; }', PATIENT, Status.MEMORY),
]


@pytest.mark.parametrize(("language", "program", "limits", "status"), LIMITS)
@pytest.mark.asyncio(loop_scope="session")
async def test_limits_hold_for_every_language(
    sandbox: Sandbox, language: str, program: str, limits: Limits, status: Status
) -> None:
    execution = await run(sandbox, Request(language, program, limits=limits))
    assert execution.status is status, execution


@pytest.mark.asyncio(loop_scope="session")
async def test_tests_are_gone_before_a_compiled_program_runs(sandbox: Sandbox) -> None:
    program = (
        '#include <dirent.h>\n#include <stdio.h>\nint f(void) { int n = 0; DIR *d = opendir(".pv"); struct dirent *e;\n'
        'while ((e = readdir(d))) { if (e->d_name[0] != \'.\') n++; } printf("%d %d\\n", n, fopen("solution.c", "r") == 0);'
        " return 1; }"
    )
    request = Request("c", program, tests=TestSource("int main(void) { assert(f() == 1); }"), limits=PATIENT)
    execution = await run(sandbox, request)
    assert (execution.status, execution.stdout) == (Status.OK, "0 1\n"), execution


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("java", "Solution.java"),
        ("java", "Main.java"),
        ("go", "solution_test.go"),
        ("go", "a_seal.go"),
        ("c", "solution.c"),
    ],
)
@pytest.mark.asyncio(loop_scope="session")
async def test_no_file_of_a_request_takes_the_place_of_program_or_tests(
    sandbox: Sandbox, language: str, name: str
) -> None:
    tests = TestSource("public class Main { public static void main(String[] a) {} }")
    execution = await sandbox.run(Request(language, "class Solution {}", files={name: b"x"}, tests=tests))
    assert execution.status is Status.REJECTED


@pytest.mark.parametrize("name", [".pv/tests.js", ".pv"])
@pytest.mark.asyncio(loop_scope="session")
async def test_no_file_of_a_request_gets_between_the_harness(sandbox: Sandbox, name: str) -> None:
    execution = await sandbox.run(Request("javascript", "1", files={name: b"x"}))
    assert execution.status is Status.REJECTED


def test_comments_and_strings_are_blanked_where_they_stand() -> None:
    source = 'a /* f(\n) */ b // f()\n"f(\\"" \'f\' `f\n` c'
    for blank, expected in ((blanked, "abc"), (blanked_rust, "ab`f`c"), (blanked_php, "ab`f`c")):
        done = blank(source)
        assert len(done) == len(source) and done.count("\n") == source.count("\n")
        assert re.sub(r"\s", "", done) == expected
    assert blanked_rust("fn f<'a>(x: &'a str) { g('\"') }").count("'a") == 2
    assert blanked_php("#[Attribute] # comment").strip() == "#[Attribute]"


def test_the_script_installs_what_the_languages_name() -> None:
    script = (Path(__file__).parents[2] / "scripts" / "toolchains").read_text()
    listed = re.search(r"^PACKAGES=\((.*?)^\)", script, re.MULTILINE | re.DOTALL)
    assert listed is not None
    wanted = {package for language in LANGUAGES.values() for package in language.packages}
    assert set(listed.group(1).split()) == wanted - {name for name in wanted if name.startswith("python3")}
