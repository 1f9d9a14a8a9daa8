"""What the commands about a corpus refuse: one line, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

from tests.conftest import SENTENCES, Run, random_model
from textcond.analysis.store.corpus import CorpusConductance
from textcond.corpora.negated_phrases import load_minimal_pairs
from textcond.corpora.user_files import stream_file
from textcond.model.model import Model


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the texts of the minimal pairs."""
    path = tmp_path_factory.mktemp("part") / "part.csv"
    load_minimal_pairs().select_columns(["text"]).to_csv(path)
    return path


@pytest.fixture(scope="module")
def analysis(sst: Model, part: Path) -> CorpusConductance:
    return CorpusConductance.compute(
        sst, stream_file(part), part.with_name("analysis"), data=part.name
    )


@pytest.fixture(scope="module")
def strange(part: Path) -> Path:
    """The analysis of a model that is not the shipped one."""
    texts = Dataset.from_dict({"text": SENTENCES[:3]})
    folder = part.with_name("strange")
    CorpusConductance.compute(random_model(seed=0), texts, folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyze"], "Missing option '--out'."),
        (["analyze", "--data", "yelp", "--out", "o"], "`data` is 'yelp'; it can be sst,"),
        (["analyze", "--data", "none.csv", "--out", "o"], "There is no file none.csv; check"),
        (["analyze", "--data", "PART", "--split", "dev", "--out", "o"], "part.csv has no parts;"),
        (["analyze", "--data", "PART", "--target", "joy", "--out", "o"], "`target` is 'joy'; this"),
        (["analyze", "--data", "PART", "--output", "odds", "--out", "o"], "`output` is 'odds'; it"),
        (["analyze", "--data", "PART", "--model", "nosuch", "--out", "o"], "no model 'nosuch';"),
        (["analyze", "--data", "PART", "--out", "PART"], "part.csv is not a folder; choose anot"),
        (
            ["analyze", "--data", "imdb", "--split", "all", "--out", "o"],
            "`split` is 'all'; it can be train",
        ),
        (["division"], "Missing argument 'DIR'."),
        (["division", "none"], "none holds no analysis; `textcond analyze` writes one."),
        (["division", "PART"], "part.csv holds no analysis; `textcond analyze` writes one."),
        (["division", "DIR", "--threshold", "-1"], "`threshold` is -1.0; it must be at least 0."),
        (["division", "DIR", "--threshold", "nan"], "`threshold` is nan; it must be at least 0."),
        (["division", "DIR", "--threshold", "1e9"], "No conductance is beyond the threshold (1e+0"),
        (["division", "DIR", "--clusters", "0"], "`clusters` is 0; it must be at least 1."),
        (["division", "DIR", "--clusters", "257"], "`clusters` is 257; it must be from 1 to 256,"),
        (["division", "DIR", "--draws", "-1"], "`draws` is -1; it must be from 0"),
        (["division", "DIR", "--seed", "-1"], "`seed` is -1; it must be from 0"),
        (["division", "DIR", "--draws", "0", "--figure", "a.gif"], "a.gif is none of .svg, .pdf,"),
        (
            ["division", "DIR", "--draws", "0", "--figure", "no/a.svg"],
            "no folder no; make it, or",
        ),
        (["negation", "none"], "none holds no analysis; `textcond analyze` writes one."),
        (["negation", "STRANGE", "--pairs", "minimal-pairs"], "was computed with the model 'ran"),
        (["negation", "DIR", "--pairs", "yelp"], "`pairs` is 'yelp'; it can be sst-negation,"),
        (["negation", "DIR", "--pairs", "none.tsv"], "There is no file none.tsv; check the path."),
        (["negation", "DIR", "--text", "not good"], "`text` and `pattern` go together; give both"),
        (["negation", "DIR", "--pattern", "not"], "`text` and `pattern` go together; give both"),
        (
            ["negation", "DIR", "--pairs", "minimal-pairs", "--text", "good", "--pattern", "not"],
            "`pattern` 'not' is not in the text; its tokens are: good.",
        ),
        (["negation", "DIR", "--draws", "0"], "`draws` is 0; it must be from 1"),
        (["negation", "DIR", "--sentences", "0"], "`sentences` is 0; it must be"),
        (["negation", "DIR", "--model", "nosuch"], "There is no model 'nosuch'; known are: "),
        (["negation", "DIR", "--data-dir", "."], "There is no train.txt in .; give `--data-dir`"),
        (["rules", "none"], "none holds no analysis; `textcond analyze` writes one."),
        (["rules", "STRANGE", "--out", "r"], "was computed with the model 'random'"),
        (["rules", "DIR", "--held-out", "STRANGE"], "strange was computed with the model 'random'"),
        (["rules", "DIR", "--held-out", "none", "--out", "r"], "none holds no analysis; `textcond"),
        (["rules", "DIR", "--format", "xml", "--out", "r"], "`format` is 'xml'; it can be json,"),
        (["rules", "DIR", "--filters", "256"], "`filters` is [256]; give some of 0 to 255."),
        (["rules", "DIR", "--filters", "-1"], "`filters` is [-1]; give some of 0 to 255."),
        (["rules", "DIR", "--filters", "1,,2"], "`filters` is '1,,2'; it can be all, negation, e"),
        (["rules", "DIR", "--filters", "most"], "`filters` is 'most'; it can be all, negation, e"),
        (["rules", "DIR", "--share", "0"], "`share` is 0.0; it must be above 0 and at most 1."),
        (["rules", "DIR", "--share", "nan"], "`share` is nan; it must be above 0 and at most 1."),
        (["rules", "DIR", "--support", "0"], "`support` is 0; it must be from 1 to 1,000,000."),
        (["rules", "DIR", "--fidelity", "1.1"], "`fidelity` is 1.1; it must be from 0 to 1."),
        (["rules", "DIR", "--filters", "negation", "--pairs", "yelp"], "`pairs` is 'yelp'; it can"),
        (["card", "--analysis", "DIR"], "Missing argument 'FILTER'."),
        (["card", "0"], "Missing option '--analysis'."),
        (["card", "0", "--analysis", "none"], "none holds no analysis; `textcond analyze` writes"),
        (["card", "0", "--analysis", "STRANGE"], "was computed with the model 'random'"),
        (["card", "256", "--analysis", "DIR"], "`filter` is 256; the model has filters 0 to 255."),
        (["card", "--analysis", "DIR", "--", "-1"], "`filter` is -1; the model has filters 0 to"),
        (["card", "x", "--analysis", "DIR"], "Invalid value for 'FILTER'"),
        (["card", "0", "--analysis", "DIR", "--top", "0"], "Invalid value for '--top'"),
        (["report", "none"], "none holds no analysis; `textcond analyze` writes one."),
        (["report", "STRANGE", "--pairs", "minimal-pairs"], "was computed with the model 'random'"),
        (["report", "DIR", "--pairs", "yelp"], "`pairs` is 'yelp'; it can be sst-negation,"),
        (
            ["report", "DIR", "--held-out", "STRANGE"],
            "strange was computed with the model 'random'",
        ),
        (["report", "DIR", "--held-out", "none"], "none holds no analysis; `textcond analyze`"),
        (["report", "DIR", "--model", "nosuch"], "There is no model 'nosuch'; known are: "),
    ],
)
def test_bad_input(
    run: Run,
    in_folder: Path,
    part: Path,
    analysis: CorpusConductance,
    strange: Path,
    arguments: list[str],
    message: str,
) -> None:
    places = {"PART": str(part), "DIR": str(analysis.folder), "STRANGE": str(strange)}
    before = files_beside(part)
    code, out, err = run(*(places.get(argument, argument) for argument in arguments))
    assert code == 2
    assert err.startswith("textcond: ")
    assert err.count("\n") == 1
    assert message in err
    assert out == ""
    assert [*in_folder.iterdir()] == []
    assert files_beside(part) == before


def files_beside(path: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in path.parent.rglob("*")}
