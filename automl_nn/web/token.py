"""The token that an asker must know: in a header for programs, in a cookie for browsers."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, final
from urllib.parse import parse_qs

from automl_nn.errors import InputError
from automl_nn.web.answers import send
from automl_nn.web.files import render

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SIGN_IN = "/automl/sign-in"
"""Where a browser trades the token for a cookie."""

COOKIE = "automl_nn"
COOKIE_SECONDS = 30 * 24 * 3600

MIN_LENGTH = 16
"""Characters of the shortest token: fewer can be guessed."""

MAX_FORM = 64 * 1024
"""Bytes of the largest form that is read."""


@final
@dataclass(frozen=True)
class Token:
    """A shared secret.

    Args:
        text: The secret, 16 printable characters or more.

    Raises:
        InputError: It is too short, or has blanks or other than ASCII characters.

    Example:
        >>> token = Token("correct-horse-battery")
        >>> token.is_known({"HTTP_AUTHORIZATION": "Bearer correct-horse-battery"}), token.is_known({})
        (True, False)
        >>> token
        Token(***)
    """

    text: str

    def __post_init__(self) -> None:
        if len(self.text) < MIN_LENGTH:
            raise InputError(f"The token has {len(self.text)} characters: give {MIN_LENGTH} or more, at random.")
        if not all("!" <= letter <= "~" for letter in self.text):
            raise InputError("The token has blanks or characters other than ASCII: give letters, digits and signs.")

    def __repr__(self) -> str:
        return "Token(***)"

    @property
    def pass_word(self) -> str:
        """What the cookie holds: it proves that the token was known, but is not the token."""
        return hmac.new(self.text.encode(), b"automl_nn cookie", sha256).hexdigest()

    def is_known(self, environ: "WSGIEnvironment") -> bool:
        """Whether a request comes with the token or the cookie; however wrong, it takes as long."""
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self.text):
            return True
        return _same(_cookie(environ), self.pass_word)

    def sign_in(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Ask for the token, or set the cookie if it is right."""
        if environ["REQUEST_METHOD"] != "POST":
            return _ask(environ, start, HTTPStatus.OK, next_=_asked_page(environ))
        form = _form(environ)
        if not _same(form.get("token", "").strip(), self.text):
            return _ask(environ, start, HTTPStatus.UNAUTHORIZED, next_=form.get("next", ""), is_wrong=True)
        secure = "; Secure" if environ.get("wsgi.url_scheme") == "https" else ""
        kept = f"{COOKIE}={self.pass_word}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"
        headers = [("Location", _own_page(form.get("next", ""))), ("Set-Cookie", kept)]
        return send(environ, start, HTTPStatus.SEE_OTHER, kind="text/plain", body="", headers=headers)

    def ask(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request that came without it: the page that asks for it."""
        return _ask(environ, start, HTTPStatus.UNAUTHORIZED, next_=environ.get("PATH_INFO", ""))


def _ask(
    environ: "WSGIEnvironment", start: "StartResponse", status: HTTPStatus, *, next_: str, is_wrong: bool = False
) -> Iterable[bytes]:
    body = render("sign_in.html", title="Sign in", next=_own_page(next_), is_wrong=is_wrong, action=SIGN_IN)
    headers = [("WWW-Authenticate", 'Bearer realm="automl_nn"')] if status == HTTPStatus.UNAUTHORIZED else []
    return send(environ, start, status, kind="text/html; charset=utf-8", body=body, headers=headers)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _cookie(environ: "WSGIEnvironment") -> str:
    try:
        found = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else str(found.value)


def _form(environ: "WSGIEnvironment") -> dict[str, str]:
    try:
        length = min(int(environ.get("CONTENT_LENGTH") or 0), MAX_FORM)
    except ValueError:
        length = 0
    sent: bytes = environ["wsgi.input"].read(length)
    return {name: values[0] for name, values in parse_qs(sent.decode("utf-8", errors="replace")).items()}


def _asked_page(environ: "WSGIEnvironment") -> str:
    asked: str = environ.get("QUERY_STRING", "")
    return parse_qs(asked).get("next", [""])[0]


def _own_page(path: str) -> str:
    """The page to go to, which is one of this server: no other host can be smuggled in.

    Example:
        >>> [_own_page(path) for path in ("/dashboard", "//evil.example", "https://evil.example")]
        ['/dashboard', '/automl/', '/automl/']
    """
    is_plain = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    return path if is_plain and path != SIGN_IN else "/automl/"
