import stat
import zipfile
from pathlib import Path

import pytest

from automl_nn.errors import DataError
from automl_nn.review.writing import check_new, write_file, write_files, written_whole


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


def test_what_fails_while_it_is_written_leaves_the_old_file(own_folder):
    (own_folder / "rows.csv").write_text("old")

    def fill(path):
        with written_whole(path) as partial:
            partial.write_text("half")
            raise OSError(28, "No space left on device")

    for name in ("rows.csv", "new.csv"):
        with pytest.raises(DataError, match=f"{name}' cannot be written: No space left"):
            fill(own_folder / name)
    assert {file.name: file.read_text() for file in own_folder.iterdir()} == {"rows.csv": "old"}


def test_a_link_stays_one_and_what_is_no_file_is_written_to(own_folder):
    (own_folder / "folder").mkdir()
    (own_folder / "rows.csv").symlink_to(own_folder / "folder" / "rows.csv")
    write_file(own_folder / "rows.csv", b"new")
    assert (own_folder / "rows.csv").is_symlink()
    assert (own_folder / "folder" / "rows.csv").read_text() == "new"
    write_file(Path("/dev/null"), b"new")
    assert Path("/dev/null").is_char_device()


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
