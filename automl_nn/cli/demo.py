"""`automl-nn demo`: the whole way on a real table, and what came of it in three sentences."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, final

import typer

from automl_nn.cli.arguments import options
from automl_nn.cli.arguments.parse import parse_seconds
from automl_nn.errors import DataError, InputError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

MISS = 10
"""False alarms that one missed tumour is as bad as."""

N_EPOCHS = 50
"""Epochs of a trial: few enough for several trials in the time."""

TEST_SHARE = 0.3
"""Share of the patients that no step sees before the end."""


@final
@dataclass(frozen=True)
class Outcome:
    """What a model with its threshold does on rows that it has never seen.

    Args:
        n_rows: Rows.
        n_positives: Positive rows among them.
        found: Positive rows that are marked.
        alarms: Rows that are marked.
        cost: Cost of all errors in false alarms.
        cost_at_half: The same for the usual threshold of 0.5.
        threshold: Probability from which a row is marked.
        average_precision: Quality of the order of the rows; `n_positives / n_rows` by chance.
    """

    n_rows: int
    n_positives: int
    found: int
    alarms: int
    cost: int
    cost_at_half: int
    threshold: float
    average_precision: float

    def sentences(self) -> list[str]:
        """What these numbers say."""
        false, missed = self.alarms - self.found, self.n_positives - self.found
        return [
            f"Of {self.n_rows} patients whom no step above has seen, {self.n_positives} have a malignant tumour: the "
            f"model finds {self.found} of them ({self.found / self.n_positives:.1%}), misses {missed}, and raises "
            f"{self.alarms} alarms, {false} of them false.",
            f"A miss was said to be as bad as {MISS} false alarms, so it raises an alarm from a probability of "
            f"{self.threshold:.3g}: its errors here cost as much as {self.cost} false alarms, "
            f"{self._compared()}.",
            f"Its average precision on these patients is {self.average_precision:.3f}; guessing would have "
            f"{self.n_positives / self.n_rows:.3f}, and a perfect order 1.",
        ]

    def _compared(self) -> str:
        """The cost beside that of the usual threshold."""
        if self.cost == self.cost_at_half:
            return "just as those at the usual 0.5 would"
        return f"{'more' if self.cost > self.cost_at_half else 'less'} than the {self.cost_at_half} of the usual 0.5"


def demo(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="[tabular]", help="What to show.")] = "tabular",
    *,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="Where the files go: a new or empty folder.")
    ] = Path("automl_nn_demo"),
    timeout: Annotated[str, typer.Option("--timeout", metavar="SECONDS", help="How long to search.")] = "75",
    seed: options.Seed = 0,
) -> None:
    """Go the whole way on a real table: check, tune, decide, predict. It takes about two minutes."""
    if kind not in DEMOS:
        raise InputError(f"Unknown demo {kind!r}. {did_you_mean(kind, DEMOS)}")
    parse_seconds(timeout)
    _make(folder)
    DEMOS[kind](_runner(context), folder, timeout=timeout, seed=seed)


def _make(folder: Path) -> None:
    is_own = (folder / "automl_nn.db").exists()
    if folder.exists() and not is_own and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"The folder {str(folder)!r} holds other files: name a new one with --folder.")
    folder.mkdir(parents=True, exist_ok=True)


def _runner(context: typer.Context) -> Callable[..., None]:
    """A function that shows a line of the command line and runs it."""

    def run(*words: object) -> None:
        texts = list(map(str, words))
        typer.echo(f"\n$ {shlex.join(['automl-nn', *texts])}")
        code = context.find_root().command.main(texts, prog_name="automl-nn", standalone_mode=False)
        if code:
            raise typer.Exit(code)

    return run


def _tabular(run: Callable[..., None], folder: Path, *, timeout: str, seed: int) -> None:
    """Breast cancer: 30 measurements of cell nuclei, and whether the tumour is malignant."""
    data, test, model = folder / "breast_cancer.csv", folder / "breast_cancer_test.csv", folder / "breast_cancer.nn"
    predictions, storage = folder / "predictions.csv", ("--storage", f"sqlite:///{folder / 'automl_nn.db'}")
    _write_breast_cancer(data, test)
    run("check", data, "--target", "diagnosis")
    limits = ("--timeout", timeout, "--set", f"train.n_epochs={N_EPOCHS}", "--seed", seed)
    run("tune", data, "--target", "diagnosis", *limits, *storage)
    run("decide", data.stem, "--cost", f"fp=1,fn={MISS}", "-o", model, *storage)
    run("predict", model, test, "-o", predictions)
    outcome = _measure(model, test, predictions, picture=folder / "pr_curve.png")
    typer.echo("\n" + "\n".join(outcome.sentences()))
    typer.echo(f"\nThe picture is in {folder / 'pr_curve.png'}, the predictions are in {predictions}.")


def _write_breast_cancer(data: Path, test: Path) -> None:
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    bunch = load_breast_cancer(as_frame=True)
    frame = bunch.data.assign(diagnosis=bunch.target_names[bunch.target])
    seen, unseen = train_test_split(frame, test_size=TEST_SHARE, random_state=0, stratify=frame["diagnosis"])
    seen.to_csv(data, index=False)
    unseen.to_csv(test, index=False)


def _measure(model: Path, test: Path, predictions: Path, *, picture: Path) -> Outcome:
    """Compare the predictions with the truth, and draw the curve."""
    import pandas as pd

    from automl_nn.decide.label_decision import Cuts
    from automl_nn.predict.predictor import Predictor
    from automl_nn.review.plots import draw_pr_curve, pr_curve

    truth, predicted = pd.read_csv(test)["diagnosis"] == "malignant", pd.read_csv(predictions)
    (threshold,) = cast(Cuts, Predictor.load(model).decision).thresholds
    curve = pr_curve(truth, predicted["proba_malignant"], threshold=threshold)
    title = f"Breast cancer: {len(truth)} patients that no step has seen"
    draw_pr_curve(curve, title=title, positive="malignant tumours").savefig(picture, dpi=150)
    return measure(truth, predicted, threshold=threshold, average_precision=curve.average_precision)


def measure(
    truth: "pd.Series[bool]", predicted: "pd.DataFrame", *, threshold: float, average_precision: float
) -> Outcome:
    """Count what the predictions got right.

    Args:
        truth: Whether each tumour is malignant.
        predicted: What `automl-nn predict` wrote for the same rows.
        threshold: Probability from which a tumour is called malignant.
        average_precision: Quality of the order of the rows.
    """
    marked, at_half = predicted["prediction"] == "malignant", predicted["proba_malignant"] >= 0.5
    return Outcome(
        n_rows=len(truth),
        n_positives=int(truth.sum()),
        found=int((marked & truth).sum()),
        alarms=int(marked.sum()),
        cost=_cost(truth, marked),
        cost_at_half=_cost(truth, at_half),
        threshold=threshold,
        average_precision=average_precision,
    )


def _cost(truth: "pd.Series[bool]", marked: "pd.Series[bool]") -> int:
    return int((marked & ~truth).sum() + MISS * (truth & ~marked).sum())


DEMOS: Mapping[str, Callable[..., Any]] = {"tabular": _tabular}
"""The demos by name."""
