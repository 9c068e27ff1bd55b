"""`automl-nn check`: look at the data before any training."""

import typer

from automl_nn.cli import options
from automl_nn.cli.output import Format, show
from automl_nn.cli.parse import parse_roles


def check(
    file: options.File,
    *,
    target: options.Target = None,
    task: options.Task = None,
    metric: options.Metric = None,
    role: options.Role = None,
    group: options.Group = None,
    time: options.Time = None,
    gap: options.Gap = None,
    val_share: options.ValShare = None,
    seed: options.Seed = 0,
    form: options.Format = Format.table,
) -> None:
    """Look at the data: task, columns, parts, classes, and what is odd. Exits with 2 if it cannot be used."""
    from automl_nn.cli.given import gather
    from automl_nn.review.tables import check_report
    from automl_nn.search.problem import pose

    roles = parse_roles(role or ())
    parts = {"group": group, "time": time, "gap": gap, "val_share": val_share}
    asked = {"target": target, "kind": task, "metric": metric, "roles": roles, **parts}
    given = gather(file, asked=asked)
    problem = pose(given.frame, given.target, **given.task, parting=given.parting, seed=seed)
    show(check_report(problem), form)
    if any(finding.level == "error" for finding in problem.findings):
        raise typer.Exit(2)
