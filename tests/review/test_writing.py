import stat
import zipfile
from pathlib import Path

import pytest

from automl_nn.errors import DataError
from automl_nn.review.writing import check_new, write_file, write_files


def test_a_file_is_replaced_as_a_whole(own_folder):
    file = own_folder / "report.html"
    file.write_text("old")
    with file.open() as held:
        write_file(file, b"new")
        assert held.read() == "old"
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) & 0o400
    assert [path.name for path in own_folder.iterdir()] == ["report.html"]


def test_what_fails_half_way_leaves_nothing(own_folder, monkeypatch):
    def fail(_self, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DataError, match="No space left"):
        write_file(own_folder / "report.html", b"new")
    assert list(own_folder.iterdir()) == []


def test_what_is_there_is_kept_unless_forced(own_folder):
    (own_folder / "here.html").write_text("old")
    (own_folder / "full").mkdir()
    (own_folder / "full" / "a.csv").write_text("old")
    (own_folder / "empty").mkdir()
    for path, part in ((Path("here.html"), "--force"), (Path("full"), "not empty"), (Path("gone/a.html"), "no folder")):
        with pytest.raises(DataError, match=part):
            check_new(path, force=False)
    for path in ("here.html", "full"):
        check_new(Path(path), force=True)
    check_new(Path("empty"), force=False)


def test_files_go_into_a_folder_or_a_zip(own_folder):
    files = {"a.csv": b"1\n", "b.json": b"[]"}
    write_files(own_folder / "tables", files)
    write_files(own_folder / "tables.zip", files)
    assert {file.name: file.read_bytes() for file in (own_folder / "tables").iterdir()} == files
    with zipfile.ZipFile(own_folder / "tables.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_a_folder_in_the_way_is_named(own_folder):
    with pytest.raises(DataError, match="is a folder"):
        write_file(own_folder, b"")
    (own_folder / "tables").write_text("a file")
    with pytest.raises(DataError, match="cannot be made"):
        write_files(own_folder / "tables", {})
