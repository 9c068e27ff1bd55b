"""The page of a model's worst errors: rows, or in series events and false alarms, from stored outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from automl_nn.decide.events.stored import offsets_of_groups
from automl_nn.decide.stored import GROUPS
from automl_nn.errors import NoTrialError, StorageError
from automl_nn.results.results import Results
from automl_nn.review.events.mistakes import steps_around, strongest_alarms, weakest_events
from automl_nn.review.images.contact import Sheet
from automl_nn.review.mistakes import also_wrong, by_class, error_histogram, worst_rows
from automl_nn.search.problems.step_names import StepNames
from automl_nn.store import looks
from automl_nn.web.charts import Chart, Series

N_OTHERS = 5
"""Best trials that are asked whether they are wrong, too."""

N_DRAWN = 2
"""Events, and false alarms, that are drawn."""

MANY_OUTPUTS = 5_000_000
"""With more numbers than this in an output, no other trial is asked."""


@final
@dataclass(frozen=True)
class ErrorList:
    """A list of errors.

    Args:
        title: What they have in common.
        note: How to read it.
        rows: The errors, worst first.
        charts: Drawings of the first of them.
    """

    title: str
    note: str
    rows: pd.DataFrame
    charts: tuple[Chart, ...] = ()


@final
@dataclass(frozen=True)
class ErrorsPage:
    """The worst errors of one trial.

    Args:
        study_id: The study's number in addresses.
        study: The study's name.
        metric: What compares trials.
        trial: The trial; None if there is none to look at.
        score: Its score.
        others: The best trials, to choose another one.
        why_not: Why there is nothing to see; empty if there is.
        n_rows: Rows that choose, or what stands for them.
        unit: What they are: `rows`, `images`, `pixels`, `steps` or `series`.
        summary: How each class, label or quantity fares.
        lists: The errors.
        histogram: How wrong the rows are; None if there is nothing to see.
        snippet: Python that shows the rows in the data; empty where the file is unknown.
        sheet: The images that the model is most wrong about; None where none are kept.
    """

    study_id: int
    study: str
    metric: str
    trial: int | None
    score: float | None
    others: tuple[tuple[int, float], ...]
    why_not: str
    n_rows: int
    unit: str
    summary: pd.DataFrame
    lists: tuple[ErrorList, ...]
    histogram: Chart | None
    snippet: str
    sheet: Sheet | None = None


def errors_page(results: Results, trial: int | None = None) -> ErrorsPage:
    """The page of the worst errors.

    Args:
        results: The study.
        trial: The trial to look at; the best complete one unless given.

    Raises:
        StorageError: The study has no such trial.
    """
    store, study_id = results.store, results.store.study_id(results.name)
    runs = store.read(lambda connection: looks.runs(connection, study_id))
    best = _best(runs)
    plain: Any = {"study_id": study_id, "study": results.name, "metric": results.task.metric, "others": best}
    plain["unit"] = unit = _unit(store.spec(study_id))
    nothing: Any = {"n_rows": 0, "summary": pd.DataFrame(), "lists": (), "histogram": None, "snippet": ""}
    chosen = best[0][0] if trial is None and best else trial
    if chosen is None:
        return ErrorsPage(**plain, **nothing, trial=None, score=None, why_not="No trial is complete yet.")
    run = runs[runs["number"] == chosen]
    if run.empty:
        raise StorageError(f"The study {results.name!r} has no trial {chosen}: its page lists those that it has.")
    score = None if pd.isna(run["score"].iloc[0]) else float(run["score"].iloc[0])
    try:
        output = store.predictions(int(run["run_id"].iloc[0]))
        row_ids, y = store.targets(study_id)
    except (StorageError, NoTrialError) as error:
        return ErrorsPage(**plain, **nothing, trial=chosen, score=score, why_not=str(error))
    sheet = results.contact_sheet(output)
    if results.task.family == "embedding":
        known = {**nothing, "n_rows": len(y)}
        return ErrorsPage(**plain, **known, trial=chosen, score=score, why_not=_IN_PAIRS, sheet=sheet)
    groups = _groups(results, study_id)
    lists = _lists(results, output, y, row_ids, groups, _other_outputs(results, runs, chosen, output))
    return ErrorsPage(
        **plain,
        trial=chosen,
        score=score,
        why_not="",
        n_rows=int(np.isfinite(y).any(axis=1).sum()),
        summary=by_class(results.task, output, y).rename(columns={"rows": unit}),
        lists=lists,
        histogram=_histogram(results, output, y, unit),
        snippet=_snippet(store.spec(study_id), lists),
        sheet=sheet,
    )


_IN_PAIRS = "An embedding is judged by which rows lie close together, so there is no single row that is wrong."


def _unit(spec: Mapping[str, Any]) -> str:
    """What a row of the stored outputs is."""
    if "series" in spec:
        return "steps" if spec["series"].get("per_step") else "series"
    return "pixels" if "maps" in spec else "images" if "images" in spec else "rows"


def _best(runs: pd.DataFrame) -> tuple[tuple[int, float], ...]:
    complete = runs[runs["state"] == "complete"].sort_values("score", ascending=False, kind="stable").head(N_OTHERS)
    return tuple(
        (int(number), float(score)) for number, score in zip(complete["number"], complete["score"], strict=True)
    )


def _groups(results: Results, study_id: int) -> Any:
    try:
        return results.store.targets(study_id, part=GROUPS)[1].ravel().astype(np.int64)
    except StorageError:
        return None


def _other_outputs(results: Results, runs: pd.DataFrame, chosen: int, output: Any) -> list[Any]:
    """Outputs of the best other trials, where it makes sense to ask them."""
    if results.task.family == "values" or output.size > MANY_OUTPUTS:
        return []
    numbers = [number for number, _ in _best(runs) if number != chosen]
    run_ids = runs.set_index("number").loc[numbers, "run_id"]
    return [results.store.predictions(int(run_id)) for run_id in run_ids]


def _lists(
    results: Results, output: Any, y: Any, row_ids: Any, groups: Any, others: Sequence[Any]
) -> tuple[ErrorList, ...]:
    spec = results.store.spec(results.store.study_id(results.name))
    columns, unit = spec.get("series"), _unit(spec)
    if columns and columns.get("per_step") and results.task.kind == "binary" and groups is not None:
        scores = results.task.prediction(output.astype(np.float64))[:, -1]
        return _event_lists(scores, y[:, 0], groups, results.step_names)
    whole = columns is not None and not columns.get("per_step") and groups is not None
    names = results.step_names
    ids = row_ids if not whole else groups if names is None else names.called(groups)
    wrong = also_wrong(results.task, others, y) if others else None
    return tuple(
        ErrorList(_TITLES[name], f"{unit.capitalize()} {_NOTES[name]}", _named(frame, unit, wrong, len(others)))
        for name, frame in worst_rows(results.task, output, y, row_ids=ids).items()
    )


_TITLES = {"false alarms": "Worst false alarms", "misses": "Worst misses", "mistakes": "Worst mistakes"}
_NOTES = {
    "false alarms": "without the label to which the model gave it with the highest probability.",
    "misses": "with the label to which the model gave it with the lowest probability.",
    "mistakes": "on which the model is furthest from the truth.",
}


_CALLED = {"series": "series", "pixels": "image"}
"""What the number of a row is that of, where it is none of a row."""


def _named(frame: pd.DataFrame, unit: str, wrong: Any, n_others: int) -> pd.DataFrame:
    """A list for people: what a row is called, and how many other trials are wrong about it."""
    shown = frame.drop(columns="at").rename(columns={"probability": "probability of the truth"})
    shown = shown.rename(columns={"row": _CALLED.get(unit, "row")})
    return shown if wrong is None else shown.assign(**{f"wrong in {n_others} other trials": wrong[frame["at"]]})


def _event_lists(scores: Any, y: Any, groups: Any, called: StepNames | None) -> tuple[ErrorList, ...]:
    offsets = offsets_of_groups(groups)
    numbers = groups[offsets[:-1]]
    names = numbers if called is None else called.called(numbers)
    weak = weakest_events(y, scores, offsets=offsets)
    strong = strongest_alarms(y, scores, offsets=offsets)
    found = (
        ("Events that scored lowest", "No threshold above the peak finds them.", weak),
        (
            "False alarms that scored highest",
            "Steps apart from any event; no threshold below the peak keeps still.",
            strong,
        ),
    )
    return tuple(
        ErrorList(
            title,
            note,
            rows.drop(columns="at").assign(series=names[rows["series"]]),
            tuple(_around(row, title, names, scores, y, offsets) for row in rows.head(N_DRAWN).itertuples()),
        )
        for title, note, rows in found
    )


def _around(row: Any, title: str, names: Any, scores: Any, y: Any, offsets: Any) -> Chart:
    steps = steps_around(int(row.at), y, scores, offsets=offsets, length=int(row.length))
    drawn = (
        Series.of("probability", steps["step"], steps["score"]),
        Series.of("label", steps["step"], steps["label"], "step"),
    )
    what = "event" if "Events" in title else "false alarm"
    return Chart(f"Series {names[row.series]}, {what} at step {row.step}", "step", "probability", drawn)


def _histogram(results: Results, output: Any, y: Any, unit: str) -> Chart:
    table = error_histogram(results.task, output, y)
    bars = Series.of(unit, table["middle"], table["rows"].where(table["rows"] > 0), "bars")
    if results.task.family == "values":
        return Chart("How far predictions are off", "prediction less truth, in standard deviations", unit, (bars,))
    return Chart("How probable the model finds the truth", "probability of the truth", unit, (bars,), log_y=True)


def _snippet(spec: Any, lists: Sequence[ErrorList]) -> str:
    """Python that shows the rows in the file that was given."""
    words = spec.get("about", {}).get("command", ())
    rows = [int(row) for one in lists if "row" in one.rows for row in one.rows["row"]][:N_OTHERS]
    if len(words) < 3 or not rows or not str(words[2]).endswith((".csv", ".parquet")) or "series" in spec:
        return ""
    read = "read_parquet" if str(words[2]).endswith(".parquet") else "read_csv"
    return f"import pandas as pd; print(pd.{read}({str(words[2])!r}).iloc[{rows}])"
