import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automl_nn.data.read import DELIMITERS, as_frame, read_frame
from automl_nn.errors import DataError

LETTERS = st.characters(codec="utf-8", categories=("L", "P", "S"))
FIELDS = st.text(st.one_of(LETTERS, st.sampled_from(",;\t|\"' \n")), max_size=8).map(lambda text: f"x{text}x")


def put(folder: Path, content: bytes | str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def frame_or_error(path: Path) -> pd.DataFrame | DataError:
    try:
        return read_frame(path)
    except DataError as error:
        return error


@given(
    rows=st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(FIELDS, min_size=n, max_size=n), min_size=2, max_size=6)
    ),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    ending=st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_quoted_texts_come_back_as_the_csv_module_wrote_them(tmp_path, rows, delimiter, encoding, ending):
    header = [f"column {j}" for j in range(len(rows[0]))]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    frame = read_frame(put(tmp_path, buffer.getvalue().encode(encoding)))
    assert frame.columns.tolist() == header
    assert frame.to_numpy().tolist() == rows


@given(raw=st.binary(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_table_or_a_data_error(tmp_path, raw):
    for name in ("table.csv", "table.csv.gz", "table.parquet"):
        frame = frame_or_error(put(tmp_path, raw, name))
        assert "\n" not in str(frame) if isinstance(frame, DataError) else len(frame) > 0


@given(text=st.text(st.sampled_from('ab1.,;\t|"\n\r ?-'), max_size=60))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_table_or_a_data_error_in_one_line(tmp_path, text):
    frame = frame_or_error(put(tmp_path, text))
    assert "\n" not in str(frame) if isinstance(frame, DataError) else frame.columns.is_unique


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_a_written_frame_is_read_back(tmp_path, delimiter):
    frame = pd.DataFrame(
        {"n": [1, 2, 3], "x": [0.5, np.nan, 1e-9], "s": ["a", None, "c,;\t|"], "b": [True, False, True]}
    )
    path = put(tmp_path, frame.to_csv(index=False, sep=delimiter))
    pd.testing.assert_frame_equal(read_frame(path), frame)


def test_gzip_and_parquet_hold_the_same_frame_as_csv(tmp_path):
    frame = pd.DataFrame({"n": [1, 2], "s": ["ä", "b"]})
    text = frame.to_csv(index=False).encode()
    frame.to_parquet(tmp_path / "table.parquet")
    paths = [put(tmp_path, text), put(tmp_path, gzip.compress(text), "table.csv.gz"), tmp_path / "table.parquet"]
    for path in paths:
        pd.testing.assert_frame_equal(read_frame(path), frame)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_the_encoding_is_found(tmp_path, encoding):
    text = "name,größe\nØstergård,3\nMüller,4\nMuñoz,9\n"
    assert read_frame(put(tmp_path, text.encode(encoding))).to_dict("list") == {
        "name": ["Østergård", "Müller", "Muñoz"],
        "größe": [3, 4, 9],
    }


def test_cyrillic_in_a_single_byte_encoding_is_found(tmp_path):
    text = "имя,город\n" + "Пётр Иванов,Москва\nИлья Щукин,Псков\nЮлия Дьякова,Нижний Новгород\n" * 5
    assert read_frame(put(tmp_path, text.encode("cp1251")))["имя"].iloc[1] == "Илья Щукин"


def test_an_odd_byte_far_down_the_file_is_decoded(tmp_path):
    raw = b"name,n\n" + b"plain,1\n" * 30_000 + "café,2\n".encode("cp1252")
    assert read_frame(put(tmp_path, raw))["name"].iloc[-1] == "café"


def test_a_late_text_makes_the_whole_column_text(tmp_path):
    frame = read_frame(put(tmp_path, "a,b\n" + "1,2\n" * 400_000 + "?,2\n"))
    assert frame["a"].iloc[[0, -1]].tolist() == ["1", "?"]


def test_decimal_commas_are_numbers_only_behind_semicolons(tmp_path):
    assert read_frame(put(tmp_path, "a;b\n1,5;2,25\n;3\n"))["a"].tolist()[0] == 1.5
    assert read_frame(put(tmp_path, "a;b\n1,5;2.5\n"))["a"].tolist() == ["1,5"]


def test_a_blank_line_is_a_missing_value_where_there_is_one_column(tmp_path):
    assert read_frame(put(tmp_path, "a\n1\n\n3\n"))["a"].isna().tolist() == [False, True, False]
    assert len(read_frame(put(tmp_path, "a,b\n1,2\n\n3,4\n\n"))) == 2


def test_question_marks_stay_texts_and_a_nameless_column_gets_a_name(tmp_path):
    frame = read_frame(put(tmp_path, ",town\n0,?\n1,Rome\n"))
    assert frame.columns.tolist() == ["Unnamed: 0", "town"]
    assert frame["town"].tolist() == ["?", "Rome"]


BAD_FILES = [
    pytest.param("table.csv", b"", "is empty", id="empty"),
    pytest.param("table.csv", b" \n\n", "is empty", id="blank"),
    pytest.param("table.csv", b"\xff\xfe", "is empty", id="only-a-byte-order-mark"),
    pytest.param("table.csv", b"a,b\n", "no rows", id="header-only"),
    pytest.param("table.csv", b"a,b", "no rows", id="header-only-unfinished"),
    pytest.param("table.csv", b"a,b\n1,2\n3\n", "Row 3 .* has 1 fields instead of 2", id="short-row"),
    pytest.param("table.csv", b"a,b\n1,2\n3,4,5\n", "Row 3 .* has 3 fields instead of 2", id="long-row"),
    pytest.param("table.csv", b"a,b\n1,2,3\n3,4,5\n", "Row 2 .* has 3 fields instead of 2", id="all-rows-long"),
    pytest.param("table.csv", b"a,b,a\n1,2,3\n", "more than one column named 'a'", id="repeated-name"),
    pytest.param("table.csv", bytes(range(256)) * 20, "binary", id="binary"),
    pytest.param("table.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(50), "binary", id="image"),
    pytest.param("table.csv", b"<html><body>a,b</body></html>", "HTML", id="html"),
    pytest.param("table.csv", b'{"a": 1}', "JSON", id="json"),
    pytest.param("table.csv.gz", b"a,b\n1,2\n", "gzip", id="not-gzip"),
    pytest.param("table.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99)[:-9], "gzip", id="cut-gzip"),
    pytest.param("table.parquet", b"PAR1 not really", "Parquet", id="not-parquet"),
    pytest.param("table.xlsx", b"a,b\n1,2\n", r"\.xlsx.*\.csv, \.tsv", id="unknown-suffix"),
    pytest.param("table", b"a,b\n1,2\n", "no known kind", id="no-suffix"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, name, content, message):
    path = put(tmp_path, content, name)
    with pytest.raises(DataError, match=message) as caught:
        read_frame(path)
    assert name in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused_with_their_path(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*nowhere\.csv"):
        read_frame(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_frame(tmp_path)


@pytest.mark.parametrize(
    "make", [pl.DataFrame, pd.DataFrame, pa.table, dict], ids=["polars", "pandas", "arrow", "dict"]
)
def test_every_kind_of_table_gives_the_same_frame(make):
    columns = {"n": [1, 2], "s": ["a", "b"]}
    pd.testing.assert_frame_equal(as_frame(make(columns)), pd.DataFrame(columns))


def test_an_array_gets_column_names_and_a_filtered_frame_a_new_index():
    assert as_frame(np.eye(3)).columns.tolist() == ["x0", "x1", "x2"]
    assert as_frame(pd.DataFrame({"a": [1, 2, 3]}).iloc[[2, 0]]).index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("given_table", "message"),
    [
        (np.arange(3), "2D array"),
        (5, "2D array"),
        ([[1, 2], [3]], "unequal rows"),
        ({"a": [1], "b": [1, 2]}, "same number of rows"),
        (pl.Series([1, 2]), "2D array"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "more than one column named '1'"),
    ],
)
def test_what_is_no_table_is_refused(given_table, message):
    with pytest.raises(DataError, match=message):
        as_frame(given_table)


def test_a_header_longer_than_the_sample_is_read_whole(tmp_path):
    wide = pd.DataFrame(np.ones((2, 8_000), dtype=int), columns=[f"gene {j}" for j in range(8_000)])
    assert read_frame(put(tmp_path, wide.to_csv(index=False))).shape == wide.shape


def test_quoted_line_breaks_may_lie_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("automl_nn.data.read._BLOCK", 64)
    frame = pd.DataFrame({"n": range(200), "s": [f"line {i}\nand\n\nmore" for i in range(200)]})
    pd.testing.assert_frame_equal(read_frame(put(tmp_path, frame.to_csv(index=False))), frame, check_dtype=False)
