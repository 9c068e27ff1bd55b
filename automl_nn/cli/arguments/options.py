"""The options that more than one command takes: one place for each name and its help."""

from pathlib import Path
from typing import Annotated

import typer

from automl_nn.cli import output
from automl_nn.search.defaults import STORAGE as STORAGE

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE|FOLDER", help="A CSV or Parquet file, a study file (.py), or a folder of images, one a class."
    ),
]
Study = Annotated[str, typer.Argument(metavar="STUDY", help="Name of the study.")]
WithReferences = Annotated[
    bool,
    typer.Option("--with-references", help="Let a linear model and untuned boosting join the ensemble that predicts."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Same seed, same numbers.")]
Storage = Annotated[
    str, typer.Option("--storage", metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/NAME.")
]
Format = Annotated[output.Format, typer.Option("--format", "-f", help="Tables for people or JSON for programs.")]
Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]
