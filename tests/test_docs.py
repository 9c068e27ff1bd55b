"""What the README, the contributing page and CI say is what happens."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from automl_nn.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("studies/*.md"))


def blocks(page, language):
    """The code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def commands(page):
    """What a page tells the reader to type, one list of words for each command."""
    lines = "\n".join(blocks(page, "shell")).replace(" && ", "\n").splitlines()
    return [shlex.split(line) for line in lines if line]


README = blocks(ROOT / "README.md", "python")
CALLS = [words[1:] for words in commands(ROOT / "README.md") if words[0] == "automl-nn"]


@pytest.mark.parametrize("block", README, ids=range(len(README)))
def test_a_python_block_of_the_readme_runs(block):
    exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_a_command_line_of_the_readme_is_understood(words):
    group = typer.main.get_command(app)
    name, command, rest = group.resolve_command(group.make_context("automl-nn", words), words)
    assert command.make_context(name, rest).command is command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_page_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_installs_in_two_commands():
    install, check = (shlex.split(line) for line in blocks(ROOT / "README.md", "shell")[:2])
    assert install[-2:] == ["automl-nn", "demo"]
    assert check[-2:] == ["python", "tests/check.py"]


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace('"$environment"', ".venv")
    script = script.replace('"$environment/bin/activate"', ".venv/bin/activate")
    check = blocks(ROOT / "README.md", "shell")[1].strip()
    assert " && ".join(script.strip().splitlines()[-4:]) == check
