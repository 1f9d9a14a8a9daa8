"""Whole corpora: sentences a second and memory by size, and on Dask's workers.

`python -m benchmarks.corpora FILE [WORKERS]` analyzes one file and prints its figures as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import textcond
from benchmarks.attribution import sample
from benchmarks.timing import Figures, in_process
from textcond.analysis.store.corpus import CorpusConductance
from textcond.analysis.store.shards import one_by_one
from textcond.corpora.user_files import stream_file

SIZES = (10_240, 102_400, 1_024_000)
OF_DASK = 102_400


def by_size(texts: list[list[str]]) -> Figures:
    """(e) Sentences of the treebank, drawn with repetition, read from a file."""
    return {f"{size:,} sentences": _analyzed(texts, size) for size in SIZES}


def on_dask(texts: list[list[str]]) -> Figures:
    """(g) The same here, and on workers of one thread each."""
    figures = {
        "here": _analyzed(texts, OF_DASK),
        "1 worker": _analyzed(texts, OF_DASK, workers=1),
        "2 workers": _analyzed(texts, OF_DASK, workers=2),
    }
    rates = {name: found["sentences a second"] for name, found in figures.items()}
    return {**figures, "2 workers to 1": rates["2 workers"] / rates["1 worker"]}


def _analyzed(texts: list[list[str]], size: int, *, workers: int = 0) -> Figures:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        with path.open("w") as file:
            for tokens in sample(texts, size):
                file.write(json.dumps({"text": " ".join(tokens)}) + "\n")
        return dict(in_process("corpora", str(path), str(workers)))


def main(path: Path, workers: int) -> None:
    model = textcond.load("sst")
    with TemporaryDirectory() as folder:
        dataset = stream_file(path)
        out = Path(folder) / "analysis"
        if workers:
            from textcond.cluster import workers_of

            with workers_of(workers=workers) as (runner, _):
                # The first run is the workers' imports.
                few = stream_file(path).take(4_096)
                CorpusConductance.compute(model, few, Path(folder) / "few", runner=runner)
                started = time.perf_counter()
                analysis = CorpusConductance.compute(model, dataset, out, runner=runner)
                seconds = time.perf_counter() - started
        else:
            few = stream_file(path).take(256)
            CorpusConductance.compute(model, few, Path(folder) / "few")
            started = time.perf_counter()
            analysis = CorpusConductance.compute(model, dataset, out, runner=one_by_one)
            seconds = time.perf_counter() - started
        figures = {
            "sentences": len(analysis),
            "sentences a second": len(analysis) / seconds,
            "peak MB": _peak(),
        }
    print(json.dumps(figures))


def _peak() -> float:
    """Resident, in MB; `getrusage` would tell of the process that started this one as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1_000


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
