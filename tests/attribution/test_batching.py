"""Batches of texts, in threads and in turn."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, get_ident

import pytest
import torch

from textcond.attribution.batching import in_batches


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 16, 17, 100, 1_000])
def test_every_text_once_and_in_order(
    threads: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    rows = [[row] for row in range(count)]
    seen: list[int] = []
    for batch, some in in_batches(rows, 64, list):
        assert [rows[row] for row in batch] == some
        assert 1 <= len(batch) <= 64
        seen += batch
    assert seen == list(range(count))


def test_a_batch_of_long_texts_holds_fewer() -> None:
    rows = [[0] * length for length in (20_000, 12_768, 1, 40_000, 1)]
    assert [list(batch) for batch, _ in in_batches(rows, 64, len)] == [[0, 1], [2], [3], [4]]


def test_two_batches_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    started = [Event(), Event()]

    def work(rows: Sequence[list[int]]) -> int:
        mine = rows[0][0] // 16
        started[mine].set()
        assert started[1 - mine].wait(60), "the other batch waits for this one"
        return get_ident()

    first, second = (thread for _, thread in in_batches([[row] for row in range(32)], 64, work))
    assert first != second


def test_what_a_thread_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)

    def work(rows: Sequence[list[int]]) -> None:
        if rows[0] == [64]:
            raise MemoryError(len(rows))

    with pytest.raises(MemoryError, match="64"):
        list(in_batches([[row] for row in range(640)], 64, work))
