"""What each kind of job does. Each can be done again after it was stopped anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch

from textcond.analysis.polarity.division import divide
from textcond.analysis.store.corpus import CorpusConductance
from textcond.disk import write_whole
from textcond.errors import AnalysisError, TextcondError, TrainingError
from textcond.progress import Step, Watch, counting
from textcond.report.figures import division_figure, save_figure
from textcond.workflows.analyses import ANALYSES, CONDUCTANCE, REQUESTS, TRAINING
from textcond.workflows.corpus_conductance import ConductanceRequest, analyze
from textcond.workflows.options import names_in
from textcond.workflows.places import Subject
from textcond.workflows.training import TrainingRequest, train
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database, Job
from textcond_service.storage.service_places import ServicePlaces

Tell = Callable[[dict[str, Any]], None]


class Work:
    """The library's workflows, called for jobs."""

    def __init__(self, settings: Settings, database: Database, storage: Storage) -> None:
        self.storage = storage
        self.places = ServicePlaces(settings, database, storage)
        torch.set_num_threads(settings.threads)

    def perform(self, job: Job, tell: Tell) -> str:
        """Do a job and give its result's address."""
        request = REQUESTS[job.kind](**job.request)
        training = job.model if job.kind == TRAINING else ""
        has_begun = self.storage.has_begun(job.id, training=training)

        def watch(step: Step) -> None:
            tell(_progress(step))

        try:
            return self._do(job, request, watch)
        except (TrainingError, AnalysisError) as error:
            if not has_begun:
                raise self._in_our_words(error, request) from error
            # What the last attempt left may be of another version, or damaged.
            self.storage.drop_job(job.id, training=training)
            return self._do(job, request, watch)
        except TextcondError as error:
            raise self._in_our_words(error, request) from error

    def _do(self, job: Job, request: Any, watch: Watch) -> str:
        if job.kind == TRAINING:
            return self._train(request, watch)
        if job.kind == CONDUCTANCE:
            return self._analyze(job, request, watch)
        return self._look(job, request, watch)

    def _in_our_words(self, error: TextcondError, request: Any) -> TextcondError:
        """The error, with the names that the client gave for the files that they are here."""
        told = str(error)
        for field, name in names_in(request):
            uploaded = self.places.uploaded(name) if field.option.names != "model" else None
            if uploaded is not None:
                told = told.replace(str(self.storage.corpus(uploaded.file)), f"the corpus {name}")
        return type(error)(told)

    def _train(self, request: TrainingRequest, watch: Watch) -> str:
        state = self.storage.training_state(request.name)
        if not (self.storage.models / request.name).is_dir():
            train(
                request, self.places, shelf=self.storage.models, resume=state.exists(), watch=watch
            )
        state.unlink(missing_ok=True)  # left if the last attempt ended between two steps
        return f"/v1/models/{request.name}"

    def _analyze(self, job: Job, request: ConductanceRequest, watch: Watch) -> str:
        analysis = analyze(request, self.places, self.storage.analysis(job.id), watch=watch)
        if len(analysis) > 1 and not (analysis.folder / "division.json").exists():
            _divide(analysis, watch)
        return f"/v1/analyses/{job.id}"

    def _look(self, job: Job, request: Any, watch: Watch) -> str:
        """One of the declared analyses."""
        analysis = ANALYSES[job.kind]
        model = self.places.model(job.model) if analysis.reads_model else None
        subject = Subject(self.places.analysis(job.analysis), self.places, model)
        self.storage.write_result(job.id, analysis.run(request, subject, watch).to_dict())
        return f"/v1/{analysis.plural}/{job.id}"


def _divide(analysis: CorpusConductance, watch: Watch) -> None:
    """The division of labour with its defaults, for the page's map: figures, picture, signs."""
    folder = analysis.folder
    division = divide(analysis, watch=counting(watch, "division of labour"))
    save_figure(division_figure(division), folder / "division.png")
    content = {
        **division.to_dict(),
        "filter_order": division.filter_order,
        "sentence_order": division.sentence_order,
        "rows": division.rows.tolist(),
        "sentence_cluster": division.sentence_clusters.tolist(),
    }
    signs = division.signs.astype("int8").tobytes()
    write_whole(folder / "signs.bin", lambda path: path.write_bytes(signs))
    text = json.dumps(content, allow_nan=False)
    write_whole(folder / "division.json", lambda path: path.write_text(text))


def _progress(step: Step) -> dict[str, Any]:
    """As the job's row has it."""
    return {
        "done": step.done,
        "total": step.total,
        "rate": step.rate,
        "seconds_left": step.seconds_left,
        "message": ", ".join(filter(None, (step.stage, step.figures))),
    }
