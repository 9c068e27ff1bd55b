"""What stands before the web app: who may ask, and for what; nothing that writes or falls over."""

import re
from collections.abc import Collection, Iterable
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, final
from urllib.parse import urlsplit

from automl_nn.web.answers import refuse
from automl_nn.web.token import SIGN_IN, Token

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""How this machine is called by itself."""

PLOTS = re.compile(r"/api/(?:studies/(\d+)/plot|compare-studies/plot)(?:/|$)")
"""What Optuna dashboard draws in the server: hundreds of megabytes from a few thousand trials."""

DECISION = re.compile(r"/automl/studies/\d+/decision/?")
"""The one address that may write, if asked for."""

FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP")
"""Headers in which a proxy says for whom it asks."""

HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""What every answer carries."""


@final
class Guard:
    """Lets requests through to an app, or says why not.

    The host that was asked for must be a known one (421), because a page elsewhere can point a name of its own at this
    machine. Without a token the asker must be this machine (403); with one, he must know it (401). Methods that write
    are refused (403) but for storing a decision where that is allowed, and so are the plots that Optuna dashboard would
    draw in the server.

    Args:
        app: What is guarded.
        token: What an asker must know; None if only this machine may ask.
        hosts: Names, without a port, under which the server may be asked for. With a token, any number address is
            one, too: only a name can be pointed elsewhere.
        allow_decisions: Whether decisions may be stored.
    """

    def __init__(
        self, app: "WSGIApplication", *, token: Token | None, hosts: Collection[str], allow_decisions: bool
    ) -> None:
        self._app, self._token = app, token
        self._hosts = {host.lower().strip("[]") for host in hosts}
        self._allow_decisions = allow_decisions

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        start = _with_headers(start)
        path = environ.get("PATH_INFO", "")
        if not self._is_known_host(environ):
            message = (
                "This server is not called that: ask for it by the address that it was started at, or let the name "
            )
            message += "in with --allowed-host, or AUTOML_NN_HOSTS."
            return refuse(environ, start, HTTPStatus.MISDIRECTED_REQUEST, message=message)
        if is_foreign(environ):
            message = "Another web site's page asked for this; open the address yourself."
            return refuse(environ, start, HTTPStatus.FORBIDDEN, message=message)
        if self._token is not None and path == SIGN_IN:
            return self._token.sign_in(environ, start)
        if self._token is not None and not self._is_public(path) and not self._token.is_known(environ):
            return self._token.ask(environ, start)
        if self._token is None and not is_from_here(environ):
            message = "Only the machine that this server runs on may ask, unless it is started with --token."
            return refuse(environ, start, HTTPStatus.FORBIDDEN, message=message)
        return self._let_through(environ, start, path)

    def _let_through(self, environ: "WSGIEnvironment", start: "StartResponse", path: str) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in READING and not self._may_write(environ, path):
            message = "Nothing can be changed here: change studies with automl-nn on the command line."
            if DECISION.fullmatch(path):
                message = "Decisions are not stored from here: start the dashboard with --allow-decisions."
            return refuse(environ, start, HTTPStatus.FORBIDDEN, message=message)
        plot = PLOTS.match(path)
        if plot:
            page = f"/automl/studies/{plot[1]}" if plot[1] else "/automl/"
            message = f"This plot takes too much memory of the server. What each choice was worth is shown at {page}."
            return refuse(environ, start, HTTPStatus.FORBIDDEN, message=message)
        return self._app(environ, start)

    def _may_write(self, environ: "WSGIEnvironment", path: str) -> bool:
        is_decision = environ["REQUEST_METHOD"] == "POST" and DECISION.fullmatch(path) is not None
        return is_decision and self._allow_decisions and _is_of_own_page(environ)

    def _is_known_host(self, environ: "WSGIEnvironment") -> bool:
        host = _host(environ.get("HTTP_HOST", ""))
        return host in self._hosts or (self._token is not None and _is_address(host))

    @staticmethod
    def _is_public(path: str) -> bool:
        """What the sign-in page itself needs."""
        return path.startswith("/automl/static/")


def is_from_here(environ: "WSGIEnvironment") -> bool:
    """Whether this machine asks, and not through a proxy for another one.

    Example:
        >>> is_from_here({"REMOTE_ADDR": "127.0.0.1"}), is_from_here({"REMOTE_ADDR": "10.0.0.7"})
        (True, False)
    """
    address = environ.get("REMOTE_ADDR", "")
    return is_loopback(address) and not any(header in environ for header in FORWARDED)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine for itself.

    Example:
        >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "0.0.0.0", "example.org")]
        [True, True, True, False, False]
    """
    host = host.strip("[]")
    return host in LOOPBACK or (_is_address(host) and ip_address(host).is_loopback)


def is_foreign(environ: "WSGIEnvironment") -> bool:
    """Whether a page of another site asks in the background; a link that somebody follows is fine.

    Example:
        >>> is_foreign({"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_SEC_FETCH_MODE": "no-cors"})
        True
    """
    site, mode = environ.get("HTTP_SEC_FETCH_SITE", "none"), environ.get("HTTP_SEC_FETCH_MODE", "")
    return site in ("cross-site", "same-site") and (mode != "navigate" or environ["REQUEST_METHOD"] not in READING)


def _is_of_own_page(environ: "WSGIEnvironment") -> bool:
    """Whether a page of this very server sends a form; browsers say so, programs need not."""
    origin = environ.get("HTTP_ORIGIN")
    return origin is None or urlsplit(origin).netloc.lower() == environ.get("HTTP_HOST", "").lower()


def _host(header: str) -> str:
    """The name in a Host header, without the port."""
    name = header.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if re.search(r":\d*$", name) else name


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _with_headers(start: "StartResponse") -> "StartResponse":
    """The same with our headers, and without the leave for all sites that Optuna dashboard gives for artifacts."""

    def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        kept = [(name, value) for name, value in headers if name.lower() != "access-control-allow-origin"]
        return start(status, [*kept, *HEADERS], *error)

    return begin
