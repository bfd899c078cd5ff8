"""The command line: `provender COMMAND`, also `python -m flows`."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

# Before Prefect is imported: no analytics, and its own log lines stay out of our terminal (the UI keeps them all).
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # see flows/frugal.py

import typer
from typer.exceptions import TyperException

from flows import terminal
from flows.commands import curating, judge, machine, rows, runs, sandbox, serving
from flows.errors import ConfigError, UserError
from flows.frugal import limit_arenas
from flows.version import VERSION

app = typer.Typer(
    name="provender",
    help="Makes verified training data for language models.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

COMMANDS = (
    runs.rehearse,
    runs.make,
    rows.verify,
    curating.curate,
    rows.audit,
    runs.export,
    runs.report,
    runs.inspect,
    runs.trace,
    machine.deploy,
    serving.serve,
    machine.doctor,
)
"""In the order of `provender --help`."""

FOREIGN_OPTIONS = {"ignore_unknown_options": True}
"""Of vLLM, which may also stand without `--` before them."""

for _command in COMMANDS:
    app.command(context_settings=FOREIGN_OPTIONS if _command is serving.serve else {})(_command)
app.add_typer(sandbox.app)
app.add_typer(judge.app)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(f"provender {VERSION}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 usage or config, 130 Ctrl-C."""
    limit_arenas()
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command; errors that a user can mend become one line on standard error."""
    try:
        result: Any = app(args=arguments, prog_name="provender", standalone_mode=False)
    except TyperException as error:
        return _say(f"{_usage(error)} (try --help)", 2)
    except (typer.Abort, KeyboardInterrupt):
        result = INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # the reader is gone: nothing more to flush
        return 0
    except (UserError, ConfigError) as error:
        return _say(str(error), error.exit_status)
    except terminal.MENDABLE as error:
        return _say(terminal.one_line(error), terminal.exit_status(error))
    if result == INTERRUPTED:  # typer turns most interrupts into this status by itself
        return _say("stopped; run the same command again to resume", INTERRUPTED)
    return result if isinstance(result, int) else 0


def _usage(error: TyperException) -> str:
    """The message as typer itself would print it, which names the option."""
    format_message = getattr(error, "format_message", error.__str__)
    return " ".join(str(format_message()).split())


def _say(line: str, status: int) -> int:
    sys.stderr.write(f"provender: {line}\n")
    return status


if __name__ == "__main__":
    main()
