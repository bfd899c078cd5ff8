"""Makes the container image, from a public base image or from Debian packages alone.

What goes in is the packages that the languages name, and nothing of ours: the agent travels to each container.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sandbox.engine import IMAGE, RECIPE, Engine, explained
from sandbox.languages import LANGUAGES
from sandbox.types import SandboxError, SandboxUnavailable

BASE, SUITE = "debian:bookworm-slim", "bookworm"
_FOLDER = Path(__file__).parent / "image"
_BUILD_S, _CLEANING_S = 3600, 60
_ERROR = re.compile(r"^E:|\berror\b", re.IGNORECASE)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made."""

    packages: tuple[str, ...]
    tag: str = IMAGE
    base: str = BASE
    network: str | None = None  # of the build's own containers; the engine's default where None
    mirror: str | None = None  # of Debian's packages; apt's own where None


def packages_of(names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The Debian packages of some languages, or of all; Python's always, because the agent needs it."""
    unknown = sorted(set(names) - set(LANGUAGES))
    if unknown:
        raise SandboxError(f"no such language: {unknown[0]!r} (there are: {', '.join(sorted(LANGUAGES))})")
    chosen = {"python", *(names or LANGUAGES)}
    return tuple(sorted({package for name in chosen for package in LANGUAGES[name].packages}))


def recipe(packages: tuple[str, ...]) -> str:
    """A short hash of what determines an image's contents."""
    parts = [*packages, *(path.read_text(encoding="utf-8") for path in sorted(_FOLDER.iterdir()) if path.is_file())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def out_of_date(engine: Engine) -> str:
    """Why a connected engine's image is not the one that would be made today; "" where it is."""
    if engine.recipe == recipe(packages_of()):
        return ""
    return "the image was made from other packages than the languages name today; run `provender sandbox build`"


def build_from_base(plan: Plan, say: Say) -> None:
    """The Dockerfile on a public base image. Raises SandboxUnavailable, SandboxError."""
    client = _client()
    with explained(), client:
        steps = client.build(
            path=str(_FOLDER), tag=plan.tag, rm=True, forcerm=True, decode=True, network_mode=plan.network,
            buildargs={"BASE": plan.base, "PACKAGES": " ".join(plan.packages)},
            labels={RECIPE: recipe(plan.packages)},
        )  # fmt: skip
        for step in steps:
            if "error" in step:
                raise SandboxError(
                    f"the image cannot be made from {plan.base}: {' '.join(step['error'].split())};"
                    " where no registry can be reached, use --from packages"
                )
            if line := step.get("stream", "").strip():
                say(line)


def build_from_packages(plan: Plan, say: Say) -> None:
    """A root file system made by mmdebstrap, imported as one layer. Raises SandboxUnavailable, SandboxError."""
    if shutil.which("mmdebstrap") is None:
        raise SandboxUnavailable("mmdebstrap is not installed; apt-get install mmdebstrap")
    client = _client()
    with tempfile.TemporaryDirectory(prefix="provender-image-") as folder, client:
        finish, complaints = Path(folder, "finish.tar"), Path(folder, "complaints")
        with tarfile.open(finish, "w") as archive:
            for name in ("finish.sh", "toolchains"):
                archive.add(_FOLDER / name, f"provender-image/{name}")
        say(f"mmdebstrap: {len(plan.packages)} packages and what they need")
        with complaints.open("wb") as said:
            maker = subprocess.Popen(_mmdebstrap(plan, finish), stdout=subprocess.PIPE, stderr=said)
        try:
            assert maker.stdout is not None
            with explained():
                identity = _import(client, maker.stdout, plan)
            if maker.wait(_BUILD_S) != 0:
                client.remove_image(identity, force=True)
                lines = [line for line in complaints.read_text(errors="replace").splitlines() if _ERROR.search(line)]
                raise SandboxError(f"mmdebstrap failed: {' '.join(lines[:4])[:600]}")
        finally:
            _end(maker)
        with explained():  # named only now: a broken image must not take a good one's name
            client.tag(identity, *_name_and_tag(plan.tag))


def _end(maker: subprocess.Popen[bytes]) -> None:
    """Let it take down what it has mounted; a killed one would leave that."""
    maker.terminate()
    try:
        maker.wait(_CLEANING_S)
    except subprocess.TimeoutExpired:
        maker.kill()
        maker.wait()


def _mmdebstrap(plan: Plan, finish: Path) -> list[str]:
    # without these directories the Java packages cannot be set up
    hooks = [
        '--essential-hook=mkdir -p "$1"/usr/share/man/man1',
        f"--customize-hook=tar-in {finish} /",
        '--customize-hook=chroot "$1" sh /provender-image/finish.sh',
    ]
    return [
        "mmdebstrap", "--variant=minbase", "--format=tar", f"--include={','.join(plan.packages)}",
        "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--aptopt=Acquire::Languages \"none\"", *hooks, SUITE, "-",
        *([plan.mirror] if plan.mirror else []),
    ]  # fmt: skip


def _import(client: Any, stream: IO[bytes], plan: Plan) -> str:
    """Give the engine a root file system as it is made; the identity of the image."""
    changes = [f"LABEL {RECIPE}={recipe(plan.packages)}"]
    answer = client.import_image(stream, changes=changes, stream_src=True)
    for line in answer.splitlines():
        status = json.loads(line).get("status", "")
        if status.startswith("sha256:"):
            return str(status)
    raise SandboxError(f"the engine did not take the image: {answer}")


def _name_and_tag(image: str) -> tuple[str, str]:
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")


def _client() -> Any:
    try:
        import docker
    except ImportError as error:
        raise SandboxUnavailable(f"{error}; pip install 'provender[docker]'") from error
    with explained():
        return docker.APIClient(**docker.utils.kwargs_from_env(), timeout=_BUILD_S)
