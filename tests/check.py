"""Run every check of the project: `python tests/check.py`.

All of them run, pytest last, whatever the others say; the exit status is that of the first one that failed.
What follows on the command line goes to pytest: `python tests/check.py -m "not slow"`.
"""

import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["lint-imports"], ["mypy"])
TESTS = ["pytest", "-n", "logical", "--dist", "loadfile"]
"""A process for each core; the tests of a file run in one, since they share what they trained."""


def main(pytest_arguments: list[str]) -> int:
    """Run the checks in turn and return the exit status."""
    failed = {shlex.join(check): status for check in CHECKS if (status := run(check))}
    if failed:
        print(f"\nfailed before the tests: {', '.join(failed)}", flush=True)
    tests = run([*TESTS, *pytest_arguments])
    return next(iter(failed.values()), tests)


def run(command: list[str]) -> int:
    """Run a tool of this interpreter's environment from the project's folder."""
    print(f"\n$ {shlex.join(command)}", flush=True)
    tool = shutil.which(command[0], path=sysconfig.get_path("scripts"))
    if tool is None:
        print(f"{command[0]} is not installed here: run `pip install -e '.[test]'` first.", flush=True)
        return 1
    return subprocess.run([tool, *command[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
