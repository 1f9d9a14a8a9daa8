"""The command line: one command after another, and one line for an error that can be mended.

Everything heavy is imported inside the commands, so that `--help` comes at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from textcond.commands import analyses, cards_and_report, models, service, studies, texts
from textcond.commands.common import fail
from textcond.errors import TextcondError
from textcond.workflows.analyses import ANALYSES

_STOPPED = 130
"""What typer makes of Ctrl-C, as shells do."""
app = typer.Typer(
    name="textcond",
    help="Show which filters of a convolutional text classifier, fed by which words, made its "
    "prediction.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        print(f"textcond {version('textcond')}")
        raise typer.Exit
    return wanted


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """What is asked of textcond itself."""


for command in (
    models.train,
    models.evaluate,
    texts.predict,
    texts.explain,
    texts.filters,
    analyses.analyze,
    *map(analyses.command_of, ANALYSES.values()),
    cards_and_report.card,
    cards_and_report.report,
    studies.study,
    models.models,
    service.serve,
    service.migrate,
):
    app.command()(command)
app.add_typer(service.keys, name="keys")


def main() -> None:
    """Run a command; an error that the user can mend is one line and exit code 2."""
    try:
        code = app(standalone_mode=False, prog_name="textcond")
        if code == _STOPPED:
            fail("Stopped.", code=_STOPPED)
        sys.stdout.flush()
    except TextcondError as error:
        fail(str(error), code=2)
    except TyperException as error:
        # Without a command the help is shown already, and there is no message.
        message = error.format_message().rstrip(".")
        context = getattr(error, "ctx", None)
        help = f"{context.command_path if context else 'textcond'} --help"
        fail(f"{message}.{_hint(error)} See `{help}`.", code=2) if message else sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        fail("Stopped.", code=_STOPPED)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except OSError as error:
        place = error.filename or "the output"
        fail(
            f"{place}: {error.strerror or error}; check the path, its rights and the disk.", code=2
        )
    sys.exit(code or 0)


def _hint(error: TyperException) -> str:
    """What to do where a text was taken for an option, which resembles none that there is."""
    command = getattr(getattr(error, "ctx", None), "command", None)
    resembled = getattr(error, "possibilities", True) and " " not in getattr(
        error, "option_name", ""
    )
    if command is None or resembled:
        return ""
    if all(one.name != "text" or one.param_type_name != "argument" for one in command.params):
        return ""
    return f" Put -- before a text that starts with -: `textcond {command.name} -- TEXT`."
