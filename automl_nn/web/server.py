"""Serving a web app until somebody stops it."""

import errno
import signal
import socket
from types import FrameType
from typing import TYPE_CHECKING, Any, final

from waitress.server import create_server

from automl_nn.errors import InputError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

N_THREADS = 4
"""Requests that are answered at once; more would only wait for each other."""

_REFUSALS = {
    errno.EADDRINUSE: "is in use: name another port with --port, or --port 0 for any that is free",
    errno.EACCES: "may not be used by you: name a port above 1023 with --port",
    errno.EADDRNOTAVAIL: "is no address of this machine: correct --host",
}
"""Why a server cannot be begun, by the number of the system's error."""


@final
class Server:
    """A web app at an address of this machine; it listens from the start, and answers while `run` runs.

    Args:
        app: What to serve.
        host: Address or name to listen at.
        port: Port; 0 for any that is free.

    Raises:
        InputError: The address cannot be had: it is in use, or not one of this machine.
    """

    def __init__(self, app: "WSGIApplication", *, host: str, port: int) -> None:
        self._host = host
        listening = _listening(host, port)  # waitress leaves its files open where it cannot listen
        self._server: Any = create_server(app, sockets=[listening], threads=N_THREADS, ident=None)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.effective_port)

    @property
    def url(self) -> str:
        """Where our pages are."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::") else self._host
        return f"http://{shown_host(host)}:{self.port}/automl/"

    def run(self) -> None:
        """Answer until the process is told to stop (Ctrl-C, SIGTERM), then end the requests that were begun."""
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            self._server.run()
        finally:
            signal.signal(signal.SIGTERM, before)
            self.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.task_dispatcher.shutdown()
        self._server.close()


def _listening(host: str, port: int) -> socket.socket:
    """A socket at an address.

    Raises:
        InputError: The address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        why = _REFUSALS.get(getattr(error, "errno", None) or 0, "cannot be listened at: correct --host and --port")
        raise InputError(f"The address {shown_host(host)}:{port} {why}.") from error


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit


def shown_host(host: str) -> str:
    """A host as it stands in an address.

    Example:
        >>> shown_host("::1"), shown_host("localhost")
        ('[::1]', 'localhost')
    """
    return f"[{host}]" if ":" in host else host
