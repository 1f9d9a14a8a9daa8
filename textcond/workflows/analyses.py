"""The analyses of what `textcond analyze` has computed: each is a command and a kind of job."""

from __future__ import annotations

from textcond.workflows.corpus_conductance import ConductanceRequest
from textcond.workflows.division import DIVISION
from textcond.workflows.negation import NEGATION
from textcond.workflows.rules import RULES
from textcond.workflows.training import TrainingRequest

ANALYSES = {one.name: one for one in (DIVISION, NEGATION, RULES)}

TRAINING, CONDUCTANCE = "training", "analysis"
REQUESTS: dict[str, type] = {
    TRAINING: TrainingRequest,
    CONDUCTANCE: ConductanceRequest,
    **{name: one.request for name, one in ANALYSES.items()},
}
"""What the service does as a job, by its kind."""
