"""`provender sandbox build` and `provender sandbox check`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from flows.errors import ConfigError, UserError
from sandbox import build as image
from sandbox import open_sandbox
from sandbox.check import Proven, prove_all
from sandbox.engine import IMAGE
from sandbox.languages import LANGUAGES
from sandbox.types import SandboxUnavailable

app = typer.Typer(
    name="sandbox", help="The place where programs run: make its image, see what works.", no_args_is_help=True
)

_BACKENDS = ("namespaces", "docker")
_Languages = Annotated[
    str | None, typer.Option("--languages", metavar="A,B", help="Only these languages; Python is always in the image.")
]


@app.command()
def build(
    source: Annotated[
        str, typer.Option("--from", help="base: a Dockerfile on a public base image. packages: Debian packages alone.")
    ] = "base",
    languages: _Languages = None,
    tag: Annotated[str, typer.Option(help="Name of the image.")] = IMAGE,
    base: Annotated[str, typer.Option(help="Base image, of Debian or what is made from it.")] = image.BASE,
    network: Annotated[str | None, typer.Option(help="Network of the build, e.g. host; none: the engine's.")] = None,
) -> None:
    """Make the image of the Docker backend."""
    if source not in ("base", "packages"):
        raise ConfigError(f"--from {source}: base or packages")
    plan = image.Plan(image.packages_of(_chosen(languages)), tag, base, network)
    make = image.build_from_base if source == "base" else image.build_from_packages
    make(plan, typer.echo)
    typer.echo(f"made {tag}; try it with `provender sandbox check --backend docker`")


@app.command()
def check(
    backend: Annotated[str | None, typer.Option(help="namespaces or docker; none: both.")] = None,
    runtime: Annotated[str | None, typer.Option(help="Runtime of the Docker backend, e.g. runsc.")] = None,
    tag: Annotated[str, typer.Option("--image", help="Image of the Docker backend.")] = IMAGE,
    languages: _Languages = None,
) -> None:
    """Run every language's proof on each backend, and print what this machine can run."""
    if backend is not None and backend not in _BACKENDS:
        raise ConfigError(f"--backend {backend}: {' or '.join(_BACKENDS)}")
    wrong, usable = False, False
    for name in [backend] if backend else _BACKENDS:
        found = asyncio.run(_prove(name, (tag, runtime), _chosen(languages)))
        usable |= not isinstance(found, str)
        wrong |= not isinstance(found, str) and any(one.outcome == "broken" for one in found)
        typer.echo(_text(name, found))
    if wrong or not usable:
        raise UserError("a language gives wrong results; see above" if wrong else "nothing here can isolate programs")


def _chosen(languages: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in languages.split(",")) if languages else ()
    for name in names:
        if name not in LANGUAGES:
            raise ConfigError(f"--languages {name}: no such language (there are: {', '.join(sorted(LANGUAGES))})")
    return names


async def _prove(backend: str, container: tuple[str, str | None], languages: tuple[str, ...]) -> list[Proven] | str:
    """What was found, or why the backend cannot be used at all."""
    try:
        sandbox = open_sandbox(backend, image=container[0], runtime=container[1])
    except SandboxUnavailable as error:
        return str(error)
    try:
        return await prove_all(sandbox, languages)
    except SandboxUnavailable as error:
        return str(error)
    finally:
        await sandbox.aclose()


def _text(backend: str, found: list[Proven] | str) -> str:
    if isinstance(found, str):
        return f"{backend}: not usable: {found}"
    width = max(len(one.language) for one in found)
    return "\n".join([f"{backend}:", *(f"  {one.language:{width}}  {one.outcome:7}  {one.detail}" for one in found)])
