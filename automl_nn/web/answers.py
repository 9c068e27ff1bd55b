"""Answers that the guard gives itself, in the form that the asker reads: a page, JSON, or one line of text."""

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from automl_nn.web.files import render

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def refuse(
    environ: "WSGIEnvironment",
    start: "StartResponse",
    status: HTTPStatus,
    *,
    message: str,
    headers: Sequence[tuple[str, str]] = (),
) -> Iterable[bytes]:
    """Say why a request is not answered.

    Args:
        environ: The request.
        start: What takes status and headers.
        status: Which refusal it is.
        message: Why, and what to do instead.
        headers: More headers.
    """
    if environ.get("PATH_INFO", "").startswith("/api/"):
        kind, body = "application/json", json.dumps({"reason": message})  # as Optuna dashboard's browser code reads it
    elif "text/html" in environ.get("HTTP_ACCEPT", ""):
        kind, body = "text/html; charset=utf-8", render("error.html", title=status.phrase, message=message)
    else:
        kind, body = "text/plain; charset=utf-8", f"{status.value} {status.phrase}: {message}\n"
    return send(environ, start, status, kind=kind, body=body, headers=headers)


def send(
    environ: "WSGIEnvironment",
    start: "StartResponse",
    status: HTTPStatus,
    *,
    kind: str,
    body: str,
    headers: Sequence[tuple[str, str]] = (),
) -> Iterable[bytes]:
    """Send a text.

    Args:
        environ: The request.
        start: What takes status and headers.
        status: Of the answer.
        kind: Type of the text.
        body: The text.
        headers: More headers.
    """
    sent = body.encode()
    first = [("Content-Type", kind), ("Content-Length", str(len(sent))), ("Cache-Control", "no-store")]
    start(f"{status.value} {status.phrase}", [*first, *headers])
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [sent]
