"""What `check` and `tune` are asked of which data: each field is an option, whose help says what it is for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, final

import typer

from automl_nn.cli.arguments.parse import parse_roles


@final
@dataclass(frozen=True)
class Question:
    """What is to be predicted from what.

    Raises:
        InputError: A role is not of the form that is asked for.
    """

    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", metavar="COL", help="The column to predict; repeat it, or separate by commas, for several."
        ),
    ] = None
    task: Annotated[
        str | None,
        typer.Option(
            "--task", metavar="T", help="binary, multiclass, multilabel, soft or regression; told from the target."
        ),
    ] = None
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="M", help="The score that compares trials, by scikit-learn's name."),
    ] = None
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role",
            metavar="COL=ROLE",
            help="Read a column as numeric, boolean, category, text or datetime, or leave it out as dropped; repeat.",
        ),
    ] = None

    def __post_init__(self) -> None:
        _ = self.roles  # what cannot be read is refused before anything is opened

    @property
    def roles(self) -> dict[str, Any]:
        """The role of each column that is given one."""
        return parse_roles(self.role or ())

    def asked(self) -> dict[str, Any]:
        """Values for the keys of TASK in a study file; None or empty where nothing is asked."""
        return {"target": self.target, "kind": self.task, "metric": self.metric, "roles": self.roles}


@final
@dataclass(frozen=True)
class Reading:
    """How the rows are read and parted: alone, as steps of series, or as images."""

    group: Annotated[
        str | None,
        typer.Option(
            "--group", metavar="COL", help="Keep rows with the same value in one part: patients, sites, machines."
        ),
    ] = None
    time: Annotated[
        str | None, typer.Option("--time", metavar="COL", help="Let the later rows choose between trials.")
    ] = None
    gap: Annotated[
        str | None,
        typer.Option(
            "--gap",
            metavar="N|7D",
            help="With --time: least distance between the parts, a number (of steps, for series) or a duration.",
        ),
    ] = None
    val_share: Annotated[
        float | None,
        typer.Option(
            "--val-share", metavar="SHARE", help="Share of the rows that choose between trials; 0.2 unless given."
        ),
    ] = None
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            metavar="N",
            min=1,
            help="Cross-validate in so many folds, all trained at once; every row then chooses between trials.",
        ),
    ] = None
    series_id: Annotated[
        str | None,
        typer.Option(
            "--series-id",
            metavar="COL",
            help="The column of the series: each has one label, unless --per-step; --time orders its steps.",
        ),
    ] = None
    per_step: Annotated[
        bool,
        typer.Option("--per-step", help="Each step of a series has a label of its own."),
    ] = False
    horizon: Annotated[
        str | None,
        typer.Option(
            "--horizon",
            metavar="N|A-B|A,B",
            help="With --per-step: predict the target's value N steps later; 1-12 or 1,6,12 predict several at once.",
        ),
    ] = None
    intervals: Annotated[
        Path | None,
        typer.Option(
            "--intervals",
            metavar="FILE",
            help="With --per-step: labels as a table of intervals: series, start, end, and label unless it is 1.",
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE.csv",
            help="For a folder of images: a file with a column of their paths and a column for each label.",
        ),
    ] = None
    maps: Annotated[
        Path | None,
        typer.Option(
            "--maps",
            metavar="FOLDER",
            help="For a folder of images: one with a map of the same name for each: a mask, or quantities of pixels.",
        ),
    ] = None
    image_size: Annotated[
        str | None,
        typer.Option(
            "--image-size",
            metavar="N|HxW",
            help="Height and width to bring images to; their median size, 128 at most, unless given.",
        ),
    ] = None
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", help="Leave out images that cannot be read, rows without an image and images without a row."
        ),
    ] = False
    image_cache: Annotated[
        Path | None,
        typer.Option("--image-cache", metavar="FOLDER", help="Keep decoded images there, to be mapped the next time."),
    ] = None

    def asked(self) -> dict[str, Any]:
        """Values for the keys of TASK in a study file; None where nothing is asked."""
        return {**vars(self), "per_step": self.per_step or None, "skip_bad": self.skip_bad or None}
