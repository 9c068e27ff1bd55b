"""Choose between classes by a cut-off for each of them against the rest."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from automl_nn.decide.calibration.calibrate import Calibration
from automl_nn.decide.classes.decisions import OneVsRest
from automl_nn.decide.classes.offsets import CLASS_UTILITIES, warn_of_rare
from automl_nn.decide.classes.outputs import labelled, odds_against_rest
from automl_nn.decide.labels import Question, choose_cuts
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError, did_you_mean


def choose_one_vs_rest(
    names: Sequence[object], calibration: Calibration, output: Array, y: npt.ArrayLike, question: Question
) -> OneVsRest:
    """A cut-off for each class; a row gets the class that exceeds its cut-off most, in logits.

    The rarer a class, the more its cut-off matters; classes with fewer than 5 rows take that of all classes together.
    The optimism of the choice is the mean of that of the cut-offs.

    Args:
        names: The classes.
        calibration: Of the outputs.
        output: Outputs before calibration, (n_rows, n_classes).
        y: Class index, NaN where missing, (n_rows, 1).
        question: What is asked of each class; its goal maximizes a name of `CLASS_UTILITIES`.

    Raises:
        DecisionError: The utility is not one of several classes, or a class does not carry its cut-off.

    Example:
        >>> from automl_nn.decide.goal import Goal
        >>> rng = np.random.default_rng(0)
        >>> y = rng.choice(3, size=2000, p=[0.8, 0.15, 0.05])
        >>> x = rng.normal(size=(2000, 3)) + 2 * np.eye(3)[y]
        >>> question = Question(Goal("f1", one_vs_rest=True))
        >>> decision = choose_one_vs_rest(["x", "y", "z"], Calibration.identity(3), x, y[:, None], question)
        >>> decision.metrics["f1"] > decision.metrics_at_argmax["f1"]
        True
    """
    utility = str(question.goal.maximize)
    if utility not in CLASS_UTILITIES:
        raise DecisionError(f"Classes have no utility {utility!r}. {did_you_mean(utility, CLASS_UTILITIES)}")
    targets = np.asarray(y, dtype=np.float64)
    rest = np.where(np.isnan(targets), np.nan, targets == np.arange(output.shape[1]))
    logits = odds_against_rest(calibration.apply(output))
    cuts = choose_cuts([str(name) for name in names], logits, rest, question)
    scores, actual = labelled(logits, targets)
    action = (scores - [cut.logit for cut in cuts]).argmax(axis=1)
    metrics, optimism = _metrics(actual, action, len(cuts)), float(np.mean([cut.optimism for cut in cuts]))
    plain, worth = _metrics(actual, scores.argmax(axis=1), len(cuts)), metrics[utility] - optimism
    return OneVsRest(
        "multiclass",
        question.goal,
        calibration,
        cuts=cuts,
        utility=worth,
        optimism=optimism,
        metrics=metrics,
        metrics_at_argmax=plain,
        warnings=(
            *warn_of_rare(np.bincount(actual, minlength=len(cuts))),
            *_warn_of_argmax(utility, worth, plain[utility]),
        ),
    )


def _warn_of_argmax(utility: str, worth: float, plain: float) -> list[str]:
    """Cut-offs that are no better than none are not worth having."""
    if plain < worth:
        return []
    return [
        f"Without cut-offs {utility} is {plain:.4g} on these rows, no less than the {worth:.4g} to count on with them: "
        "leave one_vs_rest out."
    ]


def _metrics(actual: npt.NDArray[np.int64], action: npt.NDArray[np.int64], n_classes: int) -> dict[str, float]:
    tp, predicted, rows = (
        np.bincount(kind, minlength=n_classes).astype(np.float64) for kind in (actual[actual == action], action, actual)
    )
    return {name: float(of(tp, predicted, rows)) for name, of in CLASS_UTILITIES.items()}
