"""The files that pages are made of: templates, style sheet, browser code, SQL views."""

from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from automl_nn.errors import InputError
from automl_nn.web.charts import figure
from automl_nn.web.filters import FILTERS

PLOTLY = "plotly.js"
"""The name under which plotly's own script is served; it is not among our files, but in its package."""


@lru_cache
def dashboards() -> Path:
    """The folder of templates, static files and SQL views: in the package of a wheel, beside it in a checkout.

    Raises:
        InputError: The installation lacks it.

    Example:
        >>> (dashboards() / "templates" / "layout.html").is_file()
        True
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "dashboards", package.parent / "dashboards"):
        if (folder / "templates").is_dir():
            return folder
    raise InputError(f"The folder 'dashboards' is missing beside {str(package)!r}: install automl_nn again.")


def static_file(name: str) -> Path | None:
    """The file behind a name in a page; None if there is none, which no path can get around.

    Args:
        name: `style.css`, `automl.js`, `plotly.js`, ...

    Example:
        >>> static_file("../templates/layout.html") is None
        True
    """
    if name == PLOTLY:
        return Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
    known = {file.name: file for file in (dashboards() / "static").iterdir() if file.is_file()}
    return known.get(name)


@lru_cache
def asset(name: str) -> str:
    """The URL of a static file, which changes with its content, so that browsers may keep it.

    Args:
        name: A name that `static_file` knows.

    Raises:
        InputError: The installation lacks it.
    """
    file = static_file(name)
    if file is None:
        raise InputError(f"The static file {name!r} is missing in {str(dashboards())!r}: install automl_nn again.")
    return f"/automl/static/{name}?v={sha256(file.read_bytes()).hexdigest()[:12]}"


@lru_cache
def environment() -> Environment:
    """Templates that escape every value, and that refuse a name which they are not given."""
    made = Environment(
        loader=FileSystemLoader(dashboards() / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= FILTERS | {"figure": figure, "when": when}
    made.globals["asset"] = asset
    return made


def when(time: datetime) -> Markup:
    """A time in UTC; browser code shows it in the reader's own zone.

    Example:
        >>> when(datetime(2026, 1, 2, 3, 4, 5))
        Markup('<time datetime="2026-01-02T03:04:05Z">2026-01-02 03:04 UTC</time>')
    """
    return Markup('<time datetime="{}Z">{} UTC</time>').format(f"{time:%Y-%m-%dT%H:%M:%S}", f"{time:%Y-%m-%d %H:%M}")


def render(template: str, **values: Any) -> str:
    """A template with its values filled in.

    Args:
        template: Name of a file in `dashboards/templates`.
        **values: What it needs.

    Example:
        >>> "no page" in render("error.html", title="404", message="There is no page <here>.")
        True
    """
    return environment().get_template(template).render(**values)
