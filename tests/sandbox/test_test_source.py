"""Test sources in their usual forms: what must pass, what must not, and what the report says."""

# Tables of small programs, one per row:
# ruff: noqa: E501

from __future__ import annotations

import pytest

from sandbox.types import Limits, Request, Sandbox, TestSource

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMITS = Limits(cpu_s=1.0, wall_s=4.0)

PROGRAM = """
import asyncio, math, sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import List

LIMIT = 7
_hidden = 1
Pair = namedtuple("Pair", "a b")

class Color(IntEnum):
    RED = 1

class Missing(KeyError):
    def __init__(self, key):
        super().__init__(f"no {key}")
        self.key = key

class Odd(Exception):
    def __str__(self): return "odd text"

@dataclass
class Point:
    x: int
    y: int = 0
    def norm(self): return math.hypot(self.x, self.y)
    def __add__(self, other): return Point(self.x + other.x, self.y + other.y)
    def __mul__(self, n): return Point(self.x * n, self.y * n)

class Stack:
    def __init__(self, items=()): self.items = list(items)
    def push(self, item): self.items.append(item)
    def pop(self):
        if not self.items: raise IndexError("empty stack")
        return self.items.pop()
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __contains__(self, item): return item in self.items
    def __getitem__(self, n): return self.items[n]
    def __enter__(self): return self
    def __exit__(self, *a): self.items.clear()

def add(a, b=0, *more, scale=1): return (a + b + sum(more)) * scale
def count_letters(text): return Counter(text)
def group(pairs):
    out = defaultdict(list)
    for k, v in pairs: out[k].append(v)
    return out
def pair(): return Pair(1, 2)
def values(): return [None, True, 1, 1.5, 1 + 2j, "é\\ud800", b"\\x00\\xff", (1, (2,)), {1, 2}, frozenset([3]), {"a": [1]}, range(3),
                      10 ** 50, Decimal("1.10"), Fraction(1, 3), float("inf"), bytearray(b"ab"), ...]
def sort_in_place(items): items.sort()
def change(d, s): d["new"] = 1; s.add(9); d["list"].append(2)
def same(x): return x
def apply(f, xs): return [f(x) for x in xs]
def countdown(n):
    while n: yield n; n -= 1
def take(iterator, n): return [next(iterator) for _ in range(n)]
def make_adder(n): return lambda x: x + n
def find(d, k):
    if k not in d: raise Missing(k)
    return d[k]
def fail(): raise ValueError("bad", 3)
def odd(): raise Odd("x")
async def later(x): await asyncio.sleep(0); return x + 1
def greet(): print("hello"); print("world")
def ask(): return int(input("n? ")) + int(input())
def read(): return sys.stdin.readline()
def leave(): sys.exit(3)
def reverse(node):
    before = None
    while node: node.next, before, node = before, node, node.next
    return before
def read_file(path):
    with open(path) as f: return f.read()
def total(items): return add(*items)
def limit(): return LIMIT
def floor(x): return math.floor(x)
def pick(x: List[int]): return max(x, default=None)
"""

ACCEPTS = {
    "values": "v = values()\nassert v[:5] == [None, True, 1, 1.5, 1 + 2j]\nassert v[1] is True and type(v[2]) is int\n"
    "assert v[5] == 'é\\ud800' and v[6] == b'\\x00\\xff' and v[7] == (1, (2,))\nassert v[8] == {1, 2} and v[9] == frozenset([3])\n"
    "assert v[10] == {'a': [1]} and v[11] == range(3) and v[12] == 10 ** 50\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    "assert v[13] == Decimal('1.1') and v[14] == Fraction(1, 3) and v[15] == float('inf') and v[16] == b'ab' and v[17] is ...\n",
    "arguments": "assert add(1) == 1\nassert add(1, 2, 3, scale=2) == 12\nassert add(*[1, 2], **{'scale': 3}) == 9\n",
    "library containers": "assert count_letters('aab') == {'a': 2, 'b': 1}\nassert group([(1, 2), (1, 3)]) == {1: [2, 3]}\nassert pair() == (1, 2)\n",
    "constants and imports of the program": "assert LIMIT == 7\nassert add(math.floor(2.5), 1) == 3\nassert Color.RED == 1\nx: List[int] = [1]\nassert pick(x) == 1\n",
    "in place": "items = [3, 1, 2]\nassert sort_in_place(items) is None\nassert items == [1, 2, 3]\nd = {'list': [1]}\ns = {1}\nchange(d, s)\n"
    "assert d == {'list': [1, 2], 'new': 1} and s == {1, 9}\nassert same(items) is items\n",
    "functions as arguments": "assert apply(lambda x: x + 1, [1, 2]) == [2, 3]\nassert apply(str, [1]) == ['1']\nimport math\nassert apply(math.sqrt, [4.0]) == [2.0]\n"
    "seen = []\napply(seen.append, [1, 2])\nassert seen == [1, 2]\n",
    "functions as results": "assert make_adder(2)(3) == 5\nassert callable(make_adder(1))\n",
    "generators": "assert list(countdown(3)) == [3, 2, 1]\ng = countdown(2)\nassert next(g) == 2\nassert next(g, None) == 1 and next(g, None) is None\n"
    "assert [x for x in countdown(2)] == [2, 1]\nimport itertools\nassert take(itertools.count(5), 2) == [5, 6]\nassert take(iter([1, 2]), 1) == [1]\n",
    "classes": "s = Stack()\ns.push(1); s.push('b')\nassert len(s) == 2 and s[0] == 1\nassert list(s) == [1, 'b']\nassert s.pop() == 'b'\n"
    "p = Point(3, 4)\nassert p.norm() == 5.0\nassert (p.x, p.y) == (3, 4)\np.x = 6\nassert p.x == 6\nassert isinstance(p, Point)\nassert not isinstance(p, Stack)\n"
    "assert repr(Point(1, 2)) == 'Point(x=1, y=2)'\nassert hasattr(p, 'y') and not hasattr(p, 'z')\n",
    "exceptions": "import pytest\nwith pytest.raises(ValueError) as info:\n    fail()\nassert info.value.args == ('bad', 3)\n"
    "with pytest.raises(KeyError, match='no k'):\n    find({}, 'k')\nwith pytest.raises(Missing) as info:\n    find({}, 'k')\nassert info.value.key == 'k'\n"
    "pytest.raises(ValueError, fail)\ntry:\n    odd()\n    assert False\nexcept Odd as e:\n    assert str(e) == 'odd text'\n",
    "expected exception by try": "def test_it():\n    try:\n        fail()\n        assert False, 'should raise'\n    except ValueError:\n        pass\n",
    "exit is an exception": "import pytest\nwith pytest.raises(SystemExit) as info:\n    leave()\nassert info.value.code == 3 or info.value.args == (3,)\n",
    "parametrize": "import pytest\n@pytest.mark.parametrize('a, b, c', [(1, 2, 3), (0, 0, 0)])\ndef test_add(a, b, c):\n    assert add(a, b) == c\n"
    "@pytest.mark.parametrize('x', [1, pytest.param(2)])\n@pytest.mark.parametrize('y', [5])\ndef test_two(x, y):\n    assert add(x, y) == x + y\n",
    "fixtures": "import pytest\n@pytest.fixture\ndef stack():\n    s = Stack([1])\n    yield s\n    s.pop()\n@pytest.fixture()\ndef two(stack):\n    stack.push(2)\n    return stack\n"
    "def test_it(two, tmp_path, monkeypatch):\n    assert len(two) == 2\n    f = tmp_path / 'x.txt'\n    f.write_text('hi')\n    assert read_file(str(f)) == 'hi'\n",
    "captured output": "import io\nfrom contextlib import redirect_stdout\nout = io.StringIO()\nwith redirect_stdout(out):\n    greet()\nassert out.getvalue() == 'hello\\nworld\\n'\n"
    "def test_capsys(capsys):\n    greet()\n    assert capsys.readouterr().out.split() == ['hello', 'world']\n",
    "patched input": "from unittest.mock import patch\ndef test_a():\n    with patch('builtins.input', side_effect=['1', '2']):\n        assert ask() == 3\n"
    "def test_b(monkeypatch):\n    monkeypatch.setattr('builtins.input', lambda prompt='': '4')\n    assert ask() == 8\n"
    "@patch('sys.stdin')\ndef test_c(stdin):\n    stdin.readline.return_value = 'line\\n'\n    assert read() == 'line\\n'\n",
    "async": "import asyncio\nassert asyncio.run(later(1)) == 2\nasync def test_it():\n    assert await later(2) == 3\n    assert await asyncio.gather(later(1), later(5)) == [2, 6]\n",
    "unittest": "import unittest\nfrom solution import Stack, add\nclass TestAll(unittest.TestCase):\n    def setUp(self):\n        self.s = Stack([1])\n    def test_pop(self):\n        self.assertEqual(self.s.pop(), 1)\n"
    "        with self.assertRaises(IndexError):\n            self.s.pop()\n    def test_sub(self):\n        for a in (1, 2):\n            with self.subTest(a=a):\n                self.assertEqual(add(a, a), 2 * a)\n",
    "test classes": "class TestAdd:\n    def setup_method(self):\n        self.n = 4\n    def test_a(self):\n        assert add(self.n, 1) == 5\n    @staticmethod\n    def test_b():\n        assert add(1, 1) == 2\n",
    "module forms": "import solution\nimport solution as s\nfrom solution import add as plus\nfrom solution import *\nassert solution.add(1) == s.add(1) == plus(1) == add(1) == 1\n",
    "objects of the tests": "class Node:\n    def __init__(self, v, next=None):\n        self.v, self.next = v, next\nn = reverse(Node(1, Node(2, Node(3))))\nassert [n.v, n.next.v, n.next.next.v] == [3, 2, 1]\nassert n.next.next.next is None\n",
    "guarded": "def run():\n    assert add(1) == 1\nif __name__ == '__main__':\n    run()\n",
    "exit at the end": "import sys\nassert add(1) == 1\nsys.exit(0)\n",
    "approx": "from pytest import approx, raises\nassert add(0.1, 0.2) == approx(0.3)\nassert [add(0.1, 0.2)] == approx([0.3])\nassert {'a': add(1.0)} == approx({'a': 1})\nwith raises(TypeError):\n    add(1, 'x')\n",
    "early return": "def test_it():\n    if LIMIT > 3:\n        assert add(1) == 1\n        return\n    assert add(2) == 3\n",
    "patched names of the program": "import solution\nfrom unittest.mock import patch, MagicMock\n"
    "with patch('solution.add', return_value=99) as fake:\n    assert solution.total([1, 2]) == 99\n    fake.assert_called_once_with(1, 2)\n"
    "assert solution.total([1, 2]) == 3\nwith patch.object(solution, 'LIMIT', 3):\n    assert solution.limit() == 3\nassert solution.limit() == 7\n"
    "with patch('solution.math.floor', lambda x: 5):\n    assert solution.floor(1.0) == 5\nassert solution.floor(1.0) == 1\n",
    "copies and kinds": "import copy, types, collections.abc\ns = Stack([1])\nt = copy.deepcopy(s)\nt.push(2)\nassert (len(s), len(t)) == (1, 2)\nassert len(copy.copy(s)) == 1\n"
    "assert isinstance(countdown(1), types.GeneratorType) and isinstance(countdown(1), collections.abc.Iterator)\nassert isinstance(add, types.FunctionType)\nassert add.__name__ == 'add'\n",
    "derived classes": "from solution import Stack\nclass Loud(Stack):\n    factor = 2\n    def push(self, item):\n        self.items = [*self.items, item * self.factor]\n"
    "s = Loud([1])\ns.push(2)\nassert list(s) == [1, 4]\nassert s.pop() == 4 and isinstance(s, Stack)\n",
    "files beside it": "with open('data.txt', 'w') as f:\n    f.write('x')\nassert read_file('data.txt') == 'x'\n",
}  # fmt: skip

REJECTS = {
    "wrong value": "assert add(1) == 2\n",
    "empty": "",
    "nothing asserted": "add(1)\n",
    "the program is never called": "assert 1 + 1 == 2\n",
    "only the tests' own copy": "def add(a, b=0):\n    return a + b\nassert add(1, 2) == 3\n",
    "syntax": "assert add(1) ==\n",
    "unknown name": "assert subtract(2, 1) == 1\n",
    "a test that asserts nothing": "def test_a():\n    assert add(1) == 1\ndef test_b():\n    add(2)\n",
    "a check that is never called": "def check(candidate):\n    assert candidate(1) == 1\n",
    "a loop over nothing": "for x in values()[:0]:\n    assert x == 1\nassert add(1) == 1\n",
    "an assertion behind an exit": "import sys\nassert add(1) == 1\nsys.exit(0)\nassert add(1) == 2\n",
    "exit of the tests": "import os\nassert add(1) == 1\nos._exit(0)\n",
    "exit with a code": "import sys\nassert add(1) == 1\nsys.exit(1)\n",
    "a swallowed failure": "try:\n    assert add(1) == 2\nexcept AssertionError:\n    pass\nassert add(1) == 1\n",
    "a swallowed error": "for x in (1, 'a'):\n    try:\n        assert add(x) == x\n    except Exception:\n        pass\n",
    "failure in one of two tests": "def test_a():\n    assert add(1) == 1\ndef test_b():\n    assert add(1) == 2\n",
    "failure in one parameter": "import pytest\n@pytest.mark.parametrize('x', [0, 1])\ndef test_a(x):\n    assert add(x, x) == x\n",
    "no exception": "import pytest\nwith pytest.raises(ValueError):\n    add(1)\n",
    "another exception": "import pytest\nwith pytest.raises(TypeError):\n    fail()\n",
    "another text": "import pytest\nwith pytest.raises(ValueError, match='nothing like it'):\n    fail()\n",
    "no exception, by try": "def test_a():\n    try:\n        add(1)\n        assert False\n    except ValueError:\n        pass\n",
    "an unexpected exception": "def test_a():\n    fail()\n    assert True\n",
    "unittest failure": "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(add(1), 2)\n",
    "unittest error in set-up": "import unittest\nclass T(unittest.TestCase):\n    def setUp(self):\n        fail()\n    def test_a(self):\n        self.assertEqual(add(1), 1)\n",
    "sub-test failure": "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        for a in (0, 1):\n            with self.subTest(a=a):\n                self.assertEqual(add(a, a), a)\n",
    "a skipped test alone": "import pytest\n@pytest.mark.skip\ndef test_a():\n    assert add(1) == 1\n",
    "a missing fixture": "def test_a(nothing):\n    assert add(1) == 1\n",
    "an assertion in a callback, swallowed by the program": "def f(x):\n    assert x == 5\n    return x\ntry:\n    apply(f, [1])\nexcept BaseException:\n    pass\nassert add(1) == 1\n",
    "endless test": "while True:\n    pass\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTS)
async def test_right_program_passes(sandbox: Sandbox, name: str) -> None:
    execution = await sandbox.run(Request("python", PROGRAM, tests=TestSource(ACCEPTS[name]), limits=LIMITS))
    assert execution.tests is not None and execution.tests.passed, (execution.detail, execution.stderr, execution.tests)
    assert (execution.status, execution.exit_code, execution.tests.trust) == ("ok", 0, "outside")


@pytest.mark.parametrize("name", REJECTS)
async def test_tests_that_do_not_hold_do_not_pass(sandbox: Sandbox, name: str) -> None:
    execution = await sandbox.run(Request("python", PROGRAM, tests=TestSource(REJECTS[name]), limits=LIMITS))
    assert execution.tests is not None and not execution.tests.passed, execution
    assert execution.status != "ok"
    assert execution.detail


async def test_a_failure_shows_the_assertion_and_the_values(sandbox: Sandbox) -> None:
    tests = TestSource("assert add(1) == 1\nassert add(1, 1) == 3, 'sum'\n")
    execution = await sandbox.run(Request("python", PROGRAM, tests=tests, limits=LIMITS))
    assert execution.tests is not None
    first, second, *_ = execution.tests.cases
    assert (first.name, first.passed) == ("line 1: assert add(1) == 1", True)
    assert (second.name, second.passed) == ("line 2: assert add(1, 1) == 3, 'sum'", False)
    assert second.detail == "sum; left: 2, right: 3"
    assert (execution.status, execution.exit_code) == ("nonzero", 1)


@pytest.mark.parametrize(
    "source",
    [
        "assert Point(1, 2) == Point(1, 2)\n",
        "assert (Point(1, 2) + Point(2, 0)).x == 3\n",
        "assert (Point(1, 2) * 3).y == 6\n",
        "assert 1 in Stack([1])\n",
    ],
)
async def test_where_the_program_decides_a_comparison_the_report_says_so(sandbox: Sandbox, source: str) -> None:
    execution = await sandbox.run(Request("python", PROGRAM, tests=TestSource(source), limits=LIMITS))
    assert execution.tests is not None and execution.tests.passed, execution
    assert execution.tests.trust == "in_process"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("while True: pass", "timeout_cpu"),
        ("import time; time.sleep(60)", "timeout_wall"),
        ("return bytearray(1 << 40)", "nonzero"),
        ("x = []\n    while True: x.append(bytearray(1 << 20))", "memory"),
        ("while True: print('x' * 10000)", "output"),
        ("import os; os.abort()", "signal"),
        ("import os; os._exit(0)", "nonzero"),
    ],
)
async def test_status_says_how_the_program_died_in_its_tests(sandbox: Sandbox, body: str, status: str) -> None:
    tests = TestSource("assert 1 == 1\nassert f() == 1\n")
    wall_s = 2.0 if status == "timeout_wall" else 60.0
    limits = Limits(cpu_s=0.5 if status == "timeout_cpu" else 20.0, wall_s=wall_s, memory_bytes=64 << 20)
    execution = await sandbox.run(Request("python", f"def f():\n    {body}\n", tests=tests, limits=limits))
    assert execution.status == status, execution
    assert execution.tests is not None and not execution.tests.passed


async def test_program_that_cannot_be_loaded_has_no_test_report(sandbox: Sandbox) -> None:
    tests = TestSource("assert f() == 1\n")
    broken = await sandbox.run(Request("python", "def f(:", tests=tests, limits=LIMITS))
    assert (broken.status, broken.tests) == ("compile_error", None)
    raising = await sandbox.run(Request("python", "1 / 0", tests=tests, limits=LIMITS))
    assert raising.status == "nonzero" and "ZeroDivisionError" in raising.stderr
    assert raising.tests is None or not raising.tests.passed


async def test_output_of_program_and_tests_is_kept(sandbox: Sandbox) -> None:
    tests = TestSource("print('from the tests')\nassert f() == 1\n")
    execution = await sandbox.run(Request("python", "def f():\n    print('from f')\n    return 1\n", tests=tests))
    assert sorted(execution.stdout.splitlines()) == ["from f", "from the tests"]


async def test_a_program_that_takes_all_memory_does_not_break_the_sandbox(sandbox: Sandbox) -> None:
    """Whatever is short, the program's process is what ends; a sandbox error would excuse the program."""
    hungry = "x = []\nwhile True:\n    x.append(bytearray(1 << 16))\n"
    many = "import os\nfor _ in range(20):\n    try: os.fork()\n    except OSError: pass\n"
    kept = "open('/dev/shm/x', 'wb').write(bytes(50 << 20))\n"
    limits = Limits(cpu_s=1.0, wall_s=3.0, memory_bytes=64 << 20)
    for source in (
        hungry,
        many + hungry,
        kept + hungry,
        f"def f():\n    {kept}    x = bytes(60 << 20)\n    return len(x)\n",
    ):
        for tests in (None, TestSource("assert f() == 1\n"), TestSource("x = 'x' * (200 << 20)\nassert f() == x\n")):
            execution = await sandbox.run(Request("python", source, tests=tests, limits=limits))
            assert execution.tests is None or not execution.tests.passed
