"""Our pages as a Flask app: which address shows what, and what an error looks like."""

import logging
from typing import final

from flask import Flask, Response, abort, request, send_file
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from automl_nn.errors import AutoMLError, NoTrialError, StorageError
from automl_nn.web.deciding import add_decision
from automl_nn.web.files import render, static_file
from automl_nn.web.found import heading, study_of
from automl_nn.web.pages.board import View
from automl_nn.web.pages.data import data_page
from automl_nn.web.pages.errors import errors_page
from automl_nn.web.pages.now import study_now
from automl_nn.web.pages.studies import studies_page
from automl_nn.web.pages.study import study_page
from automl_nn.web.pages.trial import trial_page
from automl_nn.web.source import Source

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # plotly writes its styles into the page
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing but what this server sends, and no script inside a page."""

A_YEAR = 365 * 24 * 3600

_log = logging.getLogger(__name__)


@final
class Number(IntegerConverter):
    """A number in an address that fits a column of a database; of others there is no page."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


def make_pages(source: Source, *, allow_decisions: bool = False) -> Flask:
    """The app that draws every page under `/automl`.

    Args:
        source: The studies to show.
        allow_decisions: Whether decisions may be stored.
    """
    app = Flask(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.converters["number"] = Number
    _add_overview(app, source)
    _add_study(app, source)
    add_decision(app, source, allow_decisions=allow_decisions)
    _add_errors(app)
    app.add_url_rule("/automl/static/<name>", view_func=_static)
    app.after_request(_secure)
    return app


def _add_overview(app: Flask, source: Source) -> None:
    @app.get("/automl/")
    def studies() -> str:
        return render("studies.html", title="Studies", here="studies", page=studies_page(source.store))

    @app.get("/automl/live")
    def live() -> str:
        return render("_studies.html", page=studies_page(source.store))


def _add_study(app: Flask, source: Source) -> None:
    @app.get("/automl/studies/<number:study_id>")
    def study(study_id: int) -> str:
        results = study_of(source, study_id)
        page = study_page(results, View.of(request.args))
        return render("study.html", **heading(results, "Study"), page=page)

    @app.get("/automl/studies/<number:study_id>/live")
    def now(study_id: int) -> str:
        return render(
            "_now.html", now=study_now(study_of(source, study_id), n_shown=request.args.get("shown", type=int))
        )

    @app.get("/automl/studies/<number:study_id>/trials/<number:number>")
    def trial(study_id: int, number: int) -> str:
        results = study_of(source, study_id)
        page = trial_page(results, number)
        return render("trial.html", **heading(results, f"Trial {number}"), page=page)

    @app.get("/automl/studies/<number:study_id>/data")
    def data(study_id: int) -> str:
        results = study_of(source, study_id)
        return render("data.html", **heading(results, "Data"), page=data_page(results))

    @app.get("/automl/studies/<number:study_id>/errors")
    def errors(study_id: int) -> str:
        results = study_of(source, study_id)
        page = errors_page(results, request.args.get("trial", type=int))
        return render("errors.html", **heading(results, "Errors"), page=page)


def _static(name: str) -> Response:
    file = static_file(name)
    if file is None:
        abort(404, "There is no such file.")
    return send_file(file, max_age=A_YEAR if "v" in request.args else 0)


def _add_errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        return _page(error.code or 500, error.name, error.description or error.name)

    @app.errorhandler(AutoMLError)
    def impossible(error: AutoMLError) -> tuple[str, int]:
        if isinstance(error, NoTrialError):
            return _page(404, "Nothing to show yet", str(error))
        if isinstance(error.__cause__, SQLAlchemyError):
            return _page(503, "The database does not answer", str(error))
        if isinstance(error, StorageError):
            return _page(404, "Not found", str(error))
        return _page(400, "That is not possible", str(error))

    @app.errorhandler(Exception)
    def broken(error: Exception) -> tuple[str, int]:
        _log.error("%s failed: %s", request.path, type(error).__name__, exc_info=error)
        return _page(500, "Something is wrong here", "The page could not be made; the server's log says why.")


def _page(status: int, title: str, message: str) -> tuple[str, int]:
    return render("error.html", title=title, message=message), status


def _secure(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers.setdefault("Cache-Control", "no-store")
    return response
