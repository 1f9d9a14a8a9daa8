"""Requests for explanations that come at the same time, answered together.

Explaining 32 short texts at once costs about as much as explaining six one by one. While one batch
is computed the next one gathers: a lone request waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio.to_thread import run_sync

from textcond.attribution.explanation import explain_all
from textcond.errors import TextError
from textcond.model.model import Model
from textcond_service.api.json_answers import dump

MOST_TEXTS = 32
MOST_CHARACTERS = 1_000
"""A longer text is computed by itself, so that it does not keep others waiting."""


@dataclass(frozen=True, slots=True)
class Question:
    """One text, and the form of its answer."""

    text: str
    target: str
    output: str
    top: int


_Waiting = tuple[Question, "asyncio.Future[bytes]"]
_Kind = tuple[str, str, str]
"""Hash of the model, target, output: what a batch has in common."""


@dataclass(slots=True)
class Batches:
    """Of one process; used from its event loop alone."""

    limiter: anyio.CapacityLimiter
    _waiting: dict[_Kind, list[_Waiting]] = field(default_factory=lambda: defaultdict(list))
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _busy: set[_Kind] = field(default_factory=set)

    async def explain(self, model: Model, question: Question) -> bytes:
        """The JSON of an explanation; raises what `explain` does."""
        if len(question.text) > MOST_CHARACTERS:
            (answer,) = await self._compute(model, [question])
            if isinstance(answer, Exception):
                raise answer
            return answer
        kind = (model.hash, question.target, question.output)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[kind].append((question, future))
        if kind not in self._busy:
            self._busy.add(kind)
            task = asyncio.create_task(self._work(kind, model))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await future

    async def _work(self, kind: _Kind, model: Model) -> None:
        """Batch after batch, until nobody waits."""
        try:
            while waiting := self._waiting[kind][:MOST_TEXTS]:
                del self._waiting[kind][:MOST_TEXTS]
                await self._answer(model, waiting)
        finally:
            self._busy.discard(kind)
            self._waiting.pop(kind, None)

    async def _answer(self, model: Model, waiting: Sequence[_Waiting]) -> None:
        questions = [question for question, _ in waiting]
        answers: Sequence[bytes | Exception]
        try:
            answers = await self._compute(model, questions)
        except Exception as error:  # each of them is told
            answers = [error] * len(waiting)
        for (_, future), answer in zip(waiting, answers, strict=True):
            if future.cancelled():  # whoever asked has gone
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def _compute(
        self, model: Model, questions: Sequence[Question]
    ) -> Sequence[bytes | Exception]:
        return await run_sync(partial(_answer_all, model, questions), limiter=self.limiter)


def _answer_all(model: Model, questions: Sequence[Question]) -> list[bytes | Exception]:
    """The answer to each question, or what is wrong with it; all are of one kind."""
    texts = [question.text for question in questions]
    target, output = questions[0].target, questions[0].output
    found = explain_all(model, texts, target=target, output=output, on_error="return")
    return [
        one if isinstance(one, TextError) else dump(one.to_dict(top=question.top))
        for one, question in zip(found, questions, strict=True)
    ]
