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
Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target", metavar="COL", help="The column to predict; repeat it, or separate by commas, for several."
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task", metavar="T", help="binary, multiclass, multilabel, soft or regression; told from the target."
    ),
]
Metric = Annotated[
    str | None, typer.Option("--metric", metavar="M", help="The score that compares trials, by scikit-learn's name.")
]
Role = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="COL=ROLE",
        help="Read a column as numeric, boolean, category, text or datetime, or leave it out as dropped; repeatable.",
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group", metavar="COL", help="Keep rows with the same value in one part: patients, sites, machines."
    ),
]
Time = Annotated[str | None, typer.Option("--time", metavar="COL", help="Let the later rows choose between trials.")]
SeriesId = Annotated[
    str | None,
    typer.Option(
        "--series-id",
        metavar="COL",
        help="The column of the series: each has one label, unless --per-step; --time orders its steps.",
    ),
]
PerStep = Annotated[
    bool,
    typer.Option("--per-step", help="Each step of a series has a label of its own."),
]
Horizon = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        metavar="N|A-B|A,B",
        help="With --per-step: predict the target's value N steps later; 1-12 or 1,6,12 predict several at once.",
    ),
]
Intervals = Annotated[
    Path | None,
    typer.Option(
        "--intervals",
        metavar="FILE",
        help="With --per-step: labels as a table of intervals: series, start, end, and label unless it is 1.",
    ),
]
Gap = Annotated[
    str | None,
    typer.Option(
        "--gap",
        metavar="N|7D",
        help="With --time: least distance between the parts, a number (of steps, for series) or a duration.",
    ),
]
ValShare = Annotated[
    float | None,
    typer.Option(
        "--val-share", metavar="SHARE", help="Share of the rows that choose between trials; 0.2 unless given."
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        "--folds",
        metavar="N",
        min=1,
        help="Cross-validate in so many folds, all trained at once; every row then chooses between trials.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE.csv",
        help="For a folder of images: a file with a column of their paths and a column for each label.",
    ),
]
Maps = Annotated[
    Path | None,
    typer.Option(
        "--maps",
        metavar="FOLDER",
        help="For a folder of images: one with a map for each, of the same name: masks or quantities of each pixel.",
    ),
]
ImageSize = Annotated[
    str | None,
    typer.Option(
        "--image-size",
        metavar="N|HxW",
        help="Height and width to bring images to; their median size, 128 at most, unless given.",
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Leave out images that cannot be read, rows without an image and images without a row."
    ),
]
ImageCache = Annotated[
    Path | None,
    typer.Option("--image-cache", metavar="FOLDER", help="Keep decoded images there, to be mapped the next time."),
]
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
