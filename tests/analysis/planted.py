"""An analysis whose conductances are given, not computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tests.conftest import random_model
from textcond.analysis.store import shards
from textcond.analysis.store.corpus import CorpusConductance
from textcond.analysis.store.manifest import manifest_of, write_manifest
from textcond.analysis.store.shards import LABELS, Shard, content_of, shard_path
from textcond.attribution.conductance import FilterConductance
from textcond.attribution.quantity import quantity_of


def analysis_of(folder: Path, values: np.ndarray) -> CorpusConductance:
    """One sentence a row of `values`, one filter a column; scores are the rows' sums."""
    model = random_model(seed=0)
    quantity = quantity_of(model)
    folder.mkdir()
    for number, first in enumerate(range(0, len(values), shards.SHARD_ROWS)):
        part = torch.from_numpy(values[first : first + shards.SHARD_ROWS].astype(np.float64))
        result = FilterConductance(
            values=part,
            starts=torch.zeros(part.shape, dtype=torch.int64),
            quantity=quantity,
            scores=part.sum(dim=1),
            baseline_score=0.0,
            network=model.network,
            rows=[],
        )
        texts = [f"w{first + row}" for row in range(len(part))]
        rows = {"text": texts, **dict.fromkeys(LABELS, [-1] * len(texts))}
        content = content_of(Shard(number, rows, ""), [[text] for text in texts], result)
        shard_path(folder, number).write_bytes(content)
    manifest = manifest_of(model, quantity, "planted")
    write_manifest(
        folder,
        replace(manifest, widths=(3,) * values.shape[1], sentences=len(values), corpus=""),
    )
    return CorpusConductance.open(folder)
