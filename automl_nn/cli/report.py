"""`automl-nn report`: a study in one file to read, to mail and to print."""

from pathlib import Path
from typing import Annotated

import typer

from automl_nn.cli.arguments import options
from automl_nn.errors import DataError

ENDINGS = (".html", ".htm")


def report(
    study: options.Study,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.html", help="Where to write the report.")
    ] = Path("report.html"),
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Write FILE.pdf beside it, where Chromium, Chrome or Edge is installed.")
    ] = False,
    tables: Annotated[
        Path | None,
        typer.Option(
            "--tables", metavar="FOLDER|FILE.zip", help="Write the numbers too: every table as CSV and as JSON."
        ),
    ] = None,
    n_best: Annotated[int, typer.Option("--best", metavar="N", min=1, max=20, help="Best trials to show in full.")] = 1,
    force: options.Force = False,
    storage: options.Storage = options.STORAGE,
) -> None:
    """Write a study as one HTML file that needs nothing else: search, best trial, decision, errors and data."""
    printed = output.with_suffix(".pdf") if pdf else None
    _check(output, printed, tables, force=force)

    from automl_nn.results.stored import StoredResults
    from automl_nn.review.exports.files import study_tables, table_files
    from automl_nn.review.writing import write_file, write_files
    from automl_nn.store.store import Store
    from automl_nn.web.pdf import find_browser, pdf_of
    from automl_nn.web.report import report as read
    from automl_nn.web.report import report_html

    browser = find_browser() if printed else ""
    results = StoredResults.within(Store.reading(storage), study, url=storage)
    page = report_html(read(results, n_best=n_best))
    files = {} if tables is None else table_files(study_tables(results.store, results.study_id), "csv", "json")
    pages = {output: page.encode()} | ({printed: pdf_of(page, browser=browser)} if printed else {})
    for path, content in pages.items():
        write_file(path, content)
    if tables is not None:
        write_files(tables, files)
    typer.echo(f"written: {', '.join(map(str, filter(None, [output, printed, tables])))}", err=True)


def _check(output: Path, printed: Path | None, tables: Path | None, *, force: bool) -> None:
    """Refuse what cannot be written before anything is read."""
    from automl_nn.review.writing import check_new

    if output.suffix.lower() not in ENDINGS:
        raise DataError(f"{str(output)!r} is no page: name a file that ends in .html.")
    for path in (output, printed, tables):
        if path is not None:
            check_new(path, force=force)
