"""The whole web app: Optuna dashboard at the root, our pages under `/automl`, the guard in front of both."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from automl_nn.web.guard import LOOPBACK, Guard
from automl_nn.web.gzipped import Gzipped
from automl_nn.web.linked import Linked
from automl_nn.web.routes import make_pages
from automl_nn.web.source import Source
from automl_nn.web.token import Token

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PAGES = "/automl"
"""Where our pages are; Optuna dashboard takes every other address."""


def make_app(
    url: str, *, token: str | None = None, allow_decisions: bool = False, hosts: Collection[str] = LOOPBACK
) -> "WSGIApplication":
    """The web app on the studies of a database, for any WSGI server.

    Args:
        url: `sqlite:///file.db` or `postgresql://user:password@host/name`.
        token: What an asker must know; without one, only the machine that the server runs on may ask.
        allow_decisions: Whether decisions may be stored from the page; nothing else can be changed in any case.
        hosts: Names, without a port, under which the server may be asked for.

    Raises:
        StorageError: There is no such database, or it holds no studies of this version.
        InputError: The token is too short.
    """
    from optuna_dashboard import wsgi  # which takes a second

    secret = None if token is None else Token(token)
    source = Source(url)
    pages, dashboard = make_pages(source, allow_decisions=allow_decisions), wsgi(Linked(url))

    def both(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        is_ours = path == PAGES or path.startswith(f"{PAGES}/")
        return (pages if is_ours else dashboard)(environ, start)

    return Guard(Gzipped(both), token=secret, hosts=hosts, allow_decisions=allow_decisions)
