"""The addresses of the decision page: looking, and saving where that is allowed."""

import hmac
import secrets
from typing import Any

from flask import Flask, Response, abort, make_response, redirect, request

from automl_nn.errors import DecisionError
from automl_nn.results.stored import StoredResults
from automl_nn.web.files import render
from automl_nn.web.found import heading, study_of
from automl_nn.web.pages.asked import Asked
from automl_nn.web.pages.decision import decision_page, weigh
from automl_nn.web.source import Source

SEAL = "automl_nn_form"
"""The cookie, and the field of the form, that show that one of our pages sent the form."""


def add_decision(app: Flask, source: Source, *, allow_decisions: bool) -> None:
    """Add the decision page to the app.

    Args:
        app: Our pages.
        source: The studies.
        allow_decisions: Whether decisions may be saved.
    """

    @app.get("/automl/studies/<number:study_id>/decision")
    def decision(study_id: int) -> Response:
        results, asked = study_of(source, study_id), Asked.of(request.args)
        page = decision_page(results, asked, read=lambda trial: source.decider(results, trial))
        seal = _seal() if allow_decisions else ""
        saved = request.args.get("saved", "")
        values: dict[str, Any] = {"page": page, "seal": seal, "saved_now": saved if saved.isdigit() else ""}
        html = render("decision.html", **heading(results, "Decision"), **values)
        answer = make_response(html, 400 if page.is_wrong else 200)
        if seal:
            answer.set_cookie(SEAL, seal, httponly=True, samesite="Strict", secure=request.is_secure, path="/automl")
        return answer

    @app.post("/automl/studies/<number:study_id>/decision")
    def save(study_id: int) -> Response:
        if not allow_decisions:
            abort(403, "Decisions are not saved from here: start the dashboard with --allow-decisions.")
        if not _is_sealed():
            abort(
                403, "This form is not from a page of this server, or too old: go back, reload the page, and try again."
            )
        results, asked = study_of(source, study_id), Asked.of(request.form)
        _save(source, results, asked, logit=_logit(request.form.get("logit", "")))
        newest = source.store.decisions(study_id)["id"].max()
        query = "&".join(part for part in (asked.query, f"saved={newest}") if part)
        return redirect(f"/automl/studies/{study_id}/decision?{query}#saved", 303)  # type: ignore[return-value]


def _save(source: Source, results: StoredResults, asked: Asked, *, logit: float | None) -> None:
    decider = source.decider(results, asked.number)
    decision = weigh(results, asked, decider, logit=logit)
    writable = source.writable(results.name)
    try:
        writable.keep(decision, decider, trial=asked.number)
    finally:
        writable.store.close()


def _logit(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise DecisionError(f"The threshold {text!r} is no number: move it onto the curve.") from None


def _seal() -> str:
    """What the browser has already, or a new one."""
    return request.cookies.get(SEAL) or secrets.token_urlsafe(24)


def _is_sealed() -> bool:
    kept, sent = request.cookies.get(SEAL, ""), request.form.get(SEAL, "")
    return len(kept) >= 24 and hmac.compare_digest(kept.encode(), sent.encode())
