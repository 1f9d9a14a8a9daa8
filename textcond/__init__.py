"""Which filters of a convolutional text classifier, fed by which words, made its prediction.

model = textcond.load("sst")
textcond.explain(model, "this is not good").to_dict()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textcond.attribution.conductance import (
        Conductance as Conductance,
        FilterConductance as FilterConductance,
        conductance as conductance,
        filter_conductance as filter_conductance,
    )
    from textcond.attribution.explanation import (
        Explanation as Explanation,
        explain as explain,
        explain_all as explain_all,
        query_filters as query_filters,
    )
    from textcond.attribution.measures import (
        integrated_gradients as integrated_gradients,
        measure_filters as measure_filters,
    )
    from textcond.attribution.numerical.straight_path import StraightPath as StraightPath
    from textcond.attribution.prediction import Prediction as Prediction, predict as predict
    from textcond.errors import TextcondError as TextcondError
    from textcond.model.checkpoint import load as load
    from textcond.model.model import Model as Model
    from textcond.model.network import FromEmbedding as FromEmbedding

# Each is imported when it is first asked for: torch alone takes seconds.
_HOMES = {
    "Conductance": "textcond.attribution.conductance",
    "FilterConductance": "textcond.attribution.conductance",
    "conductance": "textcond.attribution.conductance",
    "filter_conductance": "textcond.attribution.conductance",
    "Explanation": "textcond.attribution.explanation",
    "explain": "textcond.attribution.explanation",
    "explain_all": "textcond.attribution.explanation",
    "query_filters": "textcond.attribution.explanation",
    "integrated_gradients": "textcond.attribution.measures",
    "measure_filters": "textcond.attribution.measures",
    "StraightPath": "textcond.attribution.numerical.straight_path",
    "Prediction": "textcond.attribution.prediction",
    "predict": "textcond.attribution.prediction",
    "TextcondError": "textcond.errors",
    "FromEmbedding": "textcond.model.network",
    "Model": "textcond.model.model",
    "load": "textcond.model.checkpoint",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'textcond' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
