"""`provender serve`: vLLM with settings for synthetic data, in an environment of its own, until Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.commands.options import Json, Quiet
from flows.errors import ConfigError, UserError
from served_model.vllm.environment import (
    GIGABYTES,
    VERSION,
    Device,
    Tell,
    VllmEnvironment,
    default_folder,
    detect_device,
    find_environment,
    install,
    unsupported,
)
from served_model.vllm.server import VllmServer
from served_model.vllm.settings import ServeSettings, check_settings, command, variables


def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model folder, or a model's name on the hub.")],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[-- VLLM OPTIONS]", help="Handed to vLLM; they override ours.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    device: Annotated[str, typer.Option(help="auto, gpu or cpu: which build of vLLM.")] = "auto",
    env: Annotated[
        Path | None, typer.Option("--env", help="Virtual environment that holds vLLM, or where to make one.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads on a CPU; default: vLLM decides.")] = None,
    log: Annotated[Path | None, typer.Option(help="File for vLLM's output.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Install vLLM without asking where it is missing.")] = False,
    install_only: Annotated[bool, typer.Option("--install-only", help="Install vLLM if need be, and stop.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Start vLLM and wait until it answers; Ctrl-C ends it. It gets an environment of its own, made on first use."""

    def tell(line: str) -> None:
        if not quiet and not as_json:
            print(f"vLLM: {line}", file=sys.stderr, flush=True)

    settings = ServeSettings(model, host, port, threads, tuple(options or ()))
    if not install_only:
        check_settings(settings)
    environment = _environment(_device(device), env, yes, tell)
    if install_only:
        print(environment.folder)
        return
    words = command(environment, settings)
    tell(f"{environment.version} from {environment.folder} on the {environment.device.upper()}")
    tell(" ".join(words[3:]))
    where = log or Path.home() / ".cache" / "provender" / f"serve-{port}.log"
    with VllmServer(settings, words, variables(environment.device, settings, os.environ), where) as server:
        server.wait_until_up(tell)
        print(_up_text(server, as_json), flush=True)
        server.wait_until_end()


def _device(text: str) -> Device:
    choices: dict[str, Literal["gpu", "cpu"]] = {"gpu": "gpu", "cpu": "cpu"}
    if text not in ("auto", *choices):
        raise ConfigError(f"--device {text}: auto, gpu or cpu")
    found = detect_device()
    if text == "gpu" and found != "gpu":
        raise UserError("no GPU found: nvidia-smi lists none; check the driver, or serve on the CPU with --device cpu")
    return choices.get(text, found)


def _environment(device: Device, env: Path | None, yes: bool, tell: Tell) -> VllmEnvironment:
    folder = env or default_folder(device)
    found = find_environment(folder)
    if found is not None:
        return found
    if reason := unsupported(device):
        raise UserError(reason)
    what = f"vLLM {VERSION} ({device.upper()} build, about {GIGABYTES[device]} GB) into {folder}"
    if not yes and not sys.stdin.isatty():
        raise UserError(f"vLLM is not there yet: run again with --yes to install {what}, or name one by --env")
    if not yes and not typer.confirm(f"vLLM is not there yet. Install {what}?", err=True):
        raise UserError("vLLM was not installed; name an environment that holds it by --env")
    return install(folder, device, tell)


def _up_text(server: VllmServer, as_json: bool) -> str:
    base_url, name = f"{server.settings.root}/v1", server.served_name()
    if as_json:
        return json.dumps({"base_url": base_url, "name": name, "log": str(server.log)})
    return (
        f"{name} is served at {base_url}\n\nFor the config of provender make:\n\n"
        f'[models.default]\nbase_url = ["{base_url}"]\nname = {json.dumps(name)}\n\nCtrl-C ends it.'
    )
