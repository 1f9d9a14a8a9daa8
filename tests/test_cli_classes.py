"""Everything that comes after training, for models of a stranger's classes and sizes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.conftest import Run
from textcond.analysis.rules.evaluation import check_rules
from textcond.analysis.rules.rule_set import RuleSet
from textcond.analysis.store.corpus import CorpusConductance
from textcond.errors import AnalysisError
from textcond.model.checkpoint import load
from textcond.model.training.building import build_model
from textcond.model.training.recipe import Sizes

WORDS = {"animal": "dog cat horse", "colour": "red green blue", "food": "bread rice soup"}
SIZES = ("--dimensions", "8", "--widths", "2,4", "--filters", "6", "--hidden", "5")
RECIPE = {"epochs": 40, "batch_size": 8, "learning_rate": 0.01, "averaging": 0.9, "dropout": 0.1}


def texts_of(classes: dict[str, str]) -> list[tuple[str, str]]:
    """Each word of each class in twelve texts, a third of them with a negator."""
    fillers = ("here is the {}", "what a {} that was", "this is not the {} of {}")
    return [
        (fillers[number % 3].format(word, number), name)
        for name, words in classes.items()
        for word in words.split()
        for number in range(12)
    ]


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("\n".join(["text,label", *(f"{text},{label}" for text, label in rows)]) + "\n")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three classes, of another shape than the one that ships, and its texts."""
    folder = tmp_path_factory.mktemp("kinds")
    write(folder / "kinds.csv", texts_of(WORDS))
    sizes = Sizes(8, (2, 4), 12, 8)
    data = str(folder / "kinds.csv")
    build_model("kinds", data, RECIPE, sizes=sizes, shelf=folder / "models")
    return folder


@pytest.fixture
def classes(in_folder: Path, trained: Path) -> str:
    shutil.copytree(trained, in_folder, dirs_exist_ok=True)
    return "kinds.csv"


def answer_of(run: Run, *arguments: str, told: str = "") -> dict[str, Any]:
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    assert told in err
    return json.loads(out)


def test_sizes_of_the_network(run: Run, in_folder: Path, classes: str) -> None:
    code, _, err = run("train", "--data", classes, "--name", "small", *SIZES, "--epochs", "1")
    assert code == 0, err
    shape = load("small").network.shape
    sizes = (shape.dimensions, shape.widths, shape.filters_per_width, shape.hidden, shape.outputs)
    assert sizes == (8, (2, 4), 6, 5, 3)
    card = (in_folder / "models" / "small" / "README.md").read_text()
    assert "8 dimensions, 6 filters of each of the widths 2, 4, 1-max pooling, 5 hidden" in card
    assert "Word vectors: none, random ones of 8 dimensions." in card
    assert "A window sees 4 words at most" in card
    assert "--dimensions 8 --widths 2,4 --filters 6 --hidden 5" in " ".join(card.split())
    (in_folder / "three.txt").write_text("dog 1 2 3\ncat 3 2 1\n")
    three = ("train", "--data", classes, "--name", "three", "--vectors", "three.txt")
    code, _, err = run(*three, "--epochs", "1", "--filters", "4")
    assert code == 0, err
    assert load("three").network.shape.dimensions == 3
    for option, value, message in (
        ("--dimensions", "8", "The vectors have 3 dimensions, but `dimensions` is 8; leave it out"),
        ("--widths", "3,x", "`widths` is '3,x'; write them as in 3,4,5."),
        ("--widths", "3,3", "`widths` is (3, 3); give 1 to 20 different ones."),
        ("--widths", "0", "`widths` is (0,); each must be from 1 to 100."),
        ("--filters", "0", "`filters` is 0; it must be from 1 to 1,000."),
        ("--hidden", "-1", "`hidden` is -1; it must be from 1 to 1,000."),
    ):
        code, _, err = run(*three[:3], "--name", "no", *three[5:], option, value)
        assert code == 2
        assert message in err
    assert not (in_folder / "models" / "no").exists()


def test_a_corpus_by_classes(run: Run, in_folder: Path, classes: str) -> None:
    analyze = ("analyze", "--data", classes, "--model", "kinds")
    summary = answer_of(run, *analyze, "--out", "first", told="The score is animal:rest: one score")
    assert (summary["target"], summary["poles"]) == ("animal:rest", ["animal", "not animal"])

    division = answer_of(run, "division", "first", "--draws", "5")
    assert division["poles"] == ["animal", "not animal"]
    _, out, _ = run("division", "first", "--draws", "5")
    assert "filters for not animal" in out
    assert "For animal" in out

    rules = answer_of(run, "rules", "first", "--held-out", "first")
    named = {rule["name"]: rule for rule in rules["rules"]}
    for word in WORDS["animal"].split():
        found = [rule for name, rule in named.items() if word in name and rule["sign"] > 0]
        assert found
        assert all(rule["towards"] == "animal" for rule in found)
        assert all(rule["precision"] == 1 for rule in found)
        assert all(rule["neutral"] == 0 for rule in found)
    assert rules["held_out"]["network_accuracy"] > 0.95
    assert rules["held_out"]["agreement"] > 0.9
    code, _, err = run(*analyze, "--out", "other", "--target", "food:rest")
    assert code == 0
    for command in ("rules", "report"):
        code, _, err = run(command, "first", "--held-out", "other")
        assert code == 2
        assert "`held_out` explains the logit of food:rest, not the logit of animal:rest;" in err
    with pytest.raises(AnalysisError, match="`analysis` explains the logit of food:rest, not the"):
        check_rules(RuleSet.from_dict(rules), load("kinds"), CorpusConductance.open(Path("other")))
    run("rules", "first", "--out", "patterns.jsonl")  # spaCy's form, by its ending
    labels = {json.loads(line)["label"] for line in Path("patterns.jsonl").read_text().splitlines()}
    assert labels <= {"animal", "not animal"}
    assert "animal" in labels

    card = answer_of(run, "card", "3", "--analysis", "first")
    assert card["towards"] in ("animal", "not animal", "")
    assert card["name"].endswith(("→ animal", "→ not animal", "never pushes"))

    negation = answer_of(run, "negation", "first", "--draws", "5")
    assert negation["pairs"] == classes
    renamed = Path(classes).read_text().replace("text,label", "question,kind", 1)
    Path("pairs.csv").write_text(renamed)
    columns = ("--pairs", "pairs.csv", "--text-column", "question", "--label-column", "kind")
    other = answer_of(run, "negation", "first", "--draws", "5", *columns)
    assert other == negation | {"pairs": "pairs.csv"}
    assert [side["negated"] for side in negation["sides"]] == ["animal", "not animal"]
    for side in negation["sides"]:
        assert side["pairs"] > 5
        assert side["found"] or side["note"]
        assert side["filters"][0]["p_value"] <= 1
        assert side["causes"]["effect"] is not None
    code, _, err = run("report", "first")
    assert code == 0, err
    page = (in_folder / "first" / "report.html").read_text()
    assert "The score here is that of animal less that of all other classes, as a logit." in page
    assert "→ not animal" in page
    assert "Negation of words that speak against animal should" in page


def test_one_class_against_another(run: Run, in_folder: Path, classes: str) -> None:
    options = ("--model", "kinds", "--target", "food:colour", "--out", "two")
    summary = answer_of(run, "analyze", "--data", classes, *options)
    assert summary["poles"] == ["food", "colour"]
    rules = answer_of(run, "rules", "two")["rules"]
    sides = {word: rule["towards"] for rule in rules for words in rule["words"] for word in words}
    assert {sides[word] for word in ("bread", "rice", "soup") if word in sides} == {"food"}
    assert {sides[word] for word in ("red", "green", "blue") if word in sides} == {"colour"}
    # A label that is of neither of the two classes counts for neither.
    assert any(rule["neutral"] for rule in rules) or all(rule["neutral"] == 0 for rule in rules)
    code, _, err = run("analyze", "--data", classes, *options[:3], "food:soup", "--out", "no")
    assert code == 2
    assert (
        "this model has margin, animal, colour, food, or one against another, for instance animal:"
        in err
    )


def test_what_is_not_there_is_a_result(run: Run, in_folder: Path, classes: str) -> None:
    """No pairs with a negator, no negation filter, no rule: each is told, and shown as a page."""
    rows = [(f"here is the {word}", "animal") for word in WORDS["animal"].split() * 2]
    write(in_folder / "few.csv", rows)
    answer_of(run, "analyze", "--data", "few.csv", "--model", "kinds", "--out", "few")
    negation = answer_of(run, "negation", "few")
    for side in negation["sides"]:
        assert (side["found"], side["pairs"], side["filters"]) == ([], 0, [])
        assert side["note"].startswith("After halving, or setting the held-out part aside, no pair")
        assert side["causes"]["note"].startswith("None of the held-out pairs negates")
    _, out, _ = run("negation", "few")
    assert "at least 5 are needed to find filters." in " ".join(out.split())
    rules = answer_of(run, "rules", "few", "--filters", "negation")
    assert rules["rules"] == []
    assert rules["note"].startswith("No negation filter was found")
    rules = answer_of(run, "rules", "few", "--support", "50")
    assert rules["note"].startswith("No pattern has a fidelity of 0.8 in 50 sentences")
    assert rules["nearest"][0]["sentences"] == 6
    _, out, _ = run("rules", "few", "--support", "50")
    assert "What came nearest" in out
    code, _, err = run("report", "few")
    assert code == 0, err
    page = (in_folder / "few" / "report.html").read_text()
    assert page.count("at least 5 are needed to find filters.") == 2


def test_the_model_of_an_analysis(run: Run, in_folder: Path, classes: str) -> None:
    answer_of(run, "analyze", "--data", classes, "--model", "kinds", "--out", "first")
    (in_folder / "models" / "kinds").rename(in_folder / "elsewhere")
    code, _, err = run("rules", "first")
    assert code == 2
    assert "computed with the model 'kinds', which cannot be loaded by this name; give its" in err
    assert answer_of(run, "rules", "first", "--model", "elsewhere")["rules"]
    code, _, err = run("rules", "first", "--model", "sst")
    assert code == 2
    assert "was computed with the model 'kinds'" in err


def test_predicting_a_file(run: Run, in_folder: Path, classes: str) -> None:
    lines = [
        '{"id": "a1", "text": "what a dog that was", "label": "animal"}',
        '{"text": "blue"}',
        '{"text": ""}',
        '{"text": 7}',
        "nothing",
        '{"text": "unheard"}',
        '{"text": "unheard unseen dog"}',
    ]
    (in_folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        done = answer_of(run, "predict", "rows.jsonl", "--model", "kinds", "--out", name)
        assert done["rows"] == 7
        assert done["problems"] == 4
        assert done["mostly_unknown"] == 1
        assert sum(done["calls"].values()) == 3
    table = pq.read_table("out.parquet").to_pylist()
    assert table == [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    header, *rest = Path("out.csv").read_text().splitlines()
    assert header == (
        "line,id,text,label,prediction,probability_animal,probability_colour,probability_food,margin,"
        "unknown_words,problem"
    )
    assert rest[0].startswith("1,a1,what a dog that was,animal,animal,0.7")
    assert [row["line"] for row in table] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["prediction"] for row in table] == [
        *("animal", "colour", None, None, None, None, "animal"),
    ]
    assert table[0]["margin"] > 0
    assert table[6]["unknown_words"] == pytest.approx(2 / 3)
    problems = [row["problem"] for row in table]
    assert problems[:2] == ["", ""]
    assert "is empty" in problems[2]
    assert problems[3] == "not an object with `text` (`text` is not a string)"
    assert problems[4].startswith("not an object with `text`")
    assert "has no word that the model 'kinds' knows" in problems[5]
    (in_folder / "rows.csv").write_text('text,label\nred\x96,colour\na,b,c\n" one,x\nblue\n')
    done = answer_of(run, "predict", "rows.csv", "--model", "kinds", "--out", "rows.jsonl")
    table = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    assert [(row["line"], row["prediction"]) for row in table] == [
        *((2, "colour"), (3, None), (4, None), (5, "colour")),
    ]
    assert table[1]["problem"] == "the row has more fields than the first line; quote the text"
    _, out, _ = run("predict", "rows.csv", "--model", "kinds", "--out", "rows.jsonl")
    assert "4 rows are in rows.jsonl." in out
    assert "2 rows could not be read; the column `problem` says why." in out


def test_predictions_keep_the_columns_of_the_file(run: Run, in_folder: Path, classes: str) -> None:
    (in_folder / "rows.csv").write_text("\ufeffID;Review;Score\n7;a dog;3\n8;red;\n")
    reviews = ("--model", "kinds", "--text-column", "review")
    answer_of(run, "predict", "rows.csv", *reviews, "--out", "out.parquet")
    table = pq.read_table("out.parquet").to_pylist()
    assert [*table[0]][:5] == ["line", "ID", "Review", "Score", "prediction"]
    assert [[*row.values()][:5] for row in table] == [
        [2, "7", "a dog", "3", "animal"],
        [3, "8", "red", "", "colour"],
    ]
    lines = ['{"text": "a dog", "n": 3}', '{"text": "red", "tags": ["x", "y"], "ok": true}']
    (in_folder / "rows.jsonl").write_text("\n".join(lines))
    for name in ("out.csv", "out.jsonl"):
        answer_of(run, "predict", "rows.jsonl", "--model", "kinds", "--out", name)
    kept = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [(row["n"], row["tags"], row["ok"]) for row in kept] == [
        *((3, None, None), (None, ["x", "y"], True)),
    ]
    header, first, second = Path("out.csv").read_text().splitlines()
    assert header.startswith("line,text,n,tags,ok,prediction")
    assert first.startswith("1,a dog,3,,,animal")
    assert second.startswith('2,red,,"[""x"", ""y""]",true,colour')
    (in_folder / "again.csv").write_text("text,margin\nred,1\n")
    code, _, err = run("predict", "again.csv", "--model", "kinds", "--out", "c.csv")
    assert code == 2
    assert "again.csv has a column `margin`, and so has the answer; rename it in the file." in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.csv", "--out", "a.csv"), "There is no file none.csv; check the path."),
        (("a.csv", "--out", "a.xlsx"), "a.xlsx is none of .csv, .jsonl, .parquet; choose one of"),
        (("a.csv", "--out", "./a.csv"), "a.csv is the file that is read; choose another `--out`."),
        (("a.csv", "--out", "b/a.csv"), "There is no folder b; make it, or choose another file."),
        (("a.csv", "--out", "b.csv", "--text-column", "txt"), "has no column `txt` (`text`?)"),
        (("e.csv", "--out", "b.csv"), "e.csv has no rows; give at least one text."),
        (("l.csv", "--out", "b.csv"), "is not UTF-8; convert it"),
    ],
)
def test_what_cannot_be_predicted(
    run: Run, in_folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    write(in_folder / "a.csv", [("a dog", "x")])
    (in_folder / "e.csv").write_text("text,label\n")
    (in_folder / "l.csv").write_bytes(b"text\ncaf\xe9\n")
    code, out, err = run("predict", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not list(in_folder.glob("*b.csv*"))
