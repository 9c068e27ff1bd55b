"""What tests run under: one thread, a folder of their own, and shapes that are checked where networks are tested."""

import contextlib
import json
import os
import subprocess
import sys
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
CHECKED = ("model", "train", "test_options.py")
"""Folders and files, of tests and of modules with examples, in which shapes are checked: it takes long where much is
trained."""

hypothesis.settings.register_profile("automl_nn", deadline=None)
hypothesis.settings.load_profile("automl_nn")

_load = pyfiles.load_module_py
_load_once = cache(_load)
pyfiles.load_module_py = lambda name, path: (_load_once if "versions" in Path(path).parts else _load)(name, path)
"""The steps of migrations are read once, not for each of thousands of new databases."""


FORKS = """
import json, os, sys, traceback
{source}
for line in sys.stdin:
    what, given = json.loads(line)
    answer = os.fork() if what == "start" else os.waitstatus_to_exitcode(os.waitpid(*given, 0)[1])
    if what == "start" and answer == 0:
        status = 1
        try:
            work(*given)
            status = 0
        except Exception:
            traceback.print_exc()
        os._exit(status)
    print(answer, flush=True)
"""


class Forks:
    """Processes that call the `work` of a script, without the seconds that its imports take each time."""

    def __init__(self, source, folder):
        line = [sys.executable, "-c", FORKS.format(source=source)]
        self._server = subprocess.Popen(
            line, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self, *given):
        """Call `work` in a process of its own; its number."""
        return self._ask("start", given)

    def wait(self, pid):
        """The exit status of a process that was started; less than zero if it was killed."""
        return self._ask("wait", (pid,))

    def _ask(self, what, given):
        self._server.stdin.write(json.dumps([what, given]) + "\n")
        return int(self._server.stdout.readline())

    def close(self):
        self._server.communicate()


@pytest.fixture
def forks(tmp_path):
    """Makes `Forks` of a script, in the test's folder."""
    with contextlib.ExitStack() as stack:
        yield lambda source: stack.enter_context(contextlib.closing(Forks(source, tmp_path)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Check shapes, fixtures included, or leave them unchecked."""
    place = item.path.relative_to(Path(__file__).parent.parent).parts[1]
    jaxtyping.config.update("jaxtyping_disable", place not in CHECKED)
    try:
        return (yield)
    finally:
        jaxtyping.config.update("jaxtyping_disable", True)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Work in an empty folder, so that the default storage is a new one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rng():
    """A generator of the test's own, of another seed than those that fill a module's constants."""
    return np.random.default_rng(7)
