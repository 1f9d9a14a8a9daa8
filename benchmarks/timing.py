"""Honest timings: ways in turn, medians, whole commands, the memory of a process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

TURNS = 7
_LEAST = 0.1
"""Seconds of one turn: a short way is repeated, which gets it over what the way before it left."""
Figures = dict[str, Any]


def alternate(ways: Mapping[str, Callable[[], object]], *, turns: int = TURNS) -> dict[str, float]:
    """Median seconds of each, one turn of each after another, after a warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(turns):
        for name, way in ways.items():
            started, calls = time.perf_counter(), 0
            while (seconds := time.perf_counter() - started) < _LEAST:
                way()
                calls += 1
            taken[name].append(seconds / calls)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def median_seconds(way: Callable[[], object], *, turns: int = TURNS) -> float:
    """Of one way alone, after a warm-up."""
    return alternate({"": way}, turns=turns)[""]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads of torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def command_seconds(*command: str, turns: int = 3) -> float:
    """Median seconds of a whole command."""
    return median_seconds(
        lambda: subprocess.run(command, check=True, capture_output=True), turns=turns
    )


def in_process(module: str, *arguments: str) -> Any:
    """What a module of this folder, run in a process of its own, prints as JSON."""
    run = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(run.stdout.splitlines()[-1])
