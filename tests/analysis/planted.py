"""An analysis whose conductances are given, not computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tests.conftest import random_model
from textcond.analysis.corpus import CorpusConductance
from textcond.analysis.manifest import manifest_of, write_manifest
from textcond.analysis.shards import Shard, content_of, shard_path
from textcond.attribution.conductance import FilterConductance
from textcond.attribution.quantity import quantity_of


def analysis_of(folder: Path, values: np.ndarray) -> CorpusConductance:
    """One sentence a row of `values`, one filter a column; scores are the rows' sums."""
    model = random_model(seed=0)
    quantity = quantity_of(model)
    conducted = torch.from_numpy(values.astype(np.float64))
    result = FilterConductance(
        values=conducted,
        starts=torch.zeros(conducted.shape, dtype=torch.int64),
        quantity=quantity,
        scores=conducted.sum(dim=1),
        baseline_score=0.0,
    )
    texts = [f"w{row}" for row in range(len(values))]
    rows = {"text": texts} | {name: [-1] * len(texts) for name in ("label", "positive", "negative")}
    folder.mkdir()
    content = content_of(Shard(0, rows, ""), [[text] for text in texts], result)
    shard_path(folder, 0).write_bytes(content)
    manifest = manifest_of(model, quantity, "planted")
    write_manifest(
        folder,
        replace(manifest, widths=(3,) * values.shape[1], sentences=len(texts), corpus=""),
    )
    return CorpusConductance.open(folder)
