"""Do the words that conductance names matter more than those that others name? (ERASER)"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from textcond.attribution.conductance import conductances
from textcond.attribution.measures import integrated_gradients
from textcond.model.model import Model
from textcond.studies.claims import Finding, Outcome, Picture, Table, verdict_of
from textcond.studies.data_sources import Sources, outputs_of
from textcond.studies.methods.word_faithfulness import (
    SHARES,
    Faithfulness,
    measure_faithfulness,
    polarity_probability,
)
from textcond.studies.plots import draw_curves, panels

TITLE = "Erasing the words that a method names: comprehensiveness, sufficiency, AOPC"
SOURCE = "DeYoung et al. 2020, ERASER; the papers here do not try it"
SENTENCES = 500
Importances = list[Float[np.ndarray, " _tokens"]]


def run(sources: Sources) -> Outcome:
    """All methods on the same sentences, towards the predicted polarity."""
    model, rows = sources.model, sources.polar()
    drawn = np.sort(sources.generator.choice(len(rows), min(SENTENCES, len(rows)), replace=False))
    texts = [list(rows[int(row)]["tokens"]) for row in drawn]
    ids = model.encode_all(texts)
    positive = polarity_probability(model, ids, np.zeros(len(ids), np.int64)) > 0.5
    outputs = np.where(positive, 0, 1)
    signs = 1.0 - 2.0 * outputs
    generator = sources.generator
    ours_by_token, gradients = _conductance(model, texts), _integrated_gradients(model, texts)
    farthest = max(
        float(np.abs(one - other).max())
        for one, other in zip(ours_by_token, gradients, strict=True)
    )
    methods: dict[str, Callable[[], Importances]] = {
        "conductance": lambda: _signed(ours_by_token, signs),
        "integrated gradients": lambda: _signed(gradients, signs),
        "gradient × input": lambda: _signed(_gradient_times_input(model, ids), signs),
        "occlusion": lambda: _occlusion(model, ids, outputs),
        "random": lambda: [generator.random(len(row)) for row in ids],
    }
    found = {
        name: measure_faithfulness(model, ids, method(), outputs)
        for name, method in sources.tell("erasing", methods.items(), len(methods))
    }
    right = float((outputs_of(rows)[drawn] == outputs).mean())
    ours = found["conductance"]
    return Outcome(
        data=f"{len(texts)} polar sentences drawn from {sources.sentences} test, {right:.1%} of "
        "which the model calls right",
        findings=[
            Finding(
                "How comprehensive and sufficient conductance's words are, beside those of "
                "gradient × input and of chance",
                "not tried",
                f"comprehensiveness {ours.comprehensiveness_aopc:.3f} against "
                f"{found['gradient × input'].comprehensiveness_aopc:.3f} and "
                f"{found['random'].comprehensiveness_aopc:.3f}; sufficiency (lower is better) "
                f"{ours.sufficiency_aopc:.3f} against "
                f"{found['gradient × input'].sufficiency_aopc:.3f} and "
                f"{found['random'].sufficiency_aopc:.3f}",
                "no figure to meet",
                _on_rivals(found),
            ),
            Finding(
                "A token's conductance over all filters is its integrated gradient",
                "C19 eq. 2 and 3, by definition",
                f"they differ by {farthest:.0e} at most, in logits",
                verdict_of(farthest < 1e-9, False),
            ),
        ],
        figures={
            name: {
                "comprehensiveness": list(one.comprehensiveness),
                "sufficiency": list(one.sufficiency),
                "comprehensiveness_aopc": one.comprehensiveness_aopc,
                "sufficiency_aopc": one.sufficiency_aopc,
            }
            for name, one in found.items()
        },
        tables=[_table(found)],
        notes=[
            "Words are deleted, and the rest closes up. Occlusion asks the very question that "
            "comprehensiveness asks of one word, so it is the mark to come near, at one forward "
            "pass a word."
        ],
        pictures={"faithfulness": _picture(found)},
    )


def _on_rivals(found: Mapping[str, Faithfulness]) -> str:
    """Which of the two are worse on both counts."""
    ours = found["conductance"]
    worse = [
        name
        for name in ("gradient × input", "random")
        if ours.comprehensiveness_aopc > found[name].comprehensiveness_aopc
        and ours.sufficiency_aopc < found[name].sufficiency_aopc
    ]
    if len(worse) == 2:
        return "Better than both on both counts."
    return f"Better on both counts than {worse[0]} alone." if worse else "Better than neither."


def _signed(values: Importances, signs: Float[np.ndarray, " texts"]) -> Importances:
    return [one * sign for one, sign in zip(values, signs, strict=True)]


def _conductance(model: Model, texts: Sequence[list[str]]) -> Importances:
    return [one.by_token.numpy() for one in conductances(model, texts)]


def _integrated_gradients(model: Model, texts: Sequence[list[str]]) -> Importances:
    return [integrated_gradients(model, text).sum(dim=1).numpy() for text in texts]


def _gradient_times_input(model: Model, rows: Sequence[list[int]]) -> Importances:
    found = []
    for row in rows:
        embedded = model.network.embedding(torch.tensor([row])).detach().requires_grad_()
        pooled = model.network.pool(embedded, torch.tensor([len(row)]))
        logits = model.network.classify(pooled)[0]
        (gradient,) = torch.autograd.grad(model.outputs.margin(logits), embedded)
        found.append((gradient * embedded).sum(dim=2)[0].detach().numpy())
    return found


def _occlusion(
    model: Model, rows: Sequence[list[int]], outputs: Int[np.ndarray, " texts"]
) -> Importances:
    """How far the probability falls without each word."""
    whole = polarity_probability(model, rows, outputs)
    shorter = [row[:place] + row[place + 1 :] for row in rows for place in range(len(row))]
    lengths = np.array([len(row) for row in rows])
    left = polarity_probability(model, shorter, np.repeat(outputs, lengths))
    return np.split(np.repeat(whole, lengths) - left, lengths.cumsum()[:-1])


def _table(found: Mapping[str, Faithfulness]) -> Table:
    shares = [f"{share:.0%}" for share in SHARES]
    rows = [
        (
            name,
            f"{one.comprehensiveness_aopc:.3f}",
            *(f"{value:.3f}" for value in one.comprehensiveness),
            f"{one.sufficiency_aopc:.3f}",
            *(f"{value:.3f}" for value in one.sufficiency),
        )
        for name, one in found.items()
    ]
    head = (
        "",
        "comprehensiveness AOPC",
        *shares,
        "sufficiency AOPC",
        *shares,
    )
    return Table("Falls of the predicted polarity's probability.", head, rows)


def _picture(found: Mapping[str, Faithfulness]) -> Picture:
    figure, axes = panels(2)
    shares = [100 * share for share in SHARES]
    for ax, kind in zip(axes, ("comprehensiveness", "sufficiency"), strict=True):
        dashed = {"integrated gradients": "integrated gradients*"}
        curves = {
            dashed.get(name, name): (shares, getattr(one, kind)) for name, one in found.items()
        }
        draw_curves(ax, curves, x="percent of the words", y=f"{kind}: fall", markers=True)
    axes[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return Picture(
        figure,
        "Left, higher is better: the fall when the named words are deleted. Right, lower is "
        "better: the fall when only they are left. The dashed line covers conductance's.",
    )
