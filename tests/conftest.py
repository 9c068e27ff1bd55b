"""What every test runs under: one thread, shapes that are checked, a folder of its own."""

import os
from functools import cache
from pathlib import Path

import hypothesis
import jaxtyping
import numpy as np
import pytest
from alembic.util import pyfiles

os.environ["OMP_NUM_THREADS"] = "1"  # read by torch when it is first imported, and by every process that a test starts
os.environ["MPLBACKEND"] = "agg"

CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"  # an int may stand for a float
jaxtyping.install_import_hook(["automl_nn.model", "automl_nn.train"], CHECKER)

hypothesis.settings.register_profile("automl_nn", deadline=None)
hypothesis.settings.load_profile("automl_nn")

_load = pyfiles.load_module_py
_load_once = cache(_load)
pyfiles.load_module_py = lambda name, path: (_load_once if "versions" in Path(path).parts else _load)(name, path)
"""The steps of migrations are read once, not for each of thousands of new databases."""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Work in an empty folder, so that the default storage is a new one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rng():
    """A generator of the test's own, of another seed than those that fill a module's constants."""
    return np.random.default_rng(7)
