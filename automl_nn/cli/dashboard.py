"""`automl-nn dashboard`: Optuna dashboard and our pages on the studies of a database, in the browser."""

import logging
import socket
from typing import Annotated

import typer

from automl_nn.cli.arguments import options
from automl_nn.errors import InputError

PORT = 8080

Host = Annotated[
    str, typer.Option("--host", metavar="HOST", help="Where to listen; other than this machine itself needs --token.")
]
Port = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port; 0 for any that is free.")]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="SECRET",
        envvar="AUTOML_NN_TOKEN",
        help="What everybody must know who looks: 16 characters or more. Other users of this machine can read it here, "
        "but not in the environment variable.",
    ),
]
AllowedHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host", metavar="NAME", help="Another name that it may be asked for, as behind a proxy; repeatable."
    ),
]
AllowDecisions = Annotated[
    bool, typer.Option("--allow-decisions", help="Let the decision page store decisions; all else is only read.")
]


def dashboard(
    *,
    storage: options.Storage = options.STORAGE,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    token: Token = None,
    allowed_host: AllowedHost = None,
    allow_decisions: AllowDecisions = False,
) -> None:
    """Look at studies in the browser: Optuna dashboard, and pages on trials, choices, thresholds and errors."""
    from automl_nn.web.guard import LOOPBACK, is_loopback

    is_open = not is_loopback(host)
    if is_open and not token:
        raise InputError(
            f"--host {host} lets other machines look at every study, so give --token, or leave --host away; through a "
            "proxy or a tunnel the address stays 127.0.0.1."
        )
    names = [*LOOPBACK, host, *(allowed_host or ()), *([socket.gethostname(), socket.getfqdn()] if is_open else [])]
    _serve(storage, host, port=port, token=token or None, names=names, allow_decisions=allow_decisions)


def _serve(storage: str, host: str, *, port: int, token: str | None, names: list[str], allow_decisions: bool) -> None:
    from automl_nn.web.app import make_app
    from automl_nn.web.server import Server

    logging.getLogger("waitress").setLevel(logging.ERROR)  # a full queue is no news
    server = Server(make_app(storage, token=token, allow_decisions=allow_decisions, hosts=names), host=host, port=port)
    typer.echo(f"{server.url} shows the studies of {_masked(storage)}; Ctrl-C stops it.")
    if token is not None:
        typer.echo(
            "Whoever knows the token can look, and what is sent can be read on its way: beyond this machine, put a "
            "proxy with TLS in front, which passes the Host header on, and name its host with --allowed-host.",
            err=True,
        )
    server.run()


def _masked(storage: str) -> str:
    from automl_nn.store.urls import masked

    return masked(storage)
