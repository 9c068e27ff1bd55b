"""`automl-nn decide SCORES.csv --score a,b --label ya,yb`: any model's scores of several labels."""

from pathlib import Path
from typing import Any

import numpy as np

from automl_nn.cli.decide.asked import Asked, Columns, Extras
from automl_nn.cli.decide.scores import check_options, column_of, goals_of, groups_of, numbers
from automl_nn.errors import DecisionError


def decide_label_file(file: Path, asked: Asked, *, columns: Columns, extras: Extras) -> dict[str, Any]:
    """The report on a file of scores of several labels; nothing is written but the picture.

    Args:
        file: One row for each row of data, with a column of scores and one of truths for each label.
        asked: What the decision is for.
        columns: Where to find what; scores and labels in the same order, with commas between them.
        extras: What else is wanted.

    Raises:
        InputError: The file or the goal cannot be used.
    """
    from automl_nn.data.read import read_frame
    from automl_nn.decide.scores import decide_label_scores, logit_of, positives
    from automl_nn.review.decision.numbers import compared, decision_report

    check_options(asked, columns, extras)
    scores, labels = _names(columns, extras)
    frame = read_frame(file)
    p = np.column_stack([numbers(frame, name) for name in scores])
    y = np.column_stack([positives(column_of(frame, name), positive=columns.positive) for name in labels])
    goals, groups = goals_of(asked, frame, time=columns.time), groups_of(frame, columns)
    decisions = [decide_label_scores(p, y, goal=goal, labels=labels, groups=groups, seed=extras.seed) for goal in goals]
    reports = [decision_report(decision) for decision in decisions]
    report = {"scores": str(file), **reports[0]}
    if extras.picture is not None:
        from automl_nn.review.decision.pictures import see
        from automl_nn.task.tasks import Multilabel

        task = Multilabel(tuple(labels), "roc_auc")
        see(decisions[0], logit_of(p), y, task=task, groups=groups).save(extras.picture)
        report["picture"] = str(extras.picture)
    named = {str(one["goal"]): one for one in reports}
    return report | ({"compare": compared(named)} if len(goals) > 1 else {})


def _names(columns: Columns, extras: Extras) -> tuple[list[str], list[str]]:
    """The columns of scores and of labels."""
    scores, labels = ([name.strip() for name in str(names).split(",")] for names in (columns.score, columns.label))
    if len(scores) != len(labels):
        raise DecisionError(
            f"--score names {len(scores)} columns and --label {len(labels)}: give one score for each label, in the "
            "same order."
        )
    others = (columns.weight, columns.amount, extras.prevalence, extras.unlabelled)
    if any(other is not None for other in others):
        raise DecisionError(
            "Scores of several labels take no --weight, --amount, --prevalence or --unlabelled: leave them out, or "
            "decide on one label."
        )
    return scores, labels
