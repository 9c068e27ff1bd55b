"""The options of `automl-nn decide`, in the order of its help."""

from pathlib import Path
from typing import Annotated

import typer

Scores = Annotated[
    str, typer.Argument(metavar="STUDY|SCORES.csv", help="Name of a study, or a file of any model's scores.")
]
Maximize = Annotated[
    str | None,
    typer.Option(
        "--maximize",
        metavar="NAME",
        help="f1, f2, fbeta@3, mcc, balanced_accuracy, net_benefit@0.1, ..., or a scorer of scikit-learn: jaccard, ...",
    ),
]
Cost = Annotated[
    str | None,
    typer.Option("--cost", metavar="fp=1,fn=50", help="What a false alarm and a miss cost, in one unit."),
]
MinPrecision = Annotated[
    float | None, typer.Option("--min-precision", metavar="P", help="Least share of the marked rows that are right.")
]
MinRecall = Annotated[
    float | None, typer.Option("--min-recall", metavar="R", help="Least share of the positives that are marked.")
]
MaxFpr = Annotated[
    float | None, typer.Option("--max-fpr", metavar="F", help="Largest share of the negatives that are marked.")
]
TopK = Annotated[int | None, typer.Option("--top-k", metavar="K", help="Mark at most so many of the validation rows.")]
MaxAlarms = Annotated[
    str | None,
    typer.Option("--max-alarms", metavar="3/day", help="Mark at most so many rows in a period (--time, --periods)."),
]
Periods = Annotated[
    float | None, typer.Option("--periods", metavar="N", help="With --max-alarms: periods that the rows span.")
]
CostMatrix = Annotated[
    Path | None,
    typer.Option(
        "--cost-matrix", metavar="FILE.csv", help="Several classes: costs, a row for each class, a column an action."
    ),
]
Reject = Annotated[
    float | None, typer.Option("--reject", metavar="COST", help="Several classes: what a row without an answer costs.")
]
MinAnswered = Annotated[
    float | None,
    typer.Option("--min-answered", metavar="SHARE", help="Several classes: least share of rows with an answer."),
]
OneVsRest = Annotated[
    bool, typer.Option("--one-vs-rest", help="Several classes: a cut-off for each class against the rest.")
]
Prevalence = Annotated[
    float | None,
    typer.Option("--prevalence", metavar="P", help="Share of positives where it will be used, if another one."),
]
Unlabelled = Annotated[
    Path | None,
    typer.Option(
        "--unlabelled",
        metavar="FILE",
        help="New scores without labels: their prevalence is estimated, and whether they drifted.",
    ),
]
Compare = Annotated[
    list[str] | None,
    typer.Option("--compare", metavar="GOAL", help="Another goal beside it: f2, fp=1,fn=50, min_recall=0.9, ..."),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        "--picture",
        metavar="FILE.png|FOLDER",
        help="Draw the decision; a folder gets its tables, and the worst images, too.",
    ),
]
Trial = Annotated[
    int | None, typer.Option("--trial", metavar="N", help="Decide on this trial alone; on the ensemble unless given.")
]
Saved = Annotated[
    int | None,
    typer.Option(
        "--saved", metavar="N", min=1, help="Decide nothing: take the study's saved decision of this number, as it is."
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="MODEL.nn", help="Write the model with this decision.")
]
Score = Annotated[
    str | None,
    typer.Option(
        "--score", metavar="COL", help="With a file: the probability of being positive; of several labels, a,b."
    ),
]
Label = Annotated[
    str | None,
    typer.Option("--label", metavar="COL", help="With a file: what was true, 0 or 1; of several labels, a,b."),
]
Positive = Annotated[
    str | None, typer.Option("--positive", metavar="NAME", help="With a file: the label that counts as 1.")
]
Weight = Annotated[
    str | None, typer.Option("--weight", metavar="COL", help="With a file: how many equal rows a row stands for.")
]
Group = Annotated[
    str | None, typer.Option("--group", metavar="COL", help="With a file: rows that belong together (patients).")
]
Amount = Annotated[
    str | None, typer.Option("--amount", metavar="COL", help="With a file: multiplies the cost of a missed row.")
]
Time = Annotated[
    str | None, typer.Option("--time", metavar="COL", help="With a file: when a row was scored, for --max-alarms.")
]
