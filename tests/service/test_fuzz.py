"""Made-up requests to the whole API, and made-up texts to what reads texts.

TEXTCOND_FUZZ_CASES and TEXTCOND_HOSTILE_TEXTS say how many; a measurement takes 5,000 and 10,000.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.service.running import Running, make_key, running

pytestmark = pytest.mark.thorough

CASES = int(os.environ.get("TEXTCOND_FUZZ_CASES", "300"))
TEXTS = int(os.environ.get("TEXTCOND_HOSTILE_TEXTS", "300"))
LIMITS = {"threads": 1, "requests_per_minute": 10**9, "max_jobs": 10}
ANALYSES = 2

# Schemathesis runs every check that it has. What a schema cannot say is told here.
CONFIGURATION = """
continue-on-failure = true
max-stream-events = 1
request-timeout = 300

[headers]
Authorization = "Bearer {key}"

[generation]
database = "none"

# Texts without a known word, targets that the model does not have, corpora that are not there,
# files that are not csv: all fit the schema, and are refused as 422. 400: a form's boundary
# stands in its content.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "400", "404", "409", "413", "422", "429"]

# 413: what is too long for the schema may be too long for a body.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "409", "413", "415", "422", "429"]

[dictionaries]
jobs = {{ values = {jobs} }}
models = {{ values = ["sst"] }}
corpora = {{ values = {corpora} }}
texts = {{ values = ["this is not good", "never dull", "the plot hardly makes sense"] }}
patterns = {{ values = ["not good", "never", "hardly"] }}

[parameters]
"path.id" = {{ dictionary = "jobs", probability = 0.6 }}
"path.model" = {{ dictionary = "models", probability = 0.8 }}
"path.corpus" = {{ dictionary = "corpora", probability = 0.5 }}
"body.text" = {{ dictionary = "texts", probability = 0.5 }}
"body.pattern" = {{ dictionary = "patterns", probability = 0.5 }}

# There is no worker here, so that what the cases start does not keep the machine busy.
[[operations]]
include-path = "/readyz"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "503"]
"""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A service with keys and finished jobs, but without a worker; and its configuration."""
    folder = tmp_path_factory.mktemp("fuzzed")
    data = folder / "data"
    key = make_key(data, "admin")
    headers = {"Authorization": f"Bearer {key}"}
    with running(data, **LIMITS) as service:
        service.client.headers.update(headers)
        corpora = [f"reviews-{number}" for number in range(ANALYSES)]
        analyses = [_analyze(service, corpus) for corpus in corpora]
        ids = analyses + [_extract(service, id) for id in analyses]
        for id in ids[len(analyses) :]:
            done = service.finish(id)
            assert done["state"] == "succeeded", done["error"]
    configuration = folder / "schemathesis.toml"
    configuration.write_text(
        CONFIGURATION.format(key=key, jobs=json.dumps(ids), corpora=json.dumps(corpora))
    )
    with running(data, "--only", "web", **LIMITS) as service:
        service.client.headers.update(headers)
        yield service, configuration


def test_every_path_keeps_its_word(fuzzed: tuple[Running, Path], tmp_path: Path) -> None:
    service, configuration = fuzzed
    document = service.client.get("/openapi.json").json()
    operations = sum(len(methods) for methods in document["paths"].values())
    report = tmp_path / "report.json"
    # To delete a job is to cancel it: it stays there to be looked at. test_deletion has the rest.
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
        *("run", f"{service.url}/openapi.json", "--checks", "all", "--no-color"),
        *("--exclude-checks", "use_after_free"),
        *("--max-examples", str(max(1, CASES // operations)), "--report", "json"),
        *("--report-json-path", str(report)),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    shown = "\n".join(line[:500] for line in (done.stdout + done.stderr).splitlines())
    assert done.returncode == 0, shown
    told = json.loads(report.read_text())
    assert told["operations"]["tested"] == operations
    assert told["test_cases"]["generated"] >= CASES
    assert told["failures"] == told["errors"] == []
    print(told["test_cases"])


_WORDS = st.sampled_from(
    [
        *("not", "good", "n't", "can't", "is", "a", "-LRB-", "``", "and\\/or", "'70s", "*****"),
        *(
            "",
            " ",
            "\t",
            "\r\n",
            "\u00a0",
            "\u3000",
            "\u200b",
            "\u200d",
            "\ufeff",
            "\x00",
            "\x1b[2J",
        ),
        *("\u202e", "\ud800", "\udfff", "\U0001f469\u200d\U0001f4bb", "\U000e0001", "ﷺ", "İ", "ß"),
        *("Z\u0351" * 40, "'" * 50, "." * 300, "a" * 5_000, "$" * 1_000, "<unk>", "<pad>", "1e999"),
    ]
)
_SEPARATORS = st.sampled_from(["", " ", "\n", "--", "...", "\u2028"])
_CHARACTERS = st.characters(codec=None)  # halves of surrogate pairs too
_TEXTS = st.one_of(
    st.text(_CHARACTERS, max_size=200),
    st.builds(str.join, _SEPARATORS, st.lists(_WORDS, max_size=30)),
    st.builds(lambda word, times: f"{word} " * times, _WORDS, st.integers(0, 3_000)),
)
_TARGETS = st.one_of(
    st.sampled_from(["margin", "positive", "negative", "positive:negative", ":", "a:b"]),
    st.text(_CHARACTERS, max_size=20),
)


def _hold(test: Callable[..., None], **made_up: st.SearchStrategy[Any]) -> None:
    """Try it on `TEXTS` examples."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    often = settings(max_examples=TEXTS, database=None, suppress_health_check=checks)
    often(given(**made_up)(test))()


def test_hostile_texts_are_explained_or_refused(fuzzed: tuple[Running, Path]) -> None:
    def explain(text: str, target: str, output: str) -> None:
        body = {"text": text, "target": target, "output": output}
        answer = _post(fuzzed[0], "/v1/models/sst/explain", body)
        if answer.status_code == 200:
            explained = answer.json()
            total = explained["score"] - explained["baseline_score"]
            assert sum(explained["token_attributions"]) == pytest.approx(total, abs=1e-6)

    outputs = st.sampled_from(["logit", "probability"])
    _hold(explain, text=_TEXTS, target=_TARGETS, output=outputs)


def test_hostile_patterns_are_found_or_refused(fuzzed: tuple[Running, Path]) -> None:
    def query(text: str, pattern: str | int, target: str) -> None:
        part = pattern if isinstance(pattern, str) else text[:pattern]
        body = {"text": text, "pattern": part, "target": target}
        _post(fuzzed[0], "/v1/models/sst/filters/query", body)

    patterns = st.one_of(_TEXTS, st.integers(1, 50))
    _hold(query, text=_TEXTS, pattern=patterns, target=_TARGETS)


def _post(service: Running, path: str, body: dict[str, str]) -> httpx.Response:
    # In ASCII: half a surrogate pair can be sent as an escape alone.
    headers = {"Content-Type": "application/json"}
    answer = service.client.post(path, content=json.dumps(body), headers=headers)
    assert answer.status_code in (200, 413, 422), answer.text[:500]
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    return answer


def _analyze(service: Running, corpus: str) -> str:
    """The number of an analysis of a small corpus."""
    rows = ["text,label", "this is not good,0", "this is good,1", "never dull,1", "so dull,0"]
    file = {"file": ("a.csv", "\n".join(rows))}
    service.client.post("/v1/corpora", data={"name": corpus}, files=file)
    return str(service.client.post("/v1/analyses", json={"corpus": corpus}).json()["id"])


def _extract(service: Running, analysis: str) -> str:
    """The number of the job that extracts the analysis's rules."""
    service.finish(analysis)
    body = {"filters": "all", "share": 1, "support": 1, "fidelity": 0}
    return str(service.client.post(f"/v1/analyses/{analysis}/rules", json=body).json()["id"])
