"""A stranger's file of six classes over HTTP: trained on, explained, analyzed, made into rules."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.service.asking import assert_problem
from tests.service.running import Running

WORDS = {
    "animal": "dog cat horse",
    "colour": "red green blue",
    "drink": "tea milk water",
    "food": "bread rice soup",
    "place": "paris london rome",
    "time": "noon monday june",
}
ROWS = [
    f"{filler.format(word)};{name}"
    for name, words in WORDS.items()
    for word in words.split()
    for filler in ("here is the {}", "what a {} that was", "this is not the {} again") * 4
]
CONTENT = "\n".join(["Question;Kind", *ROWS]).encode()
SMALL = {"dimensions": 8, "widths": [2, 3], "filters": 12, "hidden": 10, "epochs": 30}


def upload(service: Running, name: str, **columns: str) -> Any:
    file = {"file": ("own.csv", io.BytesIO(CONTENT), "text/csv")}
    return service.client.post("/v1/corpora", data={"name": name, **columns}, files=file)


@pytest.fixture(scope="module")
def kinds(service: Running) -> str:
    """A model of six classes, trained through the API."""
    columns = {"text_column": "question", "label_column": "kind"}
    uploaded = upload(service, "kinds-corpus", **columns)
    assert uploaded.status_code == 201, uploaded.text
    assert uploaded.json()["labelled"] == len(ROWS)
    assert uploaded.json()["told"] == [
        "Labels: 6 classes, animal, colour, drink, food, place, time."
    ]
    body = {"name": "kinds", "corpus": "kinds-corpus", **SMALL}
    body |= {"batch_size": 16, "learning_rate": 0.01}
    job = service.finish(service.client.post("/v1/models", json=body).json()["id"])
    assert job["state"] == "succeeded", job
    return "kinds"


def work(service: Running, path: str, body: dict[str, Any]) -> dict[str, Any]:
    started = service.client.post(path, json=body)
    assert started.status_code == 202, started.text
    job: dict[str, Any] = service.finish(started.json()["id"])
    assert job["state"] == "succeeded", job
    return job


def test_a_file_of_classes_from_upload_to_rules(service: Running, kinds: str) -> None:
    model = service.client.get("/v1/models/kinds").json()
    assert model["outputs"] == [*WORDS]
    assert model["filters"] == 24
    assert model["widths"] == [2] * 12 + [3] * 12
    assert model["metrics"]["test"]["accuracy"] > 0.9
    body = {"text": "here is the bread", "target": "food:drink"}
    answer = service.client.post("/v1/models/kinds/explain", json=body).json()
    assert answer["prediction"] == "food"
    assert answer["score"] > answer["baseline_score"]
    assert [*answer["heads"]] == [*WORDS]
    assert sum(head["probability"] for head in answer["heads"].values()) == pytest.approx(1)
    assert answer["warning"] == ""
    strange = service.client.post("/v1/models/kinds/predict", json={"text": "qx zy the"}).json()
    assert strange["warning"].startswith("67% of the words are not in the model's vocabulary")

    # Of a whole corpus it is one class against the rest; which, the analysis says.
    first = work(service, "/v1/analyses", {"model": kinds, "corpus": "kinds-corpus"})
    shown = service.client.get(first["result"]).json()
    assert shown["target"] == shown["summary"]["target"] == "animal:rest"
    body = {"model": kinds, "corpus": "kinds-corpus", "target": "food:rest"}
    analysis = work(service, "/v1/analyses", body)["result"]
    division = service.client.get(f"{analysis}/division").json()
    assert division["poles"] == ["food", "not food"]
    (row,) = service.client.get(f"{analysis}/sentences?filter=0&limit=1").json()["sentences"]
    assert {*row["classes"]} < {*WORDS}
    card = service.client.get("/v1/models/kinds/filters/3").json()
    assert card["towards"] in ("food", "not food", "")

    refused = service.client.post(f"{analysis}/rules", json={"held_out": first["id"]})
    wanted = "`held_out` explains the logit of animal:rest, not the logit of food:rest; analyze"
    assert wanted in assert_problem(refused, 422)["detail"]
    held_out = work(service, "/v1/analyses", body)["id"]
    job = work(service, f"{analysis}/rules", {"filters": "all", "held_out": held_out})
    found = service.client.get(job["result"]).json()
    assert {rule["towards"] for rule in found["rules"]} == {"food", "not food"}
    named = " ".join(rule["name"] for rule in found["rules"] if rule["towards"] == "food")
    assert all(word in named for word in WORDS["food"].split())
    assert found["held_out"]["network_accuracy"] > 0.9
    csv = service.client.get(job["result"], params={"format": "csv"}).text
    assert "→ food" in csv
    negation = service.client.get(work(service, f"{analysis}/negation", {})["result"]).json()
    assert negation["pairs"] == "kinds-corpus"
    for side in negation["sides"]:
        assert side["found"] or side["note"]
    job = work(service, f"{analysis}/rules", {"filters": "all", "support": 900})
    nothing = service.client.get(job["result"]).json()
    assert nothing["rules"] == []
    assert nothing["note"].startswith("No pattern has a fidelity of 0.8 in 900 sentences")
    assert nothing["nearest"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, ("the file has no column `text`, only Question, Kind", "`text_column`")),
        ({"text_column": "questions"}, ("has no column `questions` (`Question`?)",)),
        (
            {"text_column": "question", "label_column": "kind", "labels": "food=positive"},
            ("the label 'animal' has no meaning in `labels`",),
        ),
        ({"labels": "food"}, ("`labels` is 'food'; write each label with its meaning",)),
    ],
)
def test_columns_that_are_not_there(
    service: Running, columns: dict[str, str], words: tuple[str, ...]
) -> None:
    assert_problem(upload(service, "no-such", **columns), 422, *words)


def test_a_file_with_parts_is_analyzed_by_its_parts(service: Running, kinds: str) -> None:
    rows = [f"a dog,{part}" for part in ("train", "dev", "dev", "test")]
    file = {"file": ("own.csv", "\n".join(["text,split", *rows]).encode(), "text/csv")}
    uploaded = service.client.post("/v1/corpora", data={"name": "parted"}, files=file)
    assert uploaded.status_code == 201, uploaded.text
    for options, count in (({}, 3), ({"split": "train"}, 1), ({"split": "train+dev+test"}, 4)):
        body = {"model": kinds, "corpus": "parted", **options}
        analysis = service.client.get(work(service, "/v1/analyses", body)["result"]).json()
        assert analysis["summary"]["sentences"] == count


def test_a_model_of_other_classes_than_are_asked_for(service: Running, kinds: str) -> None:
    body = {"model": kinds, "corpus": "kinds-corpus", "target": "food:soup"}
    answer = service.client.post("/v1/analyses", json=body)
    assert_problem(
        answer, 422, "this model has margin, animal, colour", "one against the rest, animal:rest"
    )
    answer = service.client.post(
        "/v1/models", json={"name": "no", "corpus": "kinds-corpus", "widths": [3, 3]}
    )
    assert_problem(answer, 422, "give 1 to 20 different ones")
