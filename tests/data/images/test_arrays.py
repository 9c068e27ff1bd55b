"""Images from arrays, files, folders and tables."""

import gzip
import os
import pickle
import struct

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from automl_nn.data.idx import read_idx
from automl_nn.data.images import decode
from automl_nn.data.images.arrays import Images, mapped
from automl_nn.data.images.files import read_as, read_images
from automl_nn.data.images.findings import find_in_images
from automl_nn.data.images.folder import path_column, read_gallery
from automl_nn.data.images.given import given_rows, images_of
from automl_nn.errors import DataError


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def picture(rng, *, height=12, width=10, mode="RGB"):
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8), mode=None)


@pytest.fixture
def classes(tmp_path, rng):
    """A folder for each of two classes, with three images each."""
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(3):
            picture(rng).save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((5, 8, 6), (1, 8, 6)),
        ((5, 8, 6, 3), (3, 8, 6)),
        ((5, 3, 8, 6), (3, 8, 6)),
        ((5, 1, 8, 8), (1, 8, 8)),
        ((5, 8, 8, 1), (1, 8, 8)),
        ((5, 8, 9, 7), (7, 8, 9)),
        ((5, 3, 3, 3), (3, 3, 3)),
    ],
)
def test_channels_are_found_first_or_last(rng, shape, found):
    assert Images.of(rng.integers(0, 256, shape, dtype=np.uint8)).shape == found


def test_channels_last_and_first_are_the_same_images(rng):
    last = rng.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    assert (Images.of(last).pixels == Images.of(last.transpose(0, 3, 1, 2)).pixels).all()


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("uint8", "uint8"), ("int64", "uint8"), ("bool", "uint8"), ("uint16", "uint8"), ("f8", "float32")],
)
def test_whole_numbers_of_a_byte_are_kept_as_bytes(dtype, kept):
    assert Images.of(np.ones((2, 4, 4)).astype(dtype)).pixels.dtype == kept


def test_numbers_beyond_a_byte_are_kept_as_they_are():
    assert Images.of(np.full((2, 4, 4), 1000)).pixels.max() == 1000


@pytest.mark.parametrize(
    ("X", "sentence"),
    [
        (np.zeros((4, 4)), r"Images come as numbers \(n, height, width\)"),
        (np.zeros((0, 4, 4)), "give at least one"),
        (np.full((2, 4, 4), np.nan), "Image 0 holds a value that is not finite"),
        ([np.zeros((4, 4)), np.zeros((5, 4))], r"Image 1 has shape \(5, 4\), but image 0 has \(4, 4\)"),
        ([np.zeros((4, 4, 3)), np.zeros((4, 4, 1))], r"Image 1 has shape \(4, 4, 1\)"),
        (np.array([["a", "b"]]), "Images come as numbers"),
        (None, "Images come as numbers"),
        (3, "Images come as numbers"),
    ],
)
def test_what_is_no_image_is_refused_in_a_sentence(X, sentence):
    with pytest.raises(DataError, match=sentence):
        Images.of(X)


def test_a_model_of_bytes_reads_the_same_numbers_of_another_type_but_not_scaled_ones(rng):
    whole = rng.integers(0, 256, (3, 4, 4), dtype=np.uint8)
    form = Images.of(whole).form
    assert (form.check(Images.of(whole.astype(np.float64))).pixels == whole[:, None]).all()
    with pytest.raises(DataError, match=r"hold float32 from .* but the model was trained on uint8"):
        form.check(Images.of(whole / 255))


def test_a_model_of_scaled_numbers_refuses_bytes(rng):
    form = Images.of(rng.uniform(size=(3, 4, 4))).form
    with pytest.raises(DataError, match=r"hold uint8 .* but the model was trained on float32 from 0.* to 0.9"):
        form.check(Images.of(np.full((1, 4, 4), 9, dtype=np.uint8)))


def test_numbers_on_another_scale_are_refused_in_both_directions(rng):
    shares = rng.uniform(size=(3, 4, 4))
    for trained, new in ((shares, 255 * shares), (255 * shares, shares)):
        with pytest.raises(DataError, match="give them as they were in training"):
            Images.of(trained).form.check(Images.of(new))
        Images.of(trained).form.check(Images.of(trained * 1.5))


def test_another_size_is_refused_with_both_sizes():
    with pytest.raises(DataError, match="are 5 x 4 pixels with 1 channel, but the model was trained on 4 x 4"):
        Images.of(np.zeros((1, 4, 4))).form.check(Images.of(np.zeros((1, 5, 4))))


def test_images_in_a_file_are_pickled_as_its_name(tmp_path, rng):
    pixels = rng.integers(0, 256, (50, 1, 64, 64), dtype=np.uint8)
    np.save(tmp_path / "all.npy", pixels)
    blob = pickle.dumps(mapped(tmp_path / "all.npy"))
    assert len(blob) < 1000
    assert (pickle.loads(blob).pixels == pixels).all()


def test_a_pickle_under_the_name_of_a_cache_is_not_loaded(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="holds no images"):
        mapped(tmp_path / "evil.npy")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_any_mode_of_pillow_is_read(tmp_path, rng, mode):
    ending = "tif" if mode in ("CMYK", "YCbCr", "I;16", "I", "F") else "png"
    picture(rng, mode="L" if mode in ("I;16", "I", "F", "1") else "RGB").convert(mode).save(tmp_path / f"x.{ending}")
    images, rows = read_images([tmp_path / f"x.{ending}"])
    assert images.shape == (1 if mode in ("1", "L", "LA", "I;16", "I", "F") else 3, 12, 10)
    assert images.pixels.dtype == ("float32" if mode in ("I;16", "I", "F") else "uint8")
    assert rows.tolist() == [0]


def test_a_png_becomes_the_pixels_that_it_was_made_of(tmp_path, rng):
    whole = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)
    Image.fromarray(whole).save(tmp_path / "x.png")
    assert (read_images([tmp_path / "x.png"])[0].pixels[0] == whole.transpose(2, 0, 1)).all()


def test_sixteen_bits_are_kept(tmp_path):
    deep = np.arange(120, dtype=np.uint16).reshape(12, 10) * 500
    Image.fromarray(deep).save(tmp_path / "x.png")
    assert (read_images([tmp_path / "x.png"])[0].pixels[0, 0] == deep).all()


def test_eight_bits_beside_sixteen_are_brought_to_their_scale(tmp_path):
    Image.fromarray(np.full((4, 4), 65535, dtype=np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.full((4, 4), 255, dtype=np.uint8)).save(tmp_path / "flat.png")
    images, _ = read_images([tmp_path / "deep.png", tmp_path / "flat.png"])
    assert set(images.pixels.ravel().tolist()) == {65535.0}
    assert [finding.kind for finding in images.findings] == ["depth"]


def test_images_are_turned_as_the_camera_was_held(tmp_path, rng):
    upright = picture(rng, height=8, width=6)
    held = ImageOps.exif_transpose(upright).rotate(90, expand=True)  # as it lies in the file
    exif = Image.Exif()
    exif[decode.ORIENTATION] = 6  # turn by 90 degrees clockwise to see it
    held.save(tmp_path / "x.png", exif=exif)
    images, _ = read_images([tmp_path / "x.png"])
    assert images.shape == (3, 8, 6)
    assert (images.pixels[0] == np.asarray(upright).transpose(2, 0, 1)).all()


def test_what_is_transparent_is_laid_over_white(tmp_path):
    clear = np.zeros((4, 4, 4), dtype=np.uint8)
    clear[:2, :, 3] = 255
    Image.fromarray(clear).save(tmp_path / "x.png")
    pixels = read_images([tmp_path / "x.png"])[0].pixels
    assert pixels[0, :, 0].max() == 0
    assert pixels[0, :, 3].min() == 255


def test_sizes_become_the_median_and_that_is_said(tmp_path, rng):
    paths = []
    for number, (height, width) in enumerate([(10, 20), (30, 40), (12, 22)]):
        paths.append(tmp_path / f"{number}.png")
        picture(rng, height=height, width=width).save(paths[-1])
    images, _ = read_images(paths)
    assert images.shape == (3, 12, 22)
    assert images.findings[0].message.endswith(
        "from 10 x 20 to 30 x 40 pixels (height x width): all are scaled to 12 x 22."
    )
    assert read_images(paths, size=(8, 9))[0].shape == (3, 8, 9)


def test_grey_images_among_coloured_ones_are_read_in_colour(tmp_path, rng):
    picture(rng, mode="L").save(tmp_path / "a.png")
    picture(rng).save(tmp_path / "b.png")
    images, _ = read_images([tmp_path / "a.png", tmp_path / "b.png"])
    assert images.shape[0] == 3
    assert (images.pixels[0, 0] == images.pixels[0, 2]).all()
    assert images.findings[0].message.startswith("1 of 2 images are grey")


def broken_files(folder, rng):
    """Name of a broken file to the words that tell what is wrong with it."""
    picture(rng, height=64, width=64).save(folder / "whole.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:900])
    (folder / "text.png").write_text("no image", encoding="utf-8")
    (folder / "empty.png").write_bytes(b"")
    Image.new("1", (20_000, 20_000)).save(folder / "bomb.png")
    (folder / "script.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n")
    return {
        "truncated.jpg": "truncated",
        "text.png": "no image of a known format",
        "empty.png": "no image of a known format",
        "bomb.png": "pixels",
        "script.png": "no image of a known format",
        "nowhere.png": "no such file",
    }


def test_files_that_cannot_be_read_are_refused_or_left_out_and_named(tmp_path, rng):
    broken = broken_files(tmp_path, rng)
    for name, why in broken.items():
        with pytest.raises(
            DataError, match=rf"{name}' cannot be read \(.*{why}.*\): mend or remove it, or leave it out"
        ):
            read_images([tmp_path / "whole.jpg", tmp_path / name])
    images, rows = read_images([tmp_path / name for name in [*broken, "whole.jpg"]], skip_bad=True)
    assert rows.tolist() == [len(broken)]
    (finding,) = images.findings
    assert finding.message.startswith("6 of 7 files cannot be read and are left out: 'truncated.jpg' (")
    with pytest.raises(DataError, match="nor can 1 other file: mend or remove it"):
        read_images([tmp_path / "text.png", tmp_path / "empty.png"], skip_bad=True)


def test_a_text_of_a_png_that_unpacks_to_much_is_refused(tmp_path):
    note = PngImagePlugin.PngInfo()
    note.add_text("note", "x" * 80_000_000, zip=True)
    Image.new("L", (4, 4)).save(tmp_path / "x.png", pnginfo=note)
    with pytest.raises(DataError, match="cannot be read"):
        read_images([tmp_path / "x.png"])


def test_no_format_that_needs_another_program_is_read():
    assert not set(decode.UNSAFE) & set(decode.formats())


def test_the_cache_is_made_once_and_anew_when_a_file_changes(tmp_path, rng, monkeypatch):
    picture(rng).save(tmp_path / "x.png")
    first, _ = read_images([tmp_path / "x.png"], cache=tmp_path / "cache")
    assert first.file is not None
    monkeypatch.setattr("automl_nn.data.images.files.pixels_of", None)
    again, _ = read_images([tmp_path / "x.png"], cache=tmp_path / "cache")
    assert (again.pixels == first.pixels).all()
    monkeypatch.undo()
    picture(rng).save(tmp_path / "x.png")
    os.utime(tmp_path / "x.png", (1, 1))
    anew, _ = read_images([tmp_path / "x.png"], cache=tmp_path / "cache")
    assert (anew.pixels != first.pixels).any()


def test_images_that_do_not_fit_into_memory_are_mapped_from_a_file_that_goes_with_them(tmp_path, rng, monkeypatch):
    monkeypatch.setattr("automl_nn.data.images.files.RAM_SHARE", 0.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        picture(rng).save(path)
    images, _ = read_images(paths)
    assert isinstance(images.pixels, np.memmap)
    assert (images.pixels == read_as(paths, images.form).pixels).all()
    file = images.file
    assert file.exists()
    del images
    assert not file.exists()
    assert not list((tmp_path / "tmp").iterdir())


def test_images_that_are_refused_leave_no_file(tmp_path, rng, monkeypatch):
    monkeypatch.setattr("automl_nn.data.images.files.RAM_SHARE", 0.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    picture(rng).save(tmp_path / "x.png")
    whole = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        read_images([tmp_path / "x.png"])
    assert not list((tmp_path / "tmp").iterdir())


def test_a_folder_for_each_class_is_read_in_order(classes):
    (classes / ".hidden").mkdir()
    (classes / "cat" / "notes.txt").write_text("not an image", encoding="utf-8")
    gallery = read_gallery(classes)
    assert gallery.frame["class"].tolist() == ["cat"] * 3 + ["dog"] * 3
    assert gallery.target == ("class",)
    assert (gallery.images.pixels[1] == np.asarray(Image.open(classes / "cat" / "1.png")).transpose(2, 0, 1)).all()


def labelled(folder, rows):
    pd.DataFrame(rows, columns=["file", "sick", "old"]).to_csv(folder.parent / "labels.csv", index=False)
    return folder.parent / "labels.csv"


def test_a_table_names_files_and_their_labels(classes):
    rows = [(f"{name}/{number}.png", number % 2, None) for name in ("dog", "cat") for number in range(3)]
    gallery = read_gallery(classes, labelled(classes, rows))
    assert gallery.target == ("sick", "old")
    assert gallery.images.column == "file"
    assert gallery.frame["sick"].tolist() == [0, 1, 0] * 2
    assert (gallery.images.pixels[0] == np.asarray(Image.open(classes / "dog" / "0.png")).transpose(2, 0, 1)).all()


def test_labels_without_an_image_and_images_without_labels_are_refused_or_left_out(classes):
    labels = labelled(classes, [("cat/0.png", 1, 0), ("cat/9.png", 0, 0), ("dog/1.png", 0, 0)])
    with pytest.raises(DataError, match=r"Row 1 of the labels names 'cat/9.png', but there is no such file"):
        read_gallery(classes, labels)
    labels = labelled(classes, [("cat/0.png", 1, 0), ("dog/1.png", 0, 0)])
    with pytest.raises(DataError, match=r"has no row for 'cat/1.png' and 3 more: add one"):
        read_gallery(classes, labels)
    labels = labelled(classes, [("cat/0.png", 1, 0), ("cat/9.png", 0, 0), ("dog/1.png", 0, 0)])
    assert read_gallery(classes, labels, skip_bad=True).frame["sick"].tolist() == [1, 0]


def test_folders_that_are_no_classes_are_refused(classes, tmp_path, rng):
    (tmp_path / "none" / "sub").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no image files"):
        read_gallery(tmp_path / "none")
    with pytest.raises(DataError, match="images of one class alone, 'cat'"):
        read_gallery_of(tmp_path / "one", rng, ["cat"])
    with pytest.raises(DataError, match=r"such as 'x.png' and no folders, which would be classes"):
        read_gallery_of(tmp_path / "loose", rng, ["."])
    with pytest.raises(DataError, match=r"such as 'x.png' beside its folders"):
        read_gallery_of(tmp_path / "both", rng, [".", "cat"])
    with pytest.raises(DataError, match="There is no folder"):
        read_gallery(tmp_path / "nowhere")


def read_gallery_of(folder, rng, classes):
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        picture(rng).save(folder / name / "x.png")
    return read_gallery(folder)


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        ({"a": [1], "b": ["x"]}, r"No column says where the images lie: name it 'path' \(the columns are \['a', 'b'\]"),
        ({"a": ["x.png"], "b": ["y.png"]}, r"columns \['a', 'b'\] could all be it"),
    ],
)
def test_a_table_without_paths_is_refused(frame, sentence):
    with pytest.raises(DataError, match=sentence):
        path_column(pd.DataFrame(frame))


def idx(array, kind):
    return struct.pack(">HBB", 0, kind, array.ndim) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


def test_idx_files_are_read_packed_or_not(tmp_path, rng):
    pixels, labels = rng.integers(0, 256, (6, 5, 4), dtype=np.uint8), np.arange(6, dtype=np.uint8) % 2
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels, 8)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels, 8))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(pixels[:2], 8))
    gallery = read_gallery(tmp_path)
    assert (gallery.images.pixels[:, 0] == pixels).all()
    assert gallery.frame["class"].tolist() == labels.tolist()


@pytest.mark.parametrize("raw", [b"", b"\0\0\x08\x01\0\0\0\x05ab", b"\0\0\x08\x01\0", b"PK\x03\x04aaaa", b"\x1f\x8bxx"])
def test_a_broken_idx_file_is_refused(tmp_path, raw):
    (tmp_path / "x-images-idx3-ubyte").write_bytes(raw)
    with pytest.raises(DataError):
        read_idx(tmp_path / "x-images-idx3-ubyte")


def test_copies_and_their_labels_are_found():
    pixels = np.arange(6, dtype=np.uint8).repeat(4).reshape(6, 2, 2)
    pixels[:, 0, 0] = 200
    images = Images.of(pixels[[0, 1, 2, 0, 1]])
    kinds = [finding.kind for finding in find_in_images(images, np.array(["a", "b", "c", "a", "x"]))]
    assert kinds[:2] == ["duplicates", "conflicts"]


def test_rows_to_predict_come_as_arrays_paths_folders_and_tables(classes, tmp_path):
    form = read_gallery(classes).images.form
    in_order = sorted(classes.rglob("*.png"))
    frame, images = given_rows(classes, form)
    assert frame["path"].tolist() == [path.relative_to(classes).as_posix() for path in in_order]
    np.save(tmp_path / "new.npy", images.pixels)
    (tmp_path / "new-images-idx4-ubyte").write_bytes(idx(images.pixels, 8))
    pd.DataFrame({"path": frame["path"], "age": 3}).to_csv(tmp_path / "new.csv", index=False)
    ways = [
        given_rows(in_order, form),
        given_rows(images.pixels, form),
        given_rows(tmp_path / "new.csv", form, folder=classes),
        given_rows(pd.DataFrame({"age": range(6)}), form, images=images),
        given_rows(tmp_path / "new.npy", form),
        given_rows(tmp_path / "new-images-idx4-ubyte", form),
    ]
    for found in ways:
        assert len(found[0]) == 6
        assert (found[1].pixels == images.pixels).all()
    with pytest.raises(DataError, match="There are 6 images, but 2 rows beside them"):
        given_rows(pd.DataFrame({"age": [1, 2]}), form, images=images)
    with pytest.raises(DataError, match=r"cannot be read \(there is no such file\), .*: mend or remove it\.$"):
        given_rows(tmp_path / "new.csv", form)


def test_paths_are_images_to_learn_from(classes):
    paths = sorted(classes.rglob("*.png"))
    assert (images_of([str(path) for path in paths]).pixels == read_images(paths)[0].pixels).all()


def test_what_a_folder_holds_besides_is_told(classes):
    (classes / "notes.txt").write_text("hello")
    (classes / "cat" / "new.heic").write_bytes(b"x")
    (classes / "bird").mkdir()
    told = {finding.kind: finding.message for finding in read_gallery(classes).images.findings}
    assert told["other files"] == "2 files have endings that are none of an image (.heic, .txt) and are not read."
    assert "'bird' holds no image" in told["empty folders"]


def test_a_broken_link_is_a_file_that_cannot_be_read(classes):
    (classes / "cat" / "link.png").symlink_to(classes / "nowhere.png")
    with pytest.raises(DataError, match=r"link\.png' cannot be read \(there is no such file"):
        read_gallery(classes)
    assert len(read_gallery(classes, skip_bad=True).images) == 6


def test_values_that_are_not_finite_are_refused(tmp_path, rng):
    values = rng.random((6, 5)).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "good.tif")
    values[2, 3] = np.nan
    Image.fromarray(values).save(tmp_path / "bad.tif")
    with pytest.raises(DataError, match=r"bad\.tif' cannot be read \(it holds a value that is not finite"):
        read_images([tmp_path / "good.tif", tmp_path / "bad.tif"])
