"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no tables; errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output, for scripts.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Unsafe = Annotated[
    bool, typer.Option("--unsafe-no-isolation", help="Run programs without isolation where nothing here can isolate.")
]
Site = Annotated[str | None, typer.Option("--site", help="Environment or folder of packages that programs may import.")]
Backend = Annotated[str, typer.Option("--backend", help="Sandbox backend: auto, docker or namespaces.")]
Batch = Annotated[
    bool, typer.Option("--batch", help="Write the requests to files in RUN/batch, and collect the results there.")
]
Send = Annotated[
    bool, typer.Option("--send", help="With --batch: by the batch APIs of the models' providers, there and back.")
]
Wait = Annotated[
    bool, typer.Option("--wait", help="With --batch: wait for results and go on, until nothing is left to ask.")
]
