import json
import re
import xml.etree.ElementTree as ET

import plotly.graph_objects as go
import pytest

from automl_nn.web.charts import COLOURS, Chart, Level, Mark, Series, figure
from automl_nn.web.files import environment
from automl_nn.web.svg import Scale, interval_svg, sparkline_svg, svg

HOSTILE = "</script><svg onload=alert(1)> & \"quoted\" 'x'"
X = [1, 2, 3, 4]


def chart(**changes):
    series = (
        Series.of(HOSTILE, X, [0.5, float("nan"), 0.25, 0.2], band=([0.4] * 4, [0.6] * 4)),
        Series.of("steps", X, [1, 2, 3, 4], "step"),
        Series.of("dots", X, [4, 3, 2, float("inf")], "points", labels=[HOSTILE] * 4),
        Series.of("bars", X, [1, 0, 1, 2], "bars"),
    )
    given = {
        "title": HOSTILE,
        "x_label": HOSTILE,
        "y_label": HOSTILE,
        "series": series,
        "levels": (Level(HOSTILE, 0.3),),
    }
    return Chart(**{**given, "marks": (Mark(HOSTILE, 2.0),), **changes})


CASES = {
    "all kinds": chart(),
    "logarithmic": chart(log_x=True, log_y=True),
    "nothing": chart(series=()),
    "no numbers": chart(series=(Series.of("a", X, [float("nan")] * 4),), levels=(), marks=()),
    "one point": chart(series=(Series.of("a", [3], [0.0]),), levels=(), marks=()),
    "constant": chart(series=(Series.of("a", X, [2.0] * 4),), levels=(), marks=()),
    "negative on a log scale": chart(series=(Series.of("a", X, [-1, 0, 1, 10]),), log_y=True),
    "many": chart(series=tuple(Series.of(f"series {i}", X, X) for i in range(12))),
    "huge": chart(series=(Series.of("a", [0, 1e12], [-1e300, 1e300]),), levels=(), marks=()),
}


@pytest.mark.parametrize("name", CASES)
def test_every_chart_is_drawn_as_valid_xml_without_script(name):
    drawn = str(svg(CASES[name]))
    root = ET.fromstring(drawn)
    assert root.attrib["aria-label"]
    assert not re.search(r"\b(nan|inf)\b", drawn)
    assert "onload=alert(1)>" not in drawn
    assert all(element.tag in ("svg", "path", "text", "circle", "rect") for element in root.iter())


@pytest.mark.parametrize("name", CASES)
def test_every_chart_is_a_figure_that_plotly_accepts(name):
    made = figure(CASES[name])
    go.Figure(made["data"], made["layout"]).to_json()
    text = json.dumps(made, allow_nan=False)
    assert "<svg" not in text
    assert made["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"


@pytest.mark.parametrize("still", [False, True])
def test_a_chart_in_a_page_is_escaped_and_its_numbers_are_those_of_the_chart(still):
    part = environment().get_template("_parts.html").module.chart(CASES["all kinds"], still)
    assert "<svg onload" not in part
    assert ("<script" in part) is not still
    assert "</script><" not in part.replace("</script>\n", "")
    if not still:
        source = re.search(r'<script type="application/json">(.*?)</script>', part, re.S)[1]
        assert json.loads(source)["data"] == json.loads(json.dumps(figure(CASES["all kinds"])))["data"]


def test_series_differ_in_more_than_their_colour():
    lines = chart(series=tuple(Series.of(f"{i}", X, X) for i in range(6)))
    dashes = {trace["line"]["dash"] for trace in figure(lines)["data"]}
    assert len(dashes) == 6
    points = chart(series=tuple(Series.of(f"{i}", X, X, "points") for i in range(6)))
    assert len({trace["marker"]["symbol"] for trace in figure(points)["data"]}) == 6
    assert len(set(COLOURS)) == 6


def test_a_value_that_is_missing_leaves_a_gap():
    drawn = str(svg(chart(series=(Series.of("a", X, [1, float("nan"), 3, 4]),), levels=(), marks=())))
    (path,) = re.findall(r'<path d="(M[^"]*)" fill="none"', drawn)
    assert path.count("M") == 2


def test_the_table_of_a_chart_has_a_row_for_each_place():
    table = chart(series=(Series.of("a", [1, 2], [0.5, 0.25]), Series.of("b", [2, 3], [1, 2]))).table
    assert table[0][1:] == ("a", "b")
    assert table[1:] == (("1", "0.5000", "-"), ("2", "0.2500", "1"), ("3", "-", "2"))
    long = chart(series=(Series.of("a", range(1000), range(1000)),))
    assert len(long.table) <= 61


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.013, 0.2), (1e-9, 3e-9), (-5, 12345), (999.9, 1000.1)])
def test_ticks_are_few_and_lie_within_the_scale(low, high):
    ticks = Scale(low, high, 0, 100).ticks()
    assert 3 <= len(ticks) <= 8
    assert all(low - 1e-12 <= tick <= high + 1e-12 for tick in ticks)


@pytest.mark.parametrize(("low", "high"), [(1e-6, 1e6), (0.5, 3.0), (1, 10)])
def test_logarithmic_ticks_are_few_and_lie_within_the_scale(low, high):
    ticks = Scale(low, high, 0, 100, is_log=True).ticks()
    assert 1 <= len(ticks) <= 10
    assert all(low <= tick <= high for tick in ticks)


def test_an_interval_is_coloured_only_where_it_is_apart_from_zero():
    apart, across = interval_svg(0.2, 0.1, 0.3, reach=1), interval_svg(0.1, -0.1, 0.3, reach=1)
    assert COLOURS[2] in apart
    assert COLOURS[2] not in across
    assert COLOURS[2] not in interval_svg(0.2, 0.1, 0.3, reach=1, is_clear=False)
    assert COLOURS[1] in interval_svg(-0.2, -0.3, -0.1, reach=1)


def test_a_small_curve_may_be_empty_short_or_with_gaps():
    assert sparkline_svg([]) == sparkline_svg([None]) == ""
    ET.fromstring(str(sparkline_svg([1.0])))
    ET.fromstring(str(sparkline_svg([1.0, None, 2.0])))
