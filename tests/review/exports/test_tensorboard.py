import sys
import warnings

import pytest

from automl_nn.errors import InputError
from automl_nn.review.exports.tensorboard import to_tensorboard


def read(folder):
    """What TensorBoard itself reads."""
    with warnings.catch_warnings(action="ignore"):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        return EventAccumulator(str(folder)).Reload()


def test_tensorboard_reads_the_curves_of_every_trial_that_ended(store, study_id, tmp_path):
    assert to_tensorboard(store, study_id, tmp_path / "logs") == 3
    assert sorted(folder.name for folder in (tmp_path / "logs").iterdir()) == [f"trial_{i:05d}" for i in range(3)]
    first = read(tmp_path / "logs" / "trial_00000")
    events = first.Scalars("score")
    assert [(event.step, event.value) for event in events] == [(1, 0.25), (2, 0.75)]
    assert events[1].wall_time - events[0].wall_time == pytest.approx(2.0)
    assert [event.value for event in first.Scalars("val/roc_auc")] == [0.25, 0.75]
    assert first.Scalars("result/score")[0].value == 0.75
    assert "_hparams_/session_start_info" in first.summary_metadata
    failed = read(tmp_path / "logs" / "trial_00002")
    assert "score" not in failed.Tags()["scalars"]
    assert failed.Tensors("message/text_summary")[0].tensor_proto.string_val == [b"no, <script>"]


def test_without_tensorboard_one_sentence_says_how_to_get_it(store, study_id, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)
    with pytest.raises(InputError, match=r"pip install 'automl_nn\[tensorboard\]'"):
        to_tensorboard(store, study_id, tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
