from pathlib import Path

import pytest

from automl_nn.cli.studyfile import read_study_file
from automl_nn.search.problem import pose
from automl_nn.search.spaces import default_space, edit_space
from automl_nn.space.draw import describe

STUDIES = sorted((Path(__file__).parent.parent / "studies").glob("*.py"))


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_study_file_poses_a_problem_and_edits_the_space(file):
    study = read_study_file(file)
    problem = pose(study.frame, [study.task["target"]], kind=study.task["kind"], metric=study.task["metric"])
    space = default_space(problem.task, n_rows=problem.table.n_rows)
    assert describe(edit_space(space, study.space)) != describe(space)
    assert study.budget
