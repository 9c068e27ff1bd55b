"""The saved decisions of a study beside each other."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

import pandas as pd

from automl_nn.decide.decision import Decision
from automl_nn.errors import AutoMLError
from automl_nn.review.decision.numbers import compared, decision_report


@final
@dataclass(frozen=True)
class Saved:
    """A saved decision.

    Args:
        number: Its number in the database.
        created: When it was saved, UTC.
        on: What it decides for: `ensemble` or a trial.
        goal: What it is for, in words.
        row: What it gives, as `compared` names it: threshold, interval, utility, precision, recall, ...; empty if it
            cannot be read any more.
    """

    number: int
    created: datetime
    on: str
    goal: str
    row: dict[str, Any]

    @property
    def place(self) -> tuple[float, float] | None:
        """Precision and recall; None if the decision has none."""
        pair = self.row.get("precision"), self.row.get("recall")
        return None if pair[0] is None or pair[1] is None else (float(pair[0]), float(pair[1]))


def saved_decisions(decisions: pd.DataFrame) -> tuple[Saved, ...]:
    """Saved decisions, the newest first.

    Args:
        decisions: What `Store.decisions` returned.
    """
    rows = decisions.sort_values("id", ascending=False).to_dict("records")
    return tuple(_saved({str(name): value for name, value in row.items()}) for row in rows)


def _saved(row: dict[str, Any]) -> Saved:
    on = "ensemble" if pd.isna(row["trial"]) else f"trial {int(row['trial'])}"
    try:
        report = decision_report(Decision.from_json(row["result"]))
        goal, numbers = str(report.get("goal") or "as it is"), compared({"": report})[0]
    except (AutoMLError, KeyError, TypeError, ValueError):  # of a version that stored something else
        goal, numbers = "unreadable: it was saved by another version", {}
    return Saved(int(row["id"]), row["created"], on, goal, numbers)
