"""The training loop: Adam on batches of like length, stopped early on the dev part.

First comes pretraining, if there is a corpus for it; then the weights' average is trained on.
Every epoch ends with a checkpoint from which a killed run goes on to the very same model:
what is random in an epoch depends only on the seed and the epoch's number.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from textcond.disk import write_whole
from textcond.errors import TrainingError
from textcond.model.network import Shape, TextCNN, has_finite_weights
from textcond.model.outputs import SENTIMENT, Outputs
from textcond.model.training.augmentation import Substitution
from textcond.model.training.batches import Examples, predict_logits
from textcond.model.training.evaluation import accuracy_of, is_polar
from textcond.model.training.loss import class_weights, loss_of
from textcond.model.training.recipe import STANDARD, Recipe, Sizes
from textcond.text.vocabulary import PADDING_ID, UNKNOWN_ID, Vocabulary, WordVectors

History = list[dict[str, Any]]
"""Of each epoch: its number from 1, its stage, its loss, and the dev accuracy after it."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a network learns from, and the dev part that its epoch is chosen by."""

    train: Examples
    dev: Examples
    pretraining: Examples | None = None
    substitution: Substitution | None = None
    outputs: Outputs = SENTIMENT
    """What the targets are of."""

    def of_epoch(self, pretrains: bool, generator: np.random.Generator) -> Examples:
        if pretrains and self.pretraining is not None:
            return self.pretraining
        if self.substitution is None:
            return self.train
        return self.train + self.substitution.draw(len(self.train), generator)

    def size(self, pretrains: bool) -> int:
        """Texts of an epoch."""
        if pretrains and self.pretraining is not None:
            return len(self.pretraining)
        new = 0 if self.substitution is None else self.substitution.size(len(self.train))
        return len(self.train) + new


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training run stands, reported after every batch and at the end of every epoch."""

    stage: str
    """`pretraining` or `training`."""
    epoch: int
    epochs: int
    """Of both stages."""
    batches_done: int
    """Of the whole run."""
    batches: int
    loss: float
    """Mean of the epoch so far, in nats."""
    dev_accuracy: float | None
    """Of the last finished epoch."""
    seconds_left: float
    """If no epoch is saved by stopping early."""
    ends_epoch: bool = False
    """Whether the epoch is over: measured, and kept if the run is."""


@dataclass(slots=True)
class _Run:
    """Everything that changes while training."""

    network: TextCNN
    average: TextCNN
    optimizer: torch.optim.Optimizer
    pretraining_epochs: int
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    history: History = field(default_factory=list)
    steps: int = 0
    """Of the stage so far."""

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "history": self.history,
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best, self.history, self.steps = state["best"], state["history"], state["steps"]

    @property
    def pretrains(self) -> bool:
        """Whether the next epoch is one of pretraining."""
        return len(self.history) < self.pretraining_epochs

    @property
    def best_epoch(self) -> int:
        """The training epoch of the best dev accuracy, the first one of equals."""
        trained = self.history[self.pretraining_epochs :]
        best = int(np.argmax([epoch["dev_accuracy"] for epoch in trained]))
        return self.pretraining_epochs + 1 + best

    def finished(self, recipe: Recipe) -> bool:
        done = len(self.history)
        if done <= self.pretraining_epochs:
            return False
        last = self.pretraining_epochs + recipe.epochs
        return done >= last or done - self.best_epoch >= recipe.patience


def train(
    data: TrainingData,
    vocabulary: Vocabulary,
    vectors: WordVectors,
    recipe: Recipe,
    *,
    sizes: Sizes = STANDARD,
    checkpoint: Path | None = None,
    resume: bool = True,
    start: dict[str, Any] | None = None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> tuple[TextCNN, History]:
    """The network of the best epoch, in evaluation mode, and each epoch's figures.

    With `checkpoint` the run is saved to that file after every epoch, and goes on from it if
    it is there and `resume` is said. `start` is the `run` of another one's checkpoint, to share its
    pretraining. The same arguments give the same bits on one machine.

    Raises `TrainingError` if the checkpoint belongs to another run, the dev part has no polar
    text, or the loss or a weight is not finite.
    """
    if data.outputs.are_polarity and not is_polar(data.dev.targets).any():
        raise TrainingError("The dev part has no positive or negative text to choose the epoch by.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = initial_network(vocabulary, vectors, data.train.targets.shape[1], recipe, sizes)
        pretraining_epochs = 0 if data.pretraining is None else recipe.pretraining_epochs
        optimizer = _optimizer(network, recipe)
        run = _Run(network, copy.deepcopy(network), optimizer, pretraining_epochs)
        if start is not None:
            run.restore(start)
        if checkpoint is not None:
            identity = _identity(data, network, vocabulary, recipe)
            if resume:
                _restore(run, checkpoint, identity)
            else:
                checkpoint.unlink(missing_ok=True)
        while not run.finished(recipe):
            if run.history and len(run.history) == run.pretraining_epochs:
                run.network.load_state_dict(run.average.state_dict())
                run.optimizer, run.steps = _optimizer(run.network, recipe), 0
            last = _epoch(run, data, recipe, watch)
            _measure(run, data)
            if checkpoint is not None:
                _save(checkpoint, {"identity": identity, "run": run.state()})
            dev_accuracy = run.history[-1]["dev_accuracy"]
            watch(replace(last, dev_accuracy=dev_accuracy, ends_epoch=True))
    run.average.load_state_dict(run.best)
    return run.average.eval(), run.history


def _optimizer(network: TextCNN, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)


def initial_network(
    vocabulary: Vocabulary,
    vectors: WordVectors,
    outputs: int,
    recipe: Recipe,
    sizes: Sizes = STANDARD,
) -> TextCNN:
    """Random weights above pretrained vectors; a word that has no vector gets a random one."""
    rows, places = vectors.rows(vocabulary.words)
    dimensions = sizes.dimensions or rows.shape[1]
    if rows.shape[1] != dimensions:
        raise TrainingError(
            f"The vectors have {rows.shape[1]} dimensions, but `dimensions` is {dimensions}; leave "
            "it out, or give other vectors."
        )
    shape = Shape(
        words=len(vocabulary),
        outputs=outputs,
        dimensions=dimensions,
        widths=sizes.widths,
        filters_per_width=sizes.filters,
        hidden=sizes.hidden,
    )
    network = TextCNN(shape, dropout=recipe.dropout)
    with torch.no_grad():
        weight = network.embedding.weight
        weight.uniform_(-0.25, 0.25)  # the range of Kim 2014, §3.1
        weight[torch.tensor(places, dtype=torch.int64) + UNKNOWN_ID + 1] = rows
        # An unknown word says nothing: its vector is the baseline.
        weight[[PADDING_ID, UNKNOWN_ID]] = 0
    return network


def _epoch(
    run: _Run, data: TrainingData, recipe: Recipe, watch: Callable[[Progress], None]
) -> Progress:
    """Where the run stands after the epoch's last batch."""
    epoch, stage = len(run.history) + 1, "pretraining" if run.pretrains else "training"
    torch.manual_seed(recipe.seed * 1_000 + epoch)  # dropout
    generator = np.random.default_rng([recipe.seed, epoch])
    examples = data.of_epoch(run.pretrains, generator)
    before, batches, after = _batches(run, data, recipe)
    steps = batches * (run.pretraining_epochs if run.pretrains else recipe.epochs)
    weights = class_weights(examples.targets) if recipe.balance else None
    run.network.train()
    total, started = 0.0, time.monotonic()
    for done, (ids, lengths, targets) in enumerate(
        examples.shuffled(recipe.batch_size, generator), start=1
    ):
        logits = run.network(ids, lengths)
        loss = loss_of(logits, targets, softmax=data.outputs.softmax, weights=weights)
        for group in run.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 - run.steps / steps)
        run.optimizer.zero_grad()
        loss.backward()
        assert run.network.embedding.weight.grad is not None
        run.network.embedding.weight.grad[UNKNOWN_ID] = 0  # it stays the baseline
        run.optimizer.step()
        run.steps += 1
        _average(run, recipe)
        total += loss.item()
        seconds = (time.monotonic() - started) / done
        progress = Progress(
            stage=stage,
            epoch=epoch,
            epochs=run.pretraining_epochs + recipe.epochs,
            batches_done=before + done,
            batches=before + batches + after,
            loss=total / done,
            dev_accuracy=run.history[-1]["dev_accuracy"] if run.history else None,
            seconds_left=seconds * (batches + after - done),
        )
        watch(progress)
    if not np.isfinite(total) or not has_finite_weights(run.network):
        raise TrainingError(
            f"The loss or a weight of epoch {epoch} is not finite; lower `learning_rate` "
            f"({recipe.learning_rate}) and check the vectors."
        )
    run.history.append({"epoch": epoch, "stage": stage, "loss": total / batches})
    return progress


def _batches(run: _Run, data: TrainingData, recipe: Recipe) -> tuple[int, int, int]:
    """The run's batches before this epoch, in it, and after it."""
    sizes = [data.size(True)] * run.pretraining_epochs + [data.size(False)] * recipe.epochs
    batches = [-(-size // recipe.batch_size) for size in sizes]
    done = len(run.history)
    return sum(batches[:done]), batches[done], sum(batches[done + 1 :])


def _average(run: _Run, recipe: Recipe) -> None:
    # Young averages forget faster, so that the random start does not linger.
    decay = min(recipe.averaging, (1 + run.steps) / (10 + run.steps))
    with torch.no_grad():
        weights, averages = run.network.parameters(), run.average.parameters()
        torch._foreach_lerp_(list(averages), list(weights), 1 - decay)


def _measure(run: _Run, data: TrainingData) -> None:
    logits = predict_logits(run.average, data.dev)
    accuracy = accuracy_of(logits, data.dev.targets, data.outputs)
    assert accuracy is not None  # `train` asks for polar dev texts
    run.history[-1]["dev_accuracy"] = accuracy
    if len(run.history) > run.pretraining_epochs and run.best_epoch == len(run.history):
        run.best = {name: tensor.clone() for name, tensor in run.average.state_dict().items()}


def _identity(data: TrainingData, network: TextCNN, vocabulary: Vocabulary, recipe: Recipe) -> str:
    """What must be the same for a checkpoint to go on."""
    digest = hashlib.sha256("\n".join(vocabulary.words).encode())
    digest.update(network.embedding.weight.detach().numpy().tobytes())  # the vectors
    digest.update(repr(network.shape).encode())
    for part in (data.train, data.dev, data.pretraining):
        if part is not None:
            digest.update(part.ids.tobytes() + part.starts.tobytes())
            digest.update(part.targets.numpy().tobytes())
    if data.substitution is not None:
        digest.update(data.substitution.content)
    # Another number of threads adds up in another order.
    machine = [torch.__version__, torch.get_num_threads()]
    return json.dumps([asdict(recipe), digest.hexdigest(), *machine])


def _restore(run: _Run, checkpoint: Path, identity: str) -> None:
    if not checkpoint.exists():
        return
    try:
        saved = torch.load(checkpoint, weights_only=True)
        known = saved["identity"]
        if known == identity:
            run.restore(saved["run"])
    except Exception as error:  # torch.load's errors have no common type
        raise TrainingError(
            f"{checkpoint} is damaged ({type(error).__name__}); remove it and train again."
        ) from error
    if known != identity:
        raise TrainingError(
            f"{checkpoint} belongs to a run with another recipe or other data, vectors, torch or "
            "threads; train anew with `--overwrite`, or repeat that run's options."
        )


def _save(path: Path, state: dict[str, Any]) -> None:
    # Not into the file: on a full disk torch.save raises no OSError that would say so.
    content = io.BytesIO()
    torch.save(state, content)
    write_whole(path, lambda at: at.write_bytes(content.getbuffer()))
