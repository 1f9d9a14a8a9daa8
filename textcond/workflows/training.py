"""Training a model, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from textcond.corpora.known_corpora import TRAINING_NAMES
from textcond.errors import TrainingError
from textcond.model.training.recipe import (
    STANDARD,
    VOCABULARY_SIZE,
    Recipe,
    Sizes,
    parse_widths,
)
from textcond.progress import Step, Watch, nobody
from textcond.workflows.options import Option, check_limits, fields_of

if TYPE_CHECKING:
    from textcond.model.model import Model
    from textcond.model.training.loop import Progress
    from textcond.workflows.places import Places

_RECIPE = Recipe()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """A corpus, a name for the model, and the recipe where it should differ."""

    name: Annotated[str, Option("Of the new model.", names="new model")]
    corpus: Annotated[
        str,
        Option(
            f"One of {', '.join(TRAINING_NAMES)}, or a csv, tsv or jsonl file with labels.",
            names="corpus",
            flag="--data",
        ),
    ] = "sst"
    pretrain: Annotated[
        str | None,
        Option("A corpus to pretrain on: imdb-sentences for film reviews.", names="corpus"),
    ] = None
    vocabulary_size: Annotated[
        int, Option("Words that the model knows, at most.", least=1, most=400_000)
    ] = VOCABULARY_SIZE
    dimensions: Annotated[
        int | None,
        Option(
            "Dimensions of the embedding; by default those of the vectors. Without vectors of this "
            "size words start from random ones.",
            least=1,
            most=1_000,
        ),
    ] = None
    widths: Annotated[
        tuple[int, ...],
        Option(
            "Widths of the filters, in words.",
            parse=parse_widths,
            shown=",".join(map(str, STANDARD.widths)),
        ),
    ] = STANDARD.widths
    filters: Annotated[int, Option("Number of filters of each width.", least=1, most=1_000)] = (
        STANDARD.filters
    )
    hidden: Annotated[int, Option("Number of units in the dense layer.", least=1, most=1_000)] = (
        STANDARD.hidden
    )
    pretraining_epochs: Annotated[
        int, Option("Epochs over the corpus to pretrain on.", least=0, most=100)
    ] = _RECIPE.pretraining_epochs
    epochs: Annotated[
        int | None,
        Option("Epochs at most; by default as many as the corpus needs.", least=1, most=1_000),
    ] = None
    patience: Annotated[
        int | None,
        Option(
            "Stop after so many epochs without a better dev accuracy; by default never.",
            least=1,
            most=1_000,
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        Option(
            "Texts in a batch; by default 32, or 128 for more than 50,000 texts.",
            least=1,
            most=4_096,
        ),
    ] = None
    learning_rate: Annotated[
        float | None,
        Option(
            "Learning rate of Adam, which falls to 0; by default 0.002, or 0.001 for more than "
            "50,000 texts.",
            above=0,
            most=10,
        ),
    ] = None
    dropout: Annotated[
        float, Option("Share of the filters that dropout leaves out.", least=0, below=1)
    ] = _RECIPE.dropout
    averaging: Annotated[
        float, Option("Decay of the moving average of the weights.", least=0, below=1)
    ] = _RECIPE.averaging
    softness: Annotated[
        float,
        Option("How far the targets of weaker labels are from 0 and 1.", least=0, below=0.5),
    ] = _RECIPE.softness
    substitutions: Annotated[
        float,
        Option("SST: new phrases made from its trees, for each of its own.", least=0, most=10),
    ] = _RECIPE.substitutions
    negations: Annotated[
        float, Option("SST: new negated phrases, for each of its own.", least=0, most=10)
    ] = _RECIPE.negations
    balance: Annotated[bool, Option("Give every class the same share of the loss.")] = (
        _RECIPE.balance
    )
    seed: Annotated[int, Option("Same seed, same model.", least=0, most=10**9)] = _RECIPE.seed

    def __post_init__(self) -> None:
        check_limits(self, TrainingError)
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON has a list
        _ = self.sizes  # refuses what it would refuse later

    @property
    def recipe(self) -> dict[str, Any]:
        """What is given of the recipe; the rest follows the corpus (`recipe.fitted`)."""
        names = [field.name for field in fields_of(Recipe)]
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.dimensions, self.widths, self.filters, self.hidden)


def train(
    request: TrainingRequest,
    places: Places,
    *,
    shelf: Path = Path("models"),
    dev: Path | None = None,
    test: Path | None = None,
    vectors: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    watch: Watch = nobody,
) -> Model:
    """Train, evaluate and save as `shelf/NAME`; raises what `build_model` does."""
    from textcond.model.training.building import build_model

    source = places.corpus(request.corpus)
    more = places.corpus(request.pretrain) if request.pretrain else None
    if source.layout.separator and request.balance:
        raise TrainingError("`balance` is for classes that exclude each other; leave it out.")
    titles = {source.data: request.corpus}
    if more is not None and request.pretrain is not None:
        titles[more.data] = request.pretrain
    return build_model(
        request.name,
        source.data,
        request.recipe,
        dev=dev,
        test=test,
        layout=source.layout,
        data_dir=source.data_dir or (None if more is None else more.data_dir),
        pretrain=None if more is None else more.data,
        vectors=vectors,
        vocabulary_size=request.vocabulary_size,
        sizes=request.sizes,
        shelf=shelf,
        resume=resume,
        overwrite=overwrite,
        titles={data: Path(title).name for data, title in titles.items()},
        watch=lambda progress: watch(_step(progress)),
    )


def _step(progress: Progress) -> Step:
    dev = "" if progress.dev_accuracy is None else f", dev {progress.dev_accuracy:.4f}"
    left = progress.batches - progress.batches_done
    return Step(
        f"{progress.stage}, epoch {progress.epoch} of {progress.epochs}",
        progress.batches_done,
        progress.batches,
        "batches",
        rate=left / progress.seconds_left if left and progress.seconds_left else None,
        seconds_left=progress.seconds_left,
        figures=f"loss {progress.loss:.4f}{dev}",
        is_milestone=progress.ends_epoch,
    )
