"""`automl-nn decide STUDY --saved N`: a decision that was stored before, as a report and as a model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from automl_nn.cli.arguments.flat import given_options
from automl_nn.cli.decide.asked import Asked, Extras
from automl_nn.cli.decide.study import check_files
from automl_nn.errors import DecisionError


def decide_saved(
    name: str, number: int, asked: Asked, *, extras: Extras, more: Sequence[str], storage: str
) -> dict[str, Any]:
    """The report on a decision of a study; nothing is decided and nothing is stored.

    Args:
        name: The study.
        number: The decision's number.
        asked: Nothing may be asked for.
        extras: Where to write the model; nothing else may be given.
        more: Further options that are given, for which there is no use.
        storage: URL of the database.

    Raises:
        InputError: The study has no such decision, or an option is given that a saved decision has no use for.
    """
    from automl_nn.results.stored import StoredResults
    from automl_nn.review.decision.numbers import decision_report
    from automl_nn.store.store import Store

    useless = [*given_options(asked, replace(extras, output=None)), *more]
    if useless:
        raise DecisionError(f"--saved takes a decision as it was stored: leave {' and '.join(useless)} out.")
    check_files(extras)
    study = StoredResults.within(Store.reading(storage), name, url=storage)
    saved = study.saved(number)
    members = {str(member): weight for member, weight in saved.members.items()}
    report = {"study": name, "decision": number, "trials": members, **decision_report(saved.decision)}
    if extras.output is not None:
        study.saved_predictor(number).save(extras.output)
        report["model"] = str(extras.output)
    return report
