"""`StraightPath` on the modules of its table of cases, beside Captum and a literal sum.

`python -m benchmarks.numerical` prints the table and writes it into `benchmarks/numerical.json`.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from captum.attr import IntegratedGradients, InternalInfluence, LayerConductance
from rich.console import Console
from rich.table import Table
from torch import Tensor

from tests.attribution.numerical.cases import Case, cases
from textcond.attribution.numerical.result import ConvergenceWarning
from textcond.errors import TextcondError

RESULTS = Path("benchmarks/numerical.json")
_STEPS = 500
"""Of Captum, whose own default is 50."""


def measured(case: Case) -> dict[str, Any]:
    """The errors as parts of the largest value, the seconds, and what was said of them."""
    row: dict[str, Any] = {"case": case.name, "measure": case.measure}
    try:
        wanted, known = case.truth(300 if case.input.numel() > 1_000 else 10_000)
    except RuntimeError as error:  # a layer that runs twice has no literal sum
        wanted, known = torch.zeros(1), float("nan")
        row["truth"] = str(error).splitlines()[0]
    size = max(float(wanted.abs().max()), 1e-300)
    row["known to"] = known / size
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = case.measured()
        except (TextcondError, ValueError) as error:
            row["said"] = f"refused: {error}"
        else:
            row |= {
                "error": _missed(result.values, wanted) / size,
                "estimate": result.error / size,
                "evaluations": result.evaluations,
            }
    row["seconds"] = time.perf_counter() - started
    told = [str(one.message) for one in caught if issubclass(one.category, ConvergenceWarning)]
    row.setdefault("said", "".join(f"warned: {one}" for one in told))
    row["captum"] = _captum(case, wanted, size)
    return row


def _captum(case: Case, wanted: Tensor, size: float) -> dict[str, Any]:
    def run(points: Tensor) -> Tensor:
        return case.score(case.module(points))

    methods: dict[str, Callable[[], Any]] = {
        "conductance": lambda: _on_layer(LayerConductance, case),
        "internal_influence": lambda: _on_layer(InternalInfluence, case),
        "integrated_gradients": lambda: IntegratedGradients(run),
    }
    started = time.perf_counter()
    baseline = case.options.get("baseline")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = methods[case.measure]().attribute(
                case.input.detach()[None],
                None if baseline is None else baseline[None],
                n_steps=_STEPS,
                internal_batch_size=256,
            )
        error: float | str = _missed(values[0], wanted) / size
    except Exception as failure:
        error = f"{type(failure).__name__}: {str(failure).splitlines()[0]}"
    return {"error": error, "seconds": time.perf_counter() - started}


def _on_layer(method: Any, case: Case) -> Any:
    return method(lambda points: case.score(case.module(points)), case.layer)


def _missed(found: Tensor, wanted: Tensor) -> float:
    found, wanted = found.detach().double().flatten(), wanted.double().flatten()
    return float((found - wanted).abs().max()) if found.shape == wanted.shape else float("nan")


def table_of(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None)
    for name in ("module", "error", "estimate", "known to", "evaluations", "s", "Captum", "s", ""):
        table.add_column(name)
    for row in rows:
        captum = row["captum"]
        table.add_row(
            *(row["case"], _shown(row.get("error")), _shown(row.get("estimate"))),
            *(_shown(row["known to"]), f"{row.get('evaluations', 0):,}", f"{row['seconds']:.2f}"),
            *(_shown(captum["error"]), f"{captum['seconds']:.2f}", row["said"].split(":")[0]),
        )
    return table


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return "fails"
    return "" if value is None else f"{value:.0e}"


def main() -> None:
    rows = [measured(case) for case in cases()]
    Console(width=140).print(table_of(rows))
    RESULTS.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
