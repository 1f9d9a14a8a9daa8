"""Datasets of the Hugging Face hub."""

from __future__ import annotations

import logging

from datasets import Dataset, load_dataset

from textcond.errors import CorpusError


def load_from_hub(
    address: str, split: str, *, remedy: str, config: str | None = None, revision: str | None = None
) -> Dataset:
    """One split; raises `CorpusError` with the remedy if it cannot be had."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it reports every retry
    try:
        return load_dataset(address, config, split=split, revision=revision)
    except Exception as error:  # the hub's errors have no common type
        raise CorpusError(
            f"{address} is not on this machine and the Hugging Face hub cannot be reached "
            f"({type(error).__name__}); {remedy}."
        ) from error
    finally:
        logger.setLevel(level)
