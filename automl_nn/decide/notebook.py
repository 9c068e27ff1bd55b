"""What objects look like in a notebook: a title, some facts, a table; every text is escaped."""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from automl_nn.decide.decision import Decision

N_ROWS = 10
"""Rows of a table that are shown."""

STYLE = "text-align:left;padding:0 1.2em 0 0"


def card(title: str, facts: Mapping[str, Any], table: pd.DataFrame | None = None) -> str:
    """An object as HTML.

    Args:
        title: What it is.
        facts: What is known of it, in words; facts that are None or empty are left out.
        table: Rows to show under them.

    Example:
        >>> html = card("Study <1>", {"metric": "roc_auc", "best": None})
        >>> "<b>Study &lt;1&gt;</b>" in html, "roc_auc" in html, "best" in html
        (True, True, False)
    """
    known = {name: value for name, value in facts.items() if value not in (None, "")}
    lines = "".join(
        f'<tr><th style="{STYLE}">{escape(name)}</th><td style="text-align:left">{escape(_words(value))}</td></tr>'
        for name, value in known.items()
    )
    rows = "" if table is None or table.empty else table.head(N_ROWS).map(_words).to_html(index=False, border=0)
    return f"<div><b>{escape(title)}</b><table>{lines}</table>{rows}</div>"


def decision_card(decision: "Decision") -> str:
    """A decision as HTML: what it is for, where it cuts, what that gives."""
    goal = "as it is" if decision.goal is None else decision.goal.describe()
    choice = getattr(decision, "choice", None)
    facts = {
        "task": decision.kind,
        "utility to expect": getattr(decision, "utility", None),
        "90 % interval": _interval(getattr(choice, "utility_interval", None)),
        "rule": getattr(choice, "rule", None),
        "warnings": "; ".join(getattr(decision, "warnings", ())),
    }
    cuts = getattr(decision, "cuts", ())
    rows = [
        {
            "label": cut.label,
            "threshold": cut.threshold,
            "threshold, 90 %": _interval(cut.interval),
            "utility": cut.utility,
            "utility, 90 %": _interval(cut.utility_interval),
            "precision": cut.metrics.get("precision"),
            "recall": cut.metrics.get("recall"),
            "rule": cut.rule,
        }
        for cut in cuts
    ]
    return card(f"Decision for {goal}", facts, pd.DataFrame(rows))


def _interval(ends: Any) -> str | None:
    return None if ends is None else f"{_words(float(ends[0]))} to {_words(float(ends[1]))}"


def _words(value: Any) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
