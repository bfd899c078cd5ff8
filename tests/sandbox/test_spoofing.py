"""Programs that do not solve the task but want the verdict "passed": none may get it, in any mode of testing."""

# Tables of small programs, one per row:
# ruff: noqa: E501

from __future__ import annotations

import asyncio

import pytest

from sandbox.types import Calls, Limits, Request, Sandbox, Stdio, TestSource

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMITS = Limits(cpu_s=0.6, wall_s=2.0, memory_bytes=128 << 20)

# Each defines, or claims to define, square(x).
ALWAYS_EQUAL = """
class Yes({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 1
    def __bool__(self): return True
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __mul__ = __abs__ = __round__ = __sub__
    def __abs__(self): return 0
    def __float__(self): return 0.0
    def __call__(self, *a, **k): return self
    def __getattr__(self, name): return self
    def __iter__(self): return iter([self])
    def __instancecheck__(self, other): return True
"""

SPOOFS = {
    "exit at import": "import os\nos._exit(0)",
    "sys.exit at import": "import sys\nsys.exit(0)",
    "raise SystemExit in the function": "def square(x): raise SystemExit(0)",
    "os._exit in the function": "import os\ndef square(x): os._exit(0)",
    "os._exit later": "import os\nn = 0\ndef square(x):\n    global n\n    n += 1\n    if n > 1: os._exit(0)\n    return x * x",
    "exit in a thread": "import os, threading\nthreading.Thread(target=lambda: os._exit(0)).start()\ndef square(x): return 0",
    "exit at exit": "import atexit, os\natexit.register(lambda: os._exit(0))\ndef square(x): return 0",
    "exit by signal": "import os, signal\nsignal.signal(14, lambda *a: os._exit(0))\nsignal.setitimer(0, 0.01)\n"
    "def square(x):\n    import time; time.sleep(1); return 0",
    "kills itself": "import os\ndef square(x): os.kill(os.getpid(), 9)",
    "kills everybody": "import os\ndef square(x): os.kill(-1, 9); return 0",
    "stops everybody": "import os\ndef square(x):\n    try: os.kill(-1, 19)\n    except OSError: pass\n    return 0",
    "always equal": ALWAYS_EQUAL.format(base="object") + "def square(x): return Yes()",
    "always equal class": ALWAYS_EQUAL.format(base="object") + "class square(Yes):\n    def __init__(self, *a): pass",
    "always equal int": ALWAYS_EQUAL.format(base="int") + "def square(x): return Yes(0)",
    "always equal float": ALWAYS_EQUAL.format(base="float") + "def square(x): return Yes(0)",
    "always equal str": ALWAYS_EQUAL.format(base="str") + "def square(x): return Yes('a')",
    "always equal list": ALWAYS_EQUAL.format(base="list") + "def square(x): return Yes([0])",
    "always equal tuple": ALWAYS_EQUAL.format(base="tuple") + "def square(x): return Yes((0,))",
    "always equal dict": ALWAYS_EQUAL.format(base="dict") + "def square(x): return Yes()",
    "always equal, hidden in a list": ALWAYS_EQUAL.format(base="object") + "def square(x): return [Yes()]",
    "mock.ANY": "from unittest.mock import ANY\ndef square(x): return ANY",
    "mock.ANY as a constant": "from unittest.mock import ANY as square",
    "MagicMock": "from unittest.mock import MagicMock\nsquare = MagicMock()",
    "metaclass equality": "class M(type):\n    def __eq__(s, o): return True\n    __hash__ = type.__hash__\n"
    "class C(metaclass=M): pass\ndef square(x): return C",
    "patches builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.isinstance = lambda *a: True\n"
    "builtins.AssertionError = type('A', (BaseException,), {})\nbuiltins.all = builtins.any = lambda *a: True\n"
    "builtins.len = lambda x: 1\ndef square(x): return 0",
    "redefines abs": "def abs(x): return 0\ndef isclose(a, b, **k): return True\ndef square(x): return 0",
    "redefines names of the tests": "def check(f): return True\ndef approx(x): return x\nclass pytest:\n"
    "    def raises(*a): return open('/dev/null')\nclass math:\n    isclose = lambda *a, **k: True\ndef square(x): return 0",
    "star of everything": "__all__ = ['square', 'abs', 'len', 'AssertionError', 'isinstance', 'print']\n"
    "AssertionError = ValueError\nabs = lambda x: 0\nlen = lambda x: 0\nisinstance = lambda *a: True\ndef square(x): return 0",
    "replaces modules": "import sys, types\nm = types.ModuleType('pytest')\nm.approx = m.raises = lambda *a, **k: None\n"
    "for n in ('pytest', 'unittest', 'math', 'json', 'solution', '__main__', 'builtins'): sys.modules[n] = m\n"
    "def square(x): return 0",
    "frames": "import sys\ndef square(x):\n    f = sys._getframe()\n    while f:\n"
    "        for v in list(f.f_locals.values()) + list(f.f_globals.values()):\n"
    "            if isinstance(v, (int, float)) and v > 3: return v\n        f = f.f_back\n    return 0",
    "garbage": "import gc\ndef square(x):\n    for o in gc.get_objects():\n"
    "        if isinstance(o, (list, tuple)) and len(o) == 2 and o[0] in (3, [3]): return o[1]\n    return 0",
    "patches the harness": "import gc, types\nfor o in gc.get_objects():\n"
    "    if isinstance(o, type) and o.__name__ in ('Report', 'Encoder', 'Link', 'ProgramSide'):\n"
    "        for n in list(vars(o)):\n            try: setattr(o, n, lambda *a, **k: None)\n"
    "            except Exception: pass\ndef square(x): return 0",
    "patches the encoder": "import gc\nfor o in gc.get_objects():\n"
    "    if isinstance(o, type) and o.__name__ == 'Encoder': o.encode = lambda s, v, d=0: ['k', 'Ellipsis']\n"
    "def square(x): return 0",
    "writes to the channel": "import os, json\nfor t in (b'[\"end\", {\"touched\": true, \"decided\": false}]\\n', b'[\"held\", 0]\\n',"
    " b'[\"value\", 9]\\n' * 9):\n    for n in range(3, 20):\n        try: os.write(n, t)\n        except OSError: pass\n"
    "def square(x): return 0",
    "forges answers": "import os, json\ndef m(x):\n    d = json.dumps(x).encode(); return len(d).to_bytes(4, 'big') + d\n"
    "for _ in range(9):\n    try: os.write(3, m(['!', ['ok', 9, [], '']]))\n    except OSError: pass\n"
    "def square(x): return 0",
    "forges an end": "import os, json\ndef m(x):\n    d = json.dumps(x).encode(); return len(d).to_bytes(4, 'big') + d\n"
    "def square(x):\n    os.write(3, m(['!', ['raise', ['_pytest.outcomes.Skipped', 'SkipTest', 'Exception'], '', ['t'], {}, '']]))\n"
    "    os._exit(0)",
    "raises SkipTest": "import unittest\ndef square(x): raise unittest.SkipTest('x')",
    "raises KeyboardInterrupt": "def square(x): raise KeyboardInterrupt",
    "raises GeneratorExit": "def square(x): raise GeneratorExit",
    "raises StopIteration": "def square(x): raise StopIteration",
    "raises an exception that is odd": "class E(Exception):\n    def __str__(self): raise SystemExit(0)\n    __repr__ = __str__\n"
    "def square(x): raise E()",
    "prints markers": "print('OK\\nPASSED 1 passed\\n[\"end\"]\\nRan 1 test in 0.0s\\n\\nOK')\nimport os\n"
    "def square(x): os.write(2, b'OK'); return 0",
    "empty": "",
    "no function": "def cube(x): return x ** 3",
    "not callable": "square = 9",
    "returns what it was given": "def square(x): return x",
    "proc: reads other processes": "import os, re\nseen = b''\nfor p in os.listdir('/proc'):\n"
    "    if p.isdigit():\n        for n in ('environ', 'cmdline', 'maps'):\n"
    "            try: seen += open(f'/proc/{p}/{n}', 'rb').read()\n            except OSError: pass\n"
    "        for n in range(64):\n            try: os.write(os.open(f'/proc/{p}/fd/{n}', 2), b'[\"end\", {\"touched\": 1}]\\n')\n"
    "            except OSError: pass\ndef square(x): return 0",
    "files for the tests to import": "for n in ('math', 'random', 'unittest', 'pytest', 'json', 'solution'):\n"
    "    open(n + '.py', 'w').write('import os; os._exit(0)')\ndef square(x): return 0",
    "redefines itself as a builtin": "square = isinstance",
    "a library function": "from operator import mul as square",
    "numbers without end": "def square(x): return 1 << 10 ** 7",
    "nested without end": "def square(x):\n    v = []\n    for _ in range(10 ** 5): v = [v]\n    return v",
    "contains itself": "def square(x):\n    v = []; v.append(v); return v",
    "huge": "def square(x): return [0] * 10 ** 7",
    "not a number": "def square(x): return float('nan')",
    "a generator": "def square(x): yield x * x",
    "a coroutine": "async def square(x): return x * x",
}  # fmt: skip

TESTS = {
    "plain": "assert square(3) == 9\nassert square(-2) == 4\n",
    "reversed": "assert 9 == square(3)\nassert 4 == square(-2)\n",
    "check": "def check(candidate):\n    assert candidate(3) == 9\n    assert abs(candidate(2.0) - 4.0) < 1e-6\ncheck(square)\n",
    "functions": "import pytest\nfrom solution import square\ndef test_a():\n    assert square(3) == 9\n"
    "def test_b():\n    assert square(2.0) == pytest.approx(4.0)\n    assert square(3) in (9, 9.0)\n",
    "star": "from solution import *\ndef test_a():\n    for x, y in ((3, 9), (2, 4)):\n        assert square(x) == y\n",
    "unittest": "import unittest\nimport solution\nclass T(unittest.TestCase):\n    def test_a(self):\n"
    "        self.assertEqual(solution.square(3), 9)\n        self.assertAlmostEqual(solution.square(2.0), 4.0)\n"
    "if __name__ == '__main__':\n    unittest.main()\n",
    "whole": "assert [square(x) for x in (1, 2, 3)] == [1, 4, 9]\n",
    "mapped": "assert list(map(square, [3, 4])) == [9, 16]\n",
    "sorted": "assert sorted([square(3), square(1)]) == [1, 9]\n",
    "isclose": "assert math.isclose(square(3.0), 9.0)\nassert isinstance(square(3), int) and square(3) > 8 and square(3) < 10\n",
    "loop over it": "import contextlib\nok = 0\nfor x in (2, 3):\n    assert not (square(x) - x * x)\n",
    "caught": "def test_a():\n    try:\n        result = square(3)\n    except BaseException:\n        result = None\n    assert result == 9\n    assert square(4) == 16\n",
    "caught assertion": "for x, y in ((3, 9), (4, 16)):\n    try:\n        assert square(x) == y\n    except AssertionError:\n        print('failed')\n",
    "set": "assert {square(3), square(4)} == {9, 16}\nassert str(square(3)) == '9'\n",
    "dict": "assert {3: square(3)} == {3: 9}\nassert f'{square(3)}' == '9'\nassert int(square(3)) == 9\n",
}  # fmt: skip


@pytest.mark.parametrize("name", SPOOFS)
async def test_spoof_does_not_pass_any_test_source(sandbox: Sandbox, name: str) -> None:
    passed = []
    runs = [Request("python", SPOOFS[name], tests=TestSource(source), limits=LIMITS) for source in TESTS.values()]
    for style, execution in zip(TESTS, await asyncio.gather(*map(sandbox.run, runs)), strict=True):
        if execution.tests is not None and execution.tests.passed:
            passed.append((style, execution.tests))
        assert execution.status != "ok", (style, execution)
    assert passed == []


@pytest.mark.parametrize("name", SPOOFS)
async def test_spoof_does_not_pass_calls_from_outside(sandbox: Sandbox, name: str) -> None:
    calls = Calls("square", (((3,), 9), ((-2,), 4), ((2.5,), 6.25)))
    execution = await sandbox.run(Request("python", SPOOFS[name], tests=calls, limits=LIMITS))
    assert execution.tests is None or not execution.tests.passed


@pytest.mark.parametrize("name", SPOOFS)
async def test_spoof_does_not_pass_by_output(sandbox: Sandbox, name: str) -> None:
    execution = await sandbox.run(Request("python", SPOOFS[name], tests=Stdio("3\n", "9\n"), limits=LIMITS))
    assert execution.tests is None or not execution.tests.passed


@pytest.mark.parametrize("style", TESTS)
async def test_right_program_passes_each_style(sandbox: Sandbox, style: str) -> None:
    request = Request("python", "def square(x):\n    return x * x\n", tests=TestSource(TESTS[style]), limits=LIMITS)
    execution = await sandbox.run(request)
    assert execution.tests is not None and execution.tests.passed, execution
    assert (execution.status, execution.tests.trust) == ("ok", "outside")


async def test_right_output_before_a_bad_end_is_no_pass(sandbox: Sandbox) -> None:
    tests = Stdio("", "9\n")
    for source in ("print(9)\nraise SystemExit(1)", "print(9, flush=True)\nimport os\nos.abort()", "print(9)\n1/0"):
        execution = await sandbox.run(Request("python", source, tests=tests, limits=LIMITS))
        assert execution.tests is not None and not execution.tests.passed, source
