"""The command line as a whole: its commands, its exit codes, and how it speaks of errors.

Exit codes: 0 it is done, 1 it failed or was stopped, 2 what was given cannot be used. Results go to standard output,
all else to standard error.
"""

import os
import re
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

import automl_nn
from automl_nn.cli.check import check
from automl_nn.cli.dashboard import dashboard
from automl_nn.cli.decide.command import decide
from automl_nn.cli.demo import demo
from automl_nn.cli.export import export
from automl_nn.cli.look import status, trials
from automl_nn.cli.predict.command import predict
from automl_nn.cli.report import report
from automl_nn.cli.tune import tune
from automl_nn.errors import AutoMLError, did_you_mean

FAILED = 1
INTERRUPTED = 130
"""What typer makes of Ctrl-C."""

TRACEBACK = "AUTOML_NN_TRACEBACK"
"""The environment variable that asks for tracebacks."""

app = typer.Typer(name="automl-nn", add_completion=False, rich_markup_mode=None)
for command in (check, tune, status, trials, decide, predict, report, export, dashboard, demo):
    app.command()(command)


@app.callback(invoke_without_command=True)
def automl(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Find out by measurement how a neural network must be trained on your data, and decide where to cut its scores."""
    if version:
        typer.echo(f"automl-nn {automl_nn.__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: The words behind `automl-nn`; those of the process unless given.

    Returns:
        The exit code.

    Example:
        >>> import automl_nn
        >>> main(["--version"]) == 0
        automl-nn 0.1.0
        True
    """
    try:
        words = None if arguments is None else list(arguments)
        code = typer.main.get_command(app).main(words, prog_name="automl-nn", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        return _explain(error)
    if code == INTERRUPTED:
        typer.echo("stopped: what was found is kept, and the same line goes on from there.", err=True)
        return FAILED
    return int(code or 0)


def _explain(error: Exception) -> int:
    """Say in one sentence what went wrong; return the exit code."""
    if os.environ.get(TRACEBACK):
        typer.echo("".join(traceback.format_exception(error)), err=True)
    if isinstance(error, AutoMLError):
        message, code = str(error), error.exit_code
    elif hasattr(error, "format_message") and hasattr(error, "exit_code"):  # how typer refuses a command line
        message, code = _plain(error.format_message(), refused=_refused(error)), int(error.exit_code)
    else:
        message = f"{type(error).__name__}: {error}; run the line again with {TRACEBACK}=1 to see where it comes from."
        code = FAILED
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return code


def _refused(error: Exception) -> object:
    """The value that typer refused, which it leaves to the error beneath its own; None where there is none."""
    found: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    return found[0]["input"] if found else None


def _plain(message: str, *, refused: object) -> str:
    """What typer said of a command line, without the words of its own checks, with the value and the nearest choice."""
    said = message.replace("Value error, ", "")
    rule = re.search(r"Input should be ([^,]+)", said)
    if rule is not None:
        return f"{said[: rule.start()]}{refused!r} is not possible: it must be {rule[1]}."
    choice = re.search(r"'([^']*)' is not one of (.+)\.$", said)
    if choice is None:
        return said
    known = re.findall(r"'([^']*)'", choice[2])
    return f"{said[: choice.start()]}there is no {choice[1]!r}. {did_you_mean(choice[1], known)}"
