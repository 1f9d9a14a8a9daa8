"""The house: imports go one way, exports are what they say, examples in the README run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import textcond
from tests.conftest import ROOT
from textcond.cli import app

STAGES = ["errors", "disk", "progress", "text", "corpora", "model", "attribution", "analysis"]
STAGES += ["cluster", "report", "workflows", "studies", "commands", "cli"]
"""The order in which text passes; a module imports from its own stage and from those before."""


def test_imports_go_one_way() -> None:
    package = ROOT / "textcond"
    for path in package.rglob("*.py"):
        stage = path.relative_to(package).parts[0].removesuffix(".py")
        if stage in ("__init__", "__main__"):
            continue
        for imported in _imported_stages(path):
            assert STAGES.index(imported) <= STAGES.index(stage), f"{path} imports {imported}"


def test_the_library_knows_no_service() -> None:
    """But for the commands that start it."""
    modules = (ROOT / "textcond").rglob("*.py")
    users = [path.name for path in modules if "textcond_service" in _imported_packages(path)]
    assert users == ["service.py"]


def test_every_shape_is_declared() -> None:
    """A shape without its quotes is an expression that nothing checks."""
    shapes = [
        (path.name, node.slice.elts[1])
        for path in (ROOT / "textcond").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("Float", "Int", "Bool")
        and isinstance(node.slice, ast.Tuple)
    ]
    assert len(shapes) > 50
    for name, shape in shapes:
        assert isinstance(shape, ast.Constant), f"{name}, line {shape.lineno}"
        assert isinstance(shape.value, str), f"{name}, line {shape.lineno}"


def test_a_model_owns_what_is_true_of_it() -> None:
    """Nothing else knows which output is which, the numbers of special words, or a tokenizer."""
    facts = re.compile(
        r"""\blogits\[(:,\ |\.\.\.,\ )?[01]\]   # one output compared with another
        | POLARITY\b                           # the names of the two sides
        | \(("positive",\ "negative"|"negative",\ "positive")\)
        | PADDING_ID | UNKNOWN_ID | ids\[:2\] | \bids?\ (==|!=|>|<)\ [01]\b
        | \btokenize(_all)?\(""",
        re.VERBOSE,
    )
    owners = ("model", "corpora", "text")
    for root in (ROOT / "textcond", ROOT / "service"):
        for path in root.rglob("*.py"):
            if path.relative_to(root).parts[0] in owners:
                continue
            for number, line in enumerate(_without_words(path), 1):
                assert not facts.search(line), f"{path}, line {number}: {line.strip()}"


def _without_words(path: Path) -> list[str]:
    """The lines of a module, without its docstrings."""
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return lines


def test_torchtext_stands_behind_one_module() -> None:
    modules = (ROOT / "textcond").rglob("*.py")
    users = [path.name for path in modules if "torchtext" in _imported_packages(path)]
    assert users == ["vocabulary.py"]


def _imported_stages(path: Path) -> set[str]:
    return {name.split(".")[1] for name in _imported(path) if name.startswith("textcond.")}


def _imported_packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imported(path)}


def _imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def test_everything_exported_is_there() -> None:
    assert sorted(dir(textcond)) == sorted(textcond.__all__)
    for name in textcond.__all__:
        assert getattr(textcond, name).__name__ == name


def test_examples_of_the_readme() -> None:
    """Every block of Python in the README and of the library's page runs, one after another."""
    for name in ("README.md", "docs/library.md"):
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)
        assert blocks
        program = "\n".join(blocks)
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_commands_of_the_readme() -> None:
    """Every command is in the README, and every one there exists."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shown = re.findall(r"^textcond (\w+)", "\n".join(blocks), re.MULTILINE)
    commands = {command.callback.__name__ for command in app.registered_commands}
    assert set(shown) == commands | {group.name for group in app.registered_groups}


def test_links_of_the_pages() -> None:
    """What the README and the pages of docs/ point to is there, and the README is short."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "data" / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), (page, target)
    assert len(pages[0].read_text().splitlines()) <= 130


@pytest.mark.thorough
def test_the_wheel_carries_the_model(tmp_path: Path) -> None:
    """Built, unpacked and used from a folder that is not the checkout."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", tmp_path]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    program = (
        "import textcond; print(textcond.__file__); "
        "print(textcond.explain(textcond.load('sst'), 'not good').prediction)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=unpacked, check=True, capture_output=True, text=True
    )
    where, prediction = done.stdout.split("\n")[:2]
    assert Path(where) == unpacked / "textcond" / "__init__.py"
    assert prediction == "negative"


def test_nothing_of_this_machine_is_committed() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = ["git", "ls-files"]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    names = tracked.stdout.split()
    assert "README.md" in names
    folder = f"{ROOT.parent if ROOT.parent.name else ROOT}/"
    for name in names:
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        assert folder.encode() not in content, name
