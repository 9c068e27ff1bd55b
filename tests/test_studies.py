import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from automl_nn.cli import main
from automl_nn.cli.arguments.given import gather
from automl_nn.search.problems.series import pose_any
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.space.draw import describe

OF_IMAGES = ("digit_labels", "digit_maps", "digit_embeddings", "digits_beside_table")
STUDIES = sorted((Path(__file__).parent.parent / "studies").glob("*.py"))


def _load_japanese_vowels(split):
    """Series in the form of aeon's, which need not be installed."""
    return [np.ones((12, 7 + number % 20)) * number for number in range(90)], np.repeat(list("123456789"), 10)


@pytest.fixture
def aeon(monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "aeon.datasets", SimpleNamespace(load_japanese_vowels=_load_japanese_vowels))


@pytest.mark.usefixtures("aeon")
@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_study_file_poses_a_problem_and_edits_the_space(file):
    given = gather(file, asked={})
    parts = {"images": given.images, "parting": given.parting}
    problem = pose_any(given.frame, given.target, given.series, weight=None, **given.task, **parts)
    space = space_for(problem)
    assert describe(edit_space(space, given.settings)) != describe(space)
    assert given.budget


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_study_of_images_runs(name, capsys):
    (file,) = (file for file in STUDIES if file.stem == name)
    quick = ["--set", "train.n_epochs=1", "--set", "model.backbone.d_block=8", "--n-trials", "1"]
    assert main(["tune", str(file), *quick, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["best_score"] is not None
