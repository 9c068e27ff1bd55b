"""What an address of a study stands for."""

from typing import Any

from flask import abort

from automl_nn.results.stored import StoredResults
from automl_nn.web.source import Source


def study_of(source: Source, study_id: int) -> StoredResults:
    """The study of an address; a page that says so if there is none.

    Args:
        source: The studies.
        study_id: The number in the address.
    """
    results = source.results(study_id)
    if results is None:
        abort(404, f"There is no study {study_id} in this database.")
    return results


def heading(results: StoredResults, page: str) -> dict[str, Any]:
    """What `layout.html` needs to know of a page of a study.

    Args:
        results: The study.
        page: Name of the page: `Study`, `Decision`, `Data` or `Errors`, or of one below it.
    """
    study = {"id": results.study_id, "name": results.name}
    return {"study": study, "title": f"{page} · {results.name}", "here": page.lower()}
