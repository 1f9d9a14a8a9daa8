"""What each kind of job does. Each can be done again after it was stopped anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from textcond.analysis.negation.pipeline import find_negation, negation_filters, pairs_of
from textcond.analysis.polarity.division import divide
from textcond.analysis.polarity.sides import gold_of_analysis
from textcond.analysis.rules.evaluation import check_rules
from textcond.analysis.rules.extraction import extract_rules
from textcond.analysis.store.corpus import CorpusConductance
from textcond.analysis.store.resume import Progress as AnalysisProgress
from textcond.attribution.explanation import query_filters
from textcond.corpora.file_rows import DEFAULT, Layout
from textcond.corpora.loading import has_parts, open_corpus
from textcond.corpora.negation_pairs import DEFAULT_PAIRS
from textcond.disk import write_whole
from textcond.errors import AnalysisError, CorpusError, TextcondError, TrainingError
from textcond.model import checkpoint
from textcond.model.model import Model
from textcond.model.training.building import build_model
from textcond.model.training.loop import Progress as TrainingProgress
from textcond.model.training.recipe import STANDARD, Recipe, Sizes
from textcond.report.figures import division_figure, save_figure
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Corpus, Database, Job, patiently

Tell = Callable[[dict[str, Any]], None]


class Work:
    """The library, called for jobs."""

    def __init__(self, settings: Settings, database: Database, storage: Storage) -> None:
        self.settings, self.database, self.storage = settings, database, storage
        torch.set_num_threads(settings.threads)

    def perform(self, job: Job, tell: Tell) -> str:
        """Do a job and give its result's address."""
        kinds = {
            "training": self._train,
            "analysis": self._analyze,
            "negation": self._find_negation,
            "rules": self._extract_rules,
        }
        training = job.model if job.kind == "training" else ""
        has_begun = self.storage.has_begun(job.id, training=training)
        try:
            return kinds[job.kind](job, tell)
        except (TrainingError, AnalysisError) as error:
            if not has_begun:
                raise self._in_our_words(error, job) from error
            # What the last attempt left may be of another version, or damaged.
            self.storage.drop_job(job.id, training=training)
            return kinds[job.kind](job, tell)
        except TextcondError as error:
            raise self._in_our_words(error, job) from error

    def _in_our_words(self, error: TextcondError, job: Job) -> TextcondError:
        """The error, with the names that the client gave for the files that they are here."""
        told = str(error)
        for name in (job.corpus, job.request.get("pretrain")):
            uploaded = name and patiently(partial(self._uploaded, name))
            if uploaded:
                told = told.replace(str(self.storage.corpus(uploaded.file)), f"the corpus {name}")
        return type(error)(told)

    def _train(self, job: Job, tell: Tell) -> str:
        name, request = job.model, job.request
        state = self.storage.training_state(name)
        if not (self.storage.models / name).is_dir():
            data, data_dir = self._data(request["corpus"])
            titles, pretrain = {data: request["corpus"]}, None
            if request["pretrain"]:
                pretrain, more_dir = self._data(request["pretrain"])
                titles[pretrain], data_dir = request["pretrain"], data_dir or more_dir
            recipe = {
                field.name: request[field.name]
                for field in fields(Recipe)
                if request.get(field.name) is not None
            }
            build_model(
                name,
                data,
                recipe,
                layout=self._layout(request["corpus"]),
                data_dir=data_dir,
                pretrain=pretrain,
                vocabulary_size=request["vocabulary_size"],
                sizes=Sizes(
                    request.get("dimensions"),
                    tuple(request.get("widths", STANDARD.widths)),
                    request.get("filters", STANDARD.filters),
                    request.get("hidden", STANDARD.hidden),
                ),
                shelf=self.storage.models,
                resume=state.exists(),
                titles=titles,
                watch=partial(_tell_training, tell),
            )
        state.unlink(missing_ok=True)  # left if the last attempt ended between two steps
        return f"/v1/models/{name}"

    def _analyze(self, job: Job, tell: Tell) -> str:
        request = job.request
        model = self._model(job)
        data, data_dir = self._data(request["corpus"])
        layout = self._layout(request["corpus"])
        split = request["split"] if has_parts(data, layout=layout) else ""
        folder = self.storage.analysis(job.id)
        analysis = CorpusConductance.compute(
            model,
            open_corpus(data, split, data_dir=data_dir, layout=layout),
            folder,
            data=f"{request['corpus']} {split}".strip(),
            target=request["target"],
            output=request["output"],
            watch=partial(_tell_analysis, tell),
        )
        if len(analysis) > 1 and not (folder / "division.json").exists():
            division = divide(analysis, watch=_counting(tell, "division of labour"))
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
        return f"/v1/analyses/{job.id}"

    def _find_negation(self, job: Job, tell: Tell) -> str:
        request = job.request
        model, analysis = self._model(job), self._analysis(job)
        named, found, held_out = self._pairs(request, model, analysis)
        exemplar = (request["text"], request["pattern"]) if request["text"] else None
        negation = find_negation(
            model,
            analysis,
            found,
            held_out,
            exemplar=exemplar,
            draws=request["draws"],
            top=request["sentences"],
            seed=request["seed"],
            watch=_counting(tell, "ablating"),
        )
        self.storage.write_result(job.id, {"pairs": named, **negation.to_dict()})
        return f"/v1/negations/{job.id}"

    def _extract_rules(self, job: Job, tell: Tell) -> str:
        request = job.request
        model, analysis = self._model(job), self._analysis(job)
        rules = extract_rules(
            model,
            analysis,
            filters=self._filters(model, analysis, request),
            gold=gold_of_analysis(model, analysis, self.settings.sst),
            share=request["share"],
            support=request["support"],
            fidelity=request["fidelity"],
            only_negators=request["filters"] == "negation",
            watch=_counting(tell, "reading n-grams"),
        )
        check = None
        if request["held_out"]:
            other = CorpusConductance.open(self.storage.analysis(request["held_out"]))
            gold = gold_of_analysis(model, other, self.settings.sst)
            check = check_rules(rules, model, other, gold=gold).to_dict()
        self.storage.write_result(job.id, {**rules.to_dict(), "held_out": check})
        return f"/v1/rules/{job.id}"

    def _filters(
        self, model: Model, analysis: CorpusConductance, request: dict[str, Any]
    ) -> list[int] | None:
        if request["filters"] == "all":
            return None
        if request["filters"] == "negation":
            _, found, _ = self._pairs(request, model, analysis)
            return negation_filters(model, analysis, found, seed=request["seed"])
        if request["filters"] == "exemplar":
            query = query_filters(
                model,
                request["text"],
                request["pattern"],
                target=analysis.manifest.target,
                output=analysis.manifest.output,
            )
            if not query.matches:
                raise AnalysisError(
                    f"No filter responds to {request['pattern']!r} in that text; give another "
                    "`text` or `pattern`."
                )
            return [match.filter for match in query.matches]
        return list(request["filters"])

    def _pairs(
        self, request: dict[str, Any], model: Model, analysis: CorpusConductance
    ) -> tuple[str, Dataset, Dataset]:
        """The name of the pairs, those to find filters with, and those to check them on."""
        named = request["pairs"] or (DEFAULT_PAIRS if model.outputs.are_polarity else None)
        file, layout = None, DEFAULT
        if named is not None:
            file, layout = self._data(named, pairs=True)[0], self._layout(named)
        found, held_out = pairs_of(
            model, analysis, file, data_dir=self.settings.sst, layout=layout, seed=request["seed"]
        )
        return named or analysis.manifest.data, found, held_out

    def _model(self, job: Job) -> Model:
        return checkpoint.load(job.model, shelf=self.storage.models)

    def _analysis(self, job: Job) -> CorpusConductance:
        return CorpusConductance.open(self.storage.analysis(job.analysis))

    def _data(self, corpus: str, *, pairs: bool = False) -> tuple[str, Path | None]:
        """What the library calls it, and where its trees are."""
        uploaded = patiently(lambda: self._uploaded(corpus))
        if uploaded is not None:
            return str(self.storage.corpus(uploaded.file)), None
        if not pairs and not self.settings.has(corpus):
            raise CorpusError(
                f"The service does not have {corpus}; its operator sets TEXTCOND_SST to the folder "
                "of the Stanford Sentiment Treebank's trees, or TEXTCOND_QUESTIONS to that of "
                "WikiTableQuestions."
            )
        return corpus, self.settings.folder_of(corpus)

    def _layout(self, corpus: str) -> Layout:
        uploaded = patiently(lambda: self._uploaded(corpus))
        return DEFAULT if uploaded is None else uploaded.reading

    def _uploaded(self, corpus: str) -> Corpus | None:
        with self.database.reading() as session:
            return session.get(Corpus, corpus)


def _tell_training(tell: Tell, progress: TrainingProgress) -> None:
    dev = "" if progress.dev_accuracy is None else f", dev {progress.dev_accuracy:.4f}"
    left = progress.batches - progress.batches_done
    tell(
        {
            "done": progress.batches_done,
            "total": progress.batches,
            "rate": left / progress.seconds_left if left and progress.seconds_left else None,
            "seconds_left": progress.seconds_left,
            "message": f"{progress.stage}, epoch {progress.epoch} of {progress.epochs}, "
            f"loss {progress.loss:.4f}{dev}",
        }
    )


def _tell_analysis(tell: Tell, progress: AnalysisProgress) -> None:
    tell(
        {
            "done": progress.done,
            "total": progress.total,
            "rate": progress.rate or None,
            "seconds_left": progress.seconds_left,
            "message": "conductance",
        }
    )


def _counting(tell: Tell, message: str) -> Callable[[int, int], None]:
    def watch(done: int, total: int) -> None:
        tell({"done": done, "total": total, "rate": None, "seconds_left": None, "message": message})

    return watch
