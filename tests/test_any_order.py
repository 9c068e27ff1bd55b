"""Tests run in any order, so none may draw from a generator that another one draws from, too."""

import ast
from pathlib import Path

FOLDER = Path(__file__).parent
GENERATORS = {"np.random.default_rng", "random.Random", "torch.Generator", "torch.Generator().manual_seed"}


def shared_draws(source):
    """Lines inside functions that use a generator of their module."""
    tree = ast.parse(source)
    shared = {name for node in tree.body for name in generators_of(node)}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    names = [node for function in functions for node in ast.walk(function) if isinstance(node, ast.Name)]
    return sorted({node.lineno for node in names if node.id in shared})


def generators_of(node):
    """Names that a statement gives to a generator."""
    is_made = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    if not is_made or ast.unparse(node.value.func) not in GENERATORS:
        return []
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def test_a_generator_of_a_module_may_fill_its_constants_only():
    made = "RNG = np.random.default_rng(0)\nX = RNG.normal(size=3)\n"
    assert shared_draws(made) == []
    assert shared_draws(made + "def test_it(rng):\n    assert rng.random() < RNG.random()\n") == [4]


def test_no_test_draws_from_a_generator_of_its_module():
    files = sorted(FOLDER.rglob("*.py"))
    drawn = {str(file.relative_to(FOLDER)): shared_draws(file.read_text(encoding="utf-8")) for file in files}
    assert {name: lines for name, lines in drawn.items() if lines} == {}
