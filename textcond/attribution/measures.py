"""The measures that conductance is held against, and integrated gradients, in closed form.

A filter is read as its pooled output h_f, the one neuron through which it acts. Sources:
Dhamdhere et al. 2019, §4 (activation, gradient × activation, internal influence) and eq. 1
(integrated gradients); all from the zero-embedding baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from textcond.attribution.ablation import ablation_scores
from textcond.attribution.conductance import Trace, trace_path, trace_rows
from textcond.attribution.input_checks import (
    Text,
    check_is_model,
    check_ready,
    encode,
    encode_some,
    tokens_of,
)
from textcond.attribution.prediction import targets_of
from textcond.attribution.quantity import Quantity, quantity_of
from textcond.model.model import Model
from textcond.model.outputs import MARGIN


def measure_filters(
    model: Model,
    texts: Iterable[Any],
    measure: str,
    *,
    target: str = MARGIN,
    output: str = "logit",
    dtype: torch.dtype = torch.float64,
    batch_size: int = 256,
) -> Float[Tensor, "texts filters"]:
    """One measure of every filter for many texts.

    `measure` is conductance, activation, gradient_times_activation, internal_influence or
    ablation. Raises what `filter_conductance` does.
    """
    if measure not in _MEASURES:
        raise ValueError(f"`measure` is {measure!r}; it can be {', '.join(_MEASURES)}.")
    check_is_model(model)
    quantity = quantity_of(model, target, output)
    rows = encode_some(model, texts)
    traces = trace_rows(model.network, rows, quantity, dtype=dtype, batch_size=batch_size)
    with torch.no_grad():
        return torch.cat([_MEASURES[measure](trace, quantity) for _, trace in traces])


def integrated_gradients(
    model: Model,
    text: Text,
    *,
    target: str = MARGIN,
    output: str = "logit",
    dtype: torch.dtype = torch.float64,
) -> Float[Tensor, "tokens dimensions"]:
    """The integrated gradient of every dimension of every token's embedding.

    Summed over dimensions it is `Conductance.by_token`; here it is taken through the kernels
    and the embedding, not through the table of word scores.
    """
    check_is_model(model)
    quantity_of(model, target, output)
    tokens = tokens_of(model, text)
    row = encode(model, tokens)
    (wanted,) = targets_of(model, [row], target)
    quantity = quantity_of(model, wanted, output)
    network = check_ready(model, [row])
    trace = trace_path(network, [row], quantity, dtype)
    flow, starts = trace.integrals.flow[0], trace.windows.starts[0]
    with torch.no_grad():
        embedded: Tensor = network.embedding(torch.tensor(row)).to(dtype)  # (tokens, dimensions)
        gradients = torch.zeros_like(embedded)
        size = network.shape.filters_per_width
        for index, kernel in enumerate(network.kernels):
            filters = slice(index * size, (index + 1) * size)
            for position in range(kernel.shape[2]):
                places = starts[filters] + position
                inside = (places >= 0) & (places < len(tokens))
                pulls = flow[filters, None] * kernel[:, :, position].to(dtype)
                gradients.index_add_(0, places[inside], pulls[inside])
    return embedded * gradients


def _gradient_times_activation(trace: Trace, quantity: Quantity) -> Tensor:
    head, activation = trace.head, trace.pooled
    units = head.units(activation)
    rates = quantity.gradient(head.logits(units)) @ head.output_weight  # (batch, hidden)
    gradient: Tensor = (rates * (units > 0)) @ head.hidden_weight
    return activation * gradient


_MEASURES: dict[str, Callable[[Trace, Quantity], Tensor]] = {
    "conductance": lambda trace, quantity: trace.conductance,
    "activation": lambda trace, quantity: trace.pooled,
    "gradient_times_activation": _gradient_times_activation,
    "internal_influence": lambda trace, quantity: trace.integrals.influence,
    "ablation": lambda trace, quantity: ablation_scores(trace.head, trace.pooled, quantity),
}
