"""Texts are sent compressed: Optuna dashboard's answers shrink to a tenth."""

import gzip
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MIN_BYTES = 1024
"""Smaller answers are sent as they are."""

LEVEL = 2
"""Of compression: more takes longer than it saves."""

TEXTS = ("text/", "application/json", "application/javascript", "image/svg+xml")
"""Types that shrink."""


@final
class Gzipped:
    """Compresses the texts of an app for browsers that say they can read it.

    Args:
        app: Whose answers to compress.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", "") or environ["REQUEST_METHOD"] == "HEAD":
            return self._app(environ, start)
        begun: list[Any] = []

        def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            begun[:] = [status, headers, *error]
            return _refuse_to_write

        answer = self._app(environ, begin)
        body = _whole(answer)
        status, headers, *error = begun
        if _is_worth_it(headers, body):
            body, headers = gzip.compress(body, LEVEL, mtime=0), _compressed(headers)
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        if not status.startswith(("1", "204", "304")):
            headers.append(("Content-Length", str(len(body))))
        start(status, headers, *error)
        return [body]


def _whole(answer: Iterable[bytes]) -> bytes:
    try:
        return b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()


def _is_worth_it(headers: list[tuple[str, str]], body: bytes) -> bool:
    named = {name.lower(): value for name, value in headers}
    is_text = named.get("content-type", "").startswith(TEXTS)
    return is_text and len(body) >= MIN_BYTES and "content-encoding" not in named and "content-range" not in named


def _compressed(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = [(name, value) for name, value in headers if name.lower() != "etag"]
    return [*kept, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]


def _refuse_to_write(_data: bytes) -> None:
    raise RuntimeError("An app that writes its answer in pieces is not supported here.")
