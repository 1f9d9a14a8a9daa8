"""The closed form against rational numbers, and probabilities against many digits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

import textcond
from tests.conftest import random_model
from tests.exact import (
    dot,
    fractions,
    integrate_exactly,
    of_logits,
    of_sigmoids,
    strengths_of,
)
from textcond.attribution.closed_form.compiled_paths import sigmoid_slope, softmax_slope
from textcond.attribution.closed_form.path_integrals import Head, integrate
from textcond.attribution.closed_form.winning_windows import winning_windows, words_of
from textcond.attribution.conductance import conductance, filter_conductance
from textcond.attribution.quantity import Quantity
from textcond.model.network import Shape, TextCNN

WHOLE = st.integers(-9, 9)


@dataclass(frozen=True, slots=True)
class Pruned:
    """A network of few filters and hidden units, whose weights are few whole numbers and zeros."""

    sizes: dict[str, Any]
    weights: list[int]
    hidden_biases: bool
    mirrored: bool
    """Whether one filter undoes another."""
    ids: list[int]

    @torch.no_grad()
    def network(self) -> TextCNN:
        network = TextCNN(Shape(**self.sizes)).eval()
        left = torch.tensor(self.weights)
        for weight in network.parameters():
            weight.copy_(left[: weight.numel()].view_as(weight))
            left = left[weight.numel() :]
        if not self.hidden_biases:
            network.hidden.bias.zero_()
        if self.mirrored:
            for weight in network.convolutions[0].parameters():
                weight[-1] = weight[0]
            last = network.shape.filters_per_width - 1
            network.hidden.weight[:, last] = -network.hidden.weight[:, 0]
        network.embedding.weight[:2] = 0
        return network


@st.composite
def pruned_networks(draw: st.DrawFn) -> Pruned:
    outputs, dimensions, hidden = (draw(st.integers(1, most)) for most in (2, 2, 3))
    widths = draw(st.sampled_from([(1,), (2,), (1, 2)]))
    size = draw(st.integers(1, 4 // len(widths)))
    sizes = {"words": 6, "outputs": outputs, "dimensions": dimensions, "widths": widths}
    sizes |= {"filters_per_width": size, "hidden": hidden}
    filters = size * len(widths)
    count = 6 * dimensions + size * (dimensions * sum(widths) + len(widths))
    count += hidden * (filters + 1) + outputs * (hidden + 1)
    weights = st.lists(st.one_of(st.just(0), WHOLE), min_size=count, max_size=count)
    ids = st.lists(st.integers(2, 5), min_size=1, max_size=3)
    return Pruned(sizes, draw(weights), draw(st.booleans()), draw(st.booleans()), draw(ids))


READINGS = {"logit": of_logits, "probability": of_sigmoids}


@torch.no_grad()
def assert_exact(network: TextCNN, ids: list[int], *, output: str, within: float) -> None:
    """Against the rational numbers, of our own strengths."""
    weights = [1.0, -1.0][: network.shape.outputs]
    quantity = Quantity("any", "logit" if output == "logit" else "probability", (*weights,), False)
    strengths = winning_windows(network, words_of([ids]), torch.float64).strengths
    found = integrate(Head.of(network, torch.float64), strengths, quantity)
    expected = integrate_exactly(network, fractions(strengths[0]), READINGS[output](weights))
    assert abs(sum(expected.conductance) - expected.rise) < Fraction(1, 10**40)
    size = 1 + max(map(abs, expected.influence))
    for ours, exact in ((found.flow[0], expected.flow), (found.influence[0], expected.influence)):
        for value, truth in zip(fractions(ours), exact, strict=True):
            assert abs(value - truth) <= Fraction(within) * size


def assert_pruned_exact(case: Pruned) -> None:
    network = case.network()
    with torch.no_grad():
        found = winning_windows(network, words_of([case.ids]), torch.float64).strengths[0]
    assert fractions(found) == strengths_of(network, case.ids)
    for output in READINGS:
        assert_exact(network, case.ids, output=output, within=1e-13)


@given(pruned_networks())
@settings(max_examples=200)
def test_pruned_networks(case: Pruned) -> None:
    assert_pruned_exact(case)


@pytest.mark.thorough
@given(pruned_networks())
@settings(max_examples=5_000)
def test_many_pruned_networks(case: Pruned) -> None:
    assert_pruned_exact(case)


def double(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def one_word(
    kernels: list[float], biases: list[float], hidden: list[list[float]], hidden_bias: list[float]
) -> TextCNN:
    """The one word embeds to 1, so the kernels are the strengths; the units add up to a logit."""
    shape = Shape(3, 1, 1, (1,), len(kernels), len(hidden))
    network = TextCNN(shape).double().eval()
    with torch.no_grad():
        network.embedding.weight[:] = torch.tensor([[0.0], [0.0], [1.0]])
        network.convolutions[0].weight[:] = double(kernels)[:, None, None]
        network.convolutions[0].bias[:] = double(biases)
        network.hidden.weight[:] = double(hidden)
        network.hidden.bias[:] = double(hidden_bias)
        network.output.weight.fill_(1)
        network.output.bias.zero_()
    return network


@pytest.mark.parametrize(
    ("kernels", "biases", "hidden", "influence"),
    [
        ([-5.0], [3.0], [[1.0]], [0.6]),
        ([-7.0], [3.0], [[1.0]], [3 / 7]),
        ([-9.0, -9.0], [7.0, 5.0], [[1.0, 1.0]], [7 / 9, 7 / 9]),
        # Both on, one undoes the other: the unit is 0 wherever they are.
        ([0.3, 0.3], [0.1, 0.1], [[1.0, -1.0]], [0.0, 0.0]),
        # ... after a third one has left 0.1 + 0.3 - 0.3 of rounding.
        ([-0.7, 0.3, 0.3], [0.1, 0.1, 0.1], [[1.0, 1.0, -1.0]], [1 / 7, 1 / 7, -1 / 7]),
        # Nearly zero is not zero.
        ([-5.0, 0.0], [3.0, 1e-300], [[1.0, 1.0]], [1.0, 1.0]),
    ],
)
def test_a_unit_that_stays_at_zero(
    kernels: list[float], biases: list[float], hidden: list[list[float]], influence: list[float]
) -> None:
    network = one_word(kernels, biases, hidden, [0.0])
    with torch.no_grad():
        quantity = Quantity("any", "logit", (1.0,), softmax=False)
        found = integrate(Head.of(network, torch.float64), double([kernels]), quantity)
    torch.testing.assert_close(found.influence[0], double(influence), rtol=1e-14, atol=0)
    for output in READINGS:
        assert_exact(network, [2], output=output, within=1e-14)


def test_a_filter_that_comes_late_while_its_unit_dies() -> None:
    """The filter switches on at 0.9 and turns its unit off a billionth later."""
    network = one_word([10.0], [-9.0], [[-1e9]], [1.0])
    with torch.no_grad():
        quantity = Quantity("any", "logit", (1.0,), softmax=False)
        found = integrate(Head.of(network, torch.float64), double([[10.0]]), quantity)
    expected = integrate_exactly(network, [Fraction(10)], of_logits([1.0]))
    assert float(found.flow[0, 0]) == pytest.approx(float(expected.flow[0]), rel=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_weights_that_are_no_whole_numbers(seed: int) -> None:
    """Half of the weights above the filters are pruned, and two filters are alike."""
    model = random_model(seed)
    network = model.network
    with torch.no_grad():
        network.hidden.bias.zero_()
        network.hidden.weight[:, ::2] = 0
        network.hidden.weight[0, 2:] = 0
        for part in (network.convolutions[0].weight, network.convolutions[0].bias):
            part[1] = part[0]
        network.hidden.weight[0, :2] = torch.tensor([0.7, -0.7])
    for output in READINGS:
        assert_exact(network, [2, 9, 17], output=output, within=1e-11)


# Probabilities


def slope_of(start: list[float], end: list[float], weights: list[float]) -> np.ndarray:
    found = np.empty(len(start))
    softmax_slope(*(np.array(part, float) for part in (start, end, weights)), found)
    return found


def many_digits(start: list[float], end: list[float], weights: list[float]) -> np.ndarray:
    """∫ of p_i Σ_j p_j (w_i - w_j) by mpmath, cut where two outputs cross and about it."""
    with mpmath.workdps(30):
        lines = [(mpmath.mpf(a), mpmath.mpf(b) - a) for a, b in zip(start, end, strict=True)]
        cuts = {mpmath.mpf(0), mpmath.mpf(1)}
        for (a, rise), (b, other) in permutations(lines, 2):
            if rise != other:
                width = 1 / abs(rise - other)
                crossing = (b - a) / (rise - other)
                cuts |= {crossing + width * by for by in (-90, -40, -15, -5, 0, 5, 15, 40, 90)}
                cuts |= {at for by in (5, 15, 40, 90) for at in (width * by, 1 - width * by)}
        inside = sorted(cut for cut in cuts if 0 <= cut <= 1)

        def gradient(place: int, at: Any) -> Any:
            logits = [a + at * rise for a, rise in lines]
            top = max(logits)
            powers = [mpmath.exp(logit - top) for logit in logits]
            against = sum(p * (weights[place] - w) for p, w in zip(powers, weights, strict=True))
            return powers[place] * against / sum(powers) ** 2

        # mpmath stops at an absolute error.
        scale = max(abs(gradient(place, cut)) for place in range(len(lines)) for cut in inside)
        return np.array(
            [
                float(mpmath.quad(lambda at, i=place: gradient(i, at) / scale, inside) * scale)
                for place in range(len(lines))
            ]
        )


@pytest.mark.parametrize(
    ("start", "end", "weights"),
    [
        ([0, 0, 0], [0.01, 0, -0.03], [1, 0, 0]),
        ([1, 0, -1, 0.5], [0.3, 0.4, 0.1, -0.2], [1, -1, 0, 0]),
        ([5, -3, 2], [-4, 6, 1], [0, 1, 0]),
        ([50, 0, -20], [60, 1, -20], [1, 0, 0]),  # one output has all but e^-50
        ([0, 50, -20], [1, 45, -20], [1, 0, 0]),
        ([0, 300, 299], [1, 310, 311], [1, 0, 0]),
        ([0, 30, 60], [60, 30, 0], [0, 1, 0]),
        ([0, 3_000, 6_001], [6_000, 3_000, 0], [0, 1, -1]),
        ([-2e5, 1, 0], [1e5, 0, 0.5], [1, 0, -1]),
        ([0, 1e8], [1e8, 0], [1, 0]),
        ([0, -1e8, 2], [1, 1e8, 0], [1, -1, 0]),
    ],
)
def test_a_softmax_along_a_line(start: list[float], end: list[float], weights: list[float]) -> None:
    found, expected = slope_of(start, end, weights), many_digits(start, end, weights)
    # The greatest of an integral's digits are kept, however small the integral is.
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
    kept = np.abs(expected) > 1e-3 * np.abs(expected).max()
    assert np.abs(found / np.where(kept, expected, 1) - 1)[kept].max() <= 1e-11


@pytest.mark.parametrize("size", [1e8, 1e12, 1e100, 1e300])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_softmax_however_steep(size: float, count: int) -> None:
    """Its mean gradient times the steps is the rise; sizes of 1e12 leave 1e-4 of a logit."""
    rng = np.random.default_rng(count)
    weights = [1.0] + [0.0] * (count - 1)
    for _ in range(20):
        start, end = rng.normal(size=(2, count)) * size
        gradient = slope_of(start, end, weights)
        rise = float(end.argmax() == 0) - float(start.argmax() == 0)
        assert np.isfinite(gradient).all()
        assert float((gradient * (end - start)).sum()) == pytest.approx(rise, abs=1e-3)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (1, -2), (40, 41), (-800, -30), (-1e12, 3), (50, 1e300), (-3, -3.5)]
)
def test_a_sigmoid_along_a_line(start: float, end: float) -> None:
    with mpmath.workdps(50):
        one, other = (1 / (1 + mpmath.exp(-mpmath.mpf(value))) for value in (start, end))
        if start == end:
            expected = one * (1 - one)
        else:
            expected = (other - one) / (mpmath.mpf(end) - mpmath.mpf(start))
    assert sigmoid_slope(float(start), float(end)) == pytest.approx(float(expected), rel=1e-13)


@pytest.mark.parametrize("softmax", [True, False])
def test_a_gradient_in_saturation(softmax: bool) -> None:
    """Where one output has nearly all of the probability, its gradient is what the others have."""
    logits = torch.tensor([60.0, 0.0, -1.0], dtype=torch.float64)
    found = Quantity("a", "probability", (1.0, 0.0, 0.0), softmax).gradient(logits)
    small = np.exp([-60.0, -61.0])
    expected = [small.sum(), *-small] if softmax else [small[0], 0, 0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_batch_changes_no_bit(classes: int, dtype: torch.dtype) -> None:
    model = random_model(5, classes=classes)
    texts = [[f"w{(7 * row + place) % 30}" for place in range(row % 9 + 1)] for row in range(37)]
    for output in ("logit", "probability"):
        options: dict[str, Any] = {
            "target": model.outputs.names[0],
            "output": output,
            "dtype": dtype,
        }
        many = filter_conductance(model, texts, **options)
        for row, text in enumerate(texts):
            one = filter_conductance(model, [text], **options)
            assert torch.equal(one.values[0], many.values[row])
            torch.testing.assert_close(one.scores[0], many.scores[row], rtol=1e-15, atol=0)


@pytest.mark.parametrize("classes", [0, 3])
def test_integrals_of_float32_are_float64(classes: int) -> None:
    """What float32 keeps is the strengths of the filters; of these the integrals are exact."""
    for seed in range(10):
        model = random_model(seed, classes=classes)
        quantity = Quantity("any", "probability", (1.0, 0.0, 0.0)[: classes or 2], classes > 0)
        with torch.no_grad():
            words = words_of([[2, 5, 9, 11]])
            strengths = winning_windows(model.network, words, torch.float32).strengths
            single = integrate(Head.of(model.network, torch.float32), strengths, quantity)
            double = integrate(Head.of(model.network, torch.float64), strengths.double(), quantity)
        assert torch.equal(single.flow, double.flow.float())
        assert torch.equal(single.influence, double.influence.float())


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.int64, torch.complex64], ids=str
)
def test_refuses_other_types(dtype: torch.dtype) -> None:
    model = random_model(0)
    message = rf"`dtype` is {dtype}; it can be torch\.float32 or torch\.float64"
    for call in (
        lambda: conductance(model, "w1", dtype=dtype),
        lambda: filter_conductance(model, ["w1"], dtype=dtype),
        lambda: textcond.measure_filters(model, ["w1"], "activation", dtype=dtype),
        lambda: textcond.integrated_gradients(model, "w1", dtype=dtype),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_the_rational_numbers_know_the_paper_s_toy() -> None:
    """Saturation: y = 2x, z = min(y, 1) as 1 - max(1 - y, 0)."""
    network = one_word([2.0], [0.0], [[-1.0]], [1.0])
    exact = integrate_exactly(network, [Fraction(2)], of_logits([-1.0]))
    assert exact.conductance == [1]
    assert exact.rise == 1
    assert dot(exact.influence, [Fraction(2)]) == 1
