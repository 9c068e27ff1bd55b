import io
import json

import pandas as pd

from automl_nn.review.exports.files import study_tables, table_files


def test_csv_and_json_hold_the_numbers_of_the_store(store, study_id):
    tables = study_tables(store, study_id)
    files = table_files(tables, "csv", "json")
    assert len(files) == 2 * len(tables) == 14
    stored = store.trials(study_id)
    for read in (pd.read_csv(io.BytesIO(files["trials.csv"])), pd.DataFrame(json.loads(files["trials.json"]))):
        assert read["number"].tolist() == [0, 1, 2, 3]
        pd.testing.assert_series_equal(read["score"], stored["score"], check_dtype=False)
        assert read["train.optimizer.lr"].tolist()[:3] == [0.125, 0.25, 0.125]
    epochs = pd.read_csv(io.BytesIO(files["epochs.csv"]))
    assert epochs["val.roc_auc"].tolist()[:3] == [0.25, 0.75, 0.5]
    assert json.loads(files["failures.json"])[0]["message"] == "no, <script>"


def test_an_empty_table_has_a_head_and_no_row(store, study_id):
    files = table_files(study_tables(store, study_id), "csv", "json")
    assert files["spikes.csv"] == b"trial,epoch,step,kind,value,row_ids\n"
    assert files["spikes.json"] == b"[]"
