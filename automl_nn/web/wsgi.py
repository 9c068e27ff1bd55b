"""The web app for gunicorn and other WSGI servers: `gunicorn automl_nn.web.wsgi:app`.

It is told by the environment what to show:

- `AUTOML_NN_STORAGE`: URL of the database.
- `AUTOML_NN_TOKEN`: what an asker must know; without it only the same machine is answered, and nobody behind a proxy.
- `AUTOML_NN_HOSTS`: names that it may be asked for, with commas between them, beside those of the machine for itself.
- `AUTOML_NN_ALLOW_DECISIONS`: 1 to let the decision page store decisions.

An ASGI server runs it through an adapter: `WSGIMiddleware(app)` of a2wsgi.
"""

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from automl_nn.errors import InputError
from automl_nn.search.defaults import STORAGE
from automl_nn.web.app import make_app
from automl_nn.web.guard import LOOPBACK

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

YES, NO = ("1", "true", "yes"), ("", "0", "false", "no")


def app(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    """Answer a request; the first one opens the database."""
    return _made()(environ, start)


@lru_cache(maxsize=1)
def _made() -> "WSGIApplication":
    return from_environment(os.environ)


def from_environment(values: Mapping[str, str]) -> "WSGIApplication":
    """The web app that the environment asks for.

    Args:
        values: The variables of the environment.

    Raises:
        InputError: A variable cannot be used.
    """
    asked = values.get("AUTOML_NN_ALLOW_DECISIONS", "").lower()
    if asked not in (*YES, *NO):
        raise InputError(f"AUTOML_NN_ALLOW_DECISIONS = {asked!r} is neither yes nor no: write 1 or 0.")
    more = [name.strip() for name in values.get("AUTOML_NN_HOSTS", "").split(",") if name.strip()]
    return make_app(
        values.get("AUTOML_NN_STORAGE", STORAGE),
        token=values.get("AUTOML_NN_TOKEN") or None,
        allow_decisions=asked in YES,
        hosts=[*LOOPBACK, *more],
    )
