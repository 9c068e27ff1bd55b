import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from automl_nn.errors import DataError, ModelFileError
from automl_nn.predict.archive import CHECKSUMS, MANIFEST, checksum
from automl_nn.predict.predictor import Predictor
from automl_nn.study import Study
from automl_nn.train.device import threads


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 300
    town = rng.choice(["Rome", "Oslo", "Bonn"], n)
    age = rng.normal(40, 10, n)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    shop = np.char.add("shop", rng.integers(0, 40, n).astype(str))
    ill = (age + 15 * (town == "Rome") + rng.normal(0, 5, n)) > 50
    frame = pd.DataFrame({"age": age, "town": town, "day": day, "shop": shop, "member": rng.random(n) < 0.5})
    frame.loc[::7, "age"] = np.nan
    frame.loc[::11, "town"] = None
    return frame.assign(ill=np.where(ill, "yes", "no"))


@pytest.fixture(scope="module")
def path(frame, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    settings = {"train.n_epochs": 5, "model.backbone.d_block": 16}
    study = Study(frame, "ill", settings=settings, storage=f"sqlite:///{folder}/s.db").tune(n_trials=3)
    study.predictor().save(folder / "model.nn")
    return folder / "model.nn"


@pytest.fixture
def predictor(path):
    return Predictor.load(path)


def proba(predictor, rows):
    return predictor.predict_proba(rows)


def test_a_batch_of_one_equals_the_batch_of_many(predictor, frame):
    many = proba(predictor, frame.head(12))
    one = np.concatenate([proba(predictor, frame.iloc[[i]]) for i in range(12)])
    np.testing.assert_allclose(one, many, atol=1e-5)


def test_many_rows_are_predicted_in_pieces_by_several_threads(predictor, frame, monkeypatch):
    whole = proba(predictor, frame)
    monkeypatch.setattr("automl_nn.predict.predictor.ROWS_AT_ONCE", 64)
    with threads(2):
        np.testing.assert_allclose(proba(predictor, frame), whole, atol=1e-5)


def test_the_order_of_rows_and_columns_does_not_matter(predictor, frame):
    shuffled = frame.iloc[::-1, ::-1]
    np.testing.assert_allclose(proba(predictor, shuffled)[::-1], proba(predictor, frame), atol=1e-5)


def test_further_columns_do_not_matter(predictor, frame):
    np.testing.assert_array_equal(proba(predictor, frame.assign(note="x")), proba(predictor, frame))


def test_predictions_keep_the_users_names(predictor, frame):
    predicted = predictor.predict_frame(frame)
    assert list(predicted.columns) == ["prediction", "proba_no", "proba_yes"]
    assert set(predicted["prediction"]) <= {"yes", "no"}
    np.testing.assert_allclose(predicted[["proba_no", "proba_yes"]].sum(axis=1), 1.0)


def test_a_model_shows_itself_in_a_line_without_its_weights(predictor):
    assert repr(predictor).startswith(f"Predictor(binary, metric={predictor.task.metric!r}, models=")
    assert "\n" not in repr(predictor)
    assert "tensor" not in repr(predictor.networks)


def test_unseen_levels_and_missing_values_are_predicted(predictor, frame):
    rows = frame.head(4).assign(
        town=["Rome", "Atlantis", None, "Oslo"], shop="never seen", age=[30.0, np.nan, 1e9, -1e9]
    )
    assert np.isfinite(proba(predictor, rows)).all()


def test_an_unseen_level_counts_as_a_missing_one(predictor, frame):
    seen = frame.head(5).assign(shop=None)
    np.testing.assert_allclose(proba(predictor, frame.head(5).assign(shop="never seen")), proba(predictor, seen))


def test_text_that_reads_as_a_number_is_one(predictor, frame):
    rows = frame.dropna().head(5)
    np.testing.assert_allclose(
        proba(predictor, rows.assign(age=rows["age"].map(repr))), proba(predictor, rows), atol=1e-6
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="age"), "'age'"),
        (lambda rows: rows.assign(age="old"), "'old'"),
        (lambda rows: rows.assign(age=np.inf), "'age'"),
        (lambda rows: rows.assign(day="someday"), "'someday'"),
    ],
    ids=["missing column", "text for a number", "infinity", "text for a day"],
)
def test_rows_that_do_not_fit_are_refused(change, message, predictor, frame):
    with pytest.raises(DataError) as caught:
        predictor.predict(change(frame.head(3)))
    assert message in str(caught.value)


def rewrite(path, target, change):
    """A copy of a model file with changed contents and fitting checksums."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    files[CHECKSUMS] = json.dumps({name: checksum(data) for name, data in files.items() if name != CHECKSUMS}).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def test_a_file_of_a_newer_version_is_refused(path, tmp_path):
    def newer(files):
        files[MANIFEST] = json.dumps(json.loads(files[MANIFEST]) | {"format": 99}).encode()

    rewrite(path, tmp_path / "newer.nn", newer)
    with pytest.raises(ModelFileError, match="upgrade automl_nn"):
        Predictor.load(tmp_path / "newer.nn")


@pytest.mark.parametrize(
    "change",
    [{"task": {"kind": "steps"}}, {"format": "2"}, {"weights": [0.5, 0.3, 0.2, 0.0]}, {"decision": 3}],
    ids=["task", "format", "weights", "decision"],
)
def test_a_file_that_says_the_unknown_is_refused(change, path, tmp_path):
    def unknown(files):
        files[MANIFEST] = json.dumps(json.loads(files[MANIFEST]) | change).encode()

    rewrite(path, tmp_path / "odd.nn", unknown)
    with pytest.raises(ModelFileError, match="upgrade automl_nn"):
        Predictor.load(tmp_path / "odd.nn")


def test_nothing_but_a_model_is_written_over(predictor, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b")
    with pytest.raises(ModelFileError, match="no model file"):
        predictor.save(tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == "a,b"
    for _ in range(2):
        predictor.save(tmp_path / "model.nn")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(share, path, tmp_path):
    content = path.read_bytes()
    (tmp_path / "cut.nn").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match="truncated"):
        Predictor.load(tmp_path / "cut.nn")


def test_a_changed_file_is_refused(path, tmp_path):
    content = bytearray(path.read_bytes())
    for place in range(2000, len(content) // 2, 5000):
        content[place] ^= 0xFF
    (tmp_path / "changed.nn").write_bytes(content)
    with pytest.raises(ModelFileError):
        Predictor.load(tmp_path / "changed.nn")


def test_something_else_is_no_model_file(tmp_path):
    (tmp_path / "text.nn").write_text("hello")
    with pytest.raises(ModelFileError, match="is no model file"):
        Predictor.load(tmp_path / "text.nn")
    with pytest.raises(ModelFileError, match="There is no model file"):
        Predictor.load(tmp_path / "nothing.nn")


def test_a_model_file_holds_no_pickle(path):
    with zipfile.ZipFile(path) as archive:
        assert all(name.endswith((".json", ".safetensors")) for name in archive.namelist())
