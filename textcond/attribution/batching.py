"""Many texts some at a time, and as many such batches at once as torch takes threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

_MOST_TOKENS = 32_768
"""Of one batch: some 50 MB of what its words give to every filter."""
_LEAST = 16
"""Texts for which another thread is worth its start."""
Result = TypeVar("Result")


def in_batches(
    rows: Sequence[list[int]], batch_size: int, work: Callable[[Sequence[list[int]]], Result]
) -> Iterator[tuple[range, Result]]:
    """`work` on texts as ids, in order, each result with the numbers of its texts.

    A batch holds `batch_size` texts, fewer if they are long, or few enough for every thread.
    """
    threads = torch.get_num_threads()
    size = min(batch_size, max(-(-len(rows) // threads), _LEAST))

    def done(batch: range) -> tuple[range, Result]:
        return batch, work(rows[batch.start : batch.stop])

    if threads == 1 or len(rows) <= size:
        yield from map(done, _batches(rows, size))
        return
    pool, waiting = _pool(threads, os.getpid()), deque[Future[tuple[range, Result]]]()
    try:
        for batch in _batches(rows, size):
            waiting.append(pool.submit(done, batch))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Kept, since a thread's start takes as long as its work; of this process, after a fork too."""
    return ThreadPoolExecutor(threads)


def _batches(rows: Sequence[list[int]], size: int) -> Iterator[range]:
    first = tokens = 0
    for row, ids in enumerate(rows):
        tokens += len(ids)
        if row - first == size or (tokens > _MOST_TOKENS and row > first):
            yield range(first, row)
            first, tokens = row, len(ids)
    if rows:
        yield range(first, len(rows))
