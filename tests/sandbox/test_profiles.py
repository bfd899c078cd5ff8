"""Warm profiles: chosen by imports, libraries imported before the fork, packages that are not there are no failure."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import open_sandbox
from sandbox.profiles import PLAIN, profile_of
from sandbox.types import (
    Calls,
    Limits,
    Request,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    Status,
    TestSource,
    ToolchainMissing,
)

CHOSEN = [
    ("print(1)", PLAIN),
    ("x = 'import numpy'", PLAIN),
    ("# numpy", PLAIN),
    ("import numpyro", PLAIN),
    ("from . import numpy", PLAIN),
    ("import numpy, (", PLAIN),
    ("import numpy as np", "numpy"),
    ("from numpy.linalg import inv", "numpy"),
    ("def f():\n    import numpy", "numpy"),
    ("import numpy\nimport pandas as pd", "scientific"),
    ("from sympy import *", "scientific"),
    ("import matplotlib.pyplot as plt", "scientific"),
    ("import scipy.stats", "scientific"),
]


@pytest.mark.parametrize(("source", "profile"), CHOSEN)
def test_imports_choose_the_profile(source: str, profile: str) -> None:
    assert profile_of(Request("python", source)) == profile
    assert profile_of(Request("python", "x = 1", tests=TestSource(source))) == profile


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small package under a well-known name, which tells in which process it was imported."""
    folder = tmp_path_factory.mktemp("site")
    package = folder / "numpy"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import os, types\nborn = os.getpid()\nseeds = []\nrandom = types.SimpleNamespace(seed=seeds.append)\n"
    )
    (folder / "helper.py").write_text("answer = 42\n")
    for path in (folder, package):
        path.chmod(0o755)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stocked(site: Path) -> AsyncIterator[Sandbox]:
    pool = open_sandbox("namespaces", slots=1, site=str(site))
    yield pool
    await pool.aclose()


BORN = "import numpy, os\nprint(numpy.born == os.getpid(), numpy.seeds)\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_libraries_are_imported_before_the_fork(stocked: Sandbox) -> None:
    for _ in range(3):
        assert (await stocked.run(Request("python", BORN))).stdout == "False [0]\n"
        late = await stocked.run(Request("python", f"exec({BORN!r})"))  # no import that can be seen: the plain profile
        assert late.stdout == "True []\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_every_form_of_program_finds_the_packages(stocked: Sandbox) -> None:
    program = "import numpy, helper\ndef f(x):\n    return helper.answer + x\n"
    for tests in (TestSource("import helper\nassert f(1) == helper.answer + 1"), Calls("f", (((1,), 43),))):
        execution = await stocked.run(Request("python", program, tests=tests))
        assert execution.tests is not None and execution.tests.passed, execution
    async with stocked.session(profile="numpy", limits=Limits(5.0, 60.0)) as session:
        assert (await session.run("import numpy, os\nnumpy.born == os.getpid()")).stdout == "False\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_packages_are_seen_read_only_and_without_their_place_on_the_host(stocked: Sandbox, site: Path) -> None:
    source = (
        "import numpy, os\nprint(numpy.__file__)\nprint(os.path.exists(" + repr(str(site)) + "))\n"
        "for name in ('numpy/__init__.py', 'new.py'):\n"
        "    try: open('/site/' + name, 'a'); print('WRITTEN')\n    except OSError: print('no')\n"
    )
    execution = await stocked.run(Request("python", source))
    assert execution.stdout == "/site/numpy/__init__.py\nFalse\nno\nno\n", execution


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        ("import numpy as np\nprint(np.pi)", None),
        ("import pandas as pd\ndef f(): return 1", TestSource("assert f() == 1")),
        ("def f():\n    from scipy import stats\n    return 1", TestSource("assert f() == 1")),
        ("def f(): return 1", TestSource("import numpy as np\nassert f() == np.int64(1)")),
        ("def f():\n    import sympy\n    return 1", Calls("f", (((), 1),))),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_package_that_is_not_there_is_no_failure(program: str, tests: TestSource | Calls | None) -> None:
    pool = open_sandbox("namespaces", slots=1)
    try:
        with pytest.raises(ToolchainMissing, match="No module named"):
            await pool.run(Request("python", program, tests=tests))
        tried = "try:\n    import numpy\nexcept ImportError:\n    numpy = None\nprint(numpy)"
        assert (await pool.run(Request("python", tried))).stdout == "None\n"
        other = await pool.run(Request("python", "import no_such_module_of_anybody"))
        assert other.status is Status.NONZERO
    finally:
        await pool.aclose()


@pytest.mark.asyncio(loop_scope="module")
async def test_real_libraries_in_the_environment_of_the_tests() -> None:
    if not (Path(sys.prefix) / "pyvenv.cfg").is_file():
        pytest.skip("the tests do not run in a virtual environment")
    pool = open_sandbox("namespaces", slots=1, site=sys.prefix)
    try:
        program = "import sympy\ndef f(n):\n    return str(sympy.sqrt(n))\n"
        execution = await pool.run(Request("python", program, tests=Calls("f", (((8,), "2*sqrt(2)"),))))
        assert execution.tests is not None and execution.tests.passed, execution
    finally:
        await pool.aclose()


@pytest.mark.parametrize("place", ["/", "~", "~/..", "/no/such/folder"])
def test_a_site_that_holds_more_than_packages_is_refused(place: str) -> None:
    with pytest.raises(SandboxUnavailable, match="not a folder of packages"):
        open_sandbox("namespaces", site=place)


def test_an_environment_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").touch()
    (tmp_path / "lib" / "python3.2" / "site-packages").mkdir(parents=True)
    with pytest.raises(SandboxUnavailable, match="not one of this interpreter's version"):
        open_sandbox("namespaces", site=str(tmp_path))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_profile_that_cannot_be_had_is_an_error(stocked: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no such profile"):
        async with stocked.session(profile="quantum"):
            pass
    pool = open_sandbox("namespaces", slots=1)
    with pytest.raises(ToolchainMissing, match=r"sandbox\.site"):
        async with pool.session(profile="numpy"):
            pass
    await pool.aclose()
