"""What an operator sets, by environment variables that begin with TEXTCOND_."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from textcond.corpora.known_corpora import KNOWN


class Settings(BaseSettings):
    """The defaults serve one machine: SQLite and files in one folder, reachable from it alone."""

    model_config = SettingsConfigDict(env_prefix="TEXTCOND_", extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    data: Path = Path("textcond-data")
    """Where models, corpora, analyses and, by default, the database and the queue are."""
    database: str = ""
    """An address like postgresql://user@host/name; else a SQLite file in `data`."""
    queue: str = ""
    """A postgresql:// or redis:// address; else a SQLite file in `data`."""
    sst: Path | None = None
    """The folder of the Stanford Sentiment Treebank's trees, or its zip."""
    questions: Path | None = None
    """The folder of WikiTableQuestions' tsv files, or their zip."""
    allowed_hosts: str = ""
    """Names that requests may come for, with commas between; else loopback names, or any with
    keys."""

    workers: int = Field(1, ge=1, le=64)
    """Worker processes, each with one job at a time."""
    threads: int = Field(1, ge=1, le=256)
    """Of torch in each process."""

    max_body_bytes: int = Field(1_000_000, ge=1_000)
    max_upload_bytes: int = Field(32_000_000, ge=1_000)
    max_upload_rows: int = Field(200_000, ge=1)
    max_corpora: int = Field(1_000, ge=1)
    max_texts: int = Field(256, ge=1)
    max_tokens: int = Field(20_000, ge=1)
    """Of all texts of a request together."""
    requests_per_minute: int = Field(6_000, ge=1)
    """Of each key, or of each client without keys."""
    max_jobs: int = Field(100, ge=1)
    """Queued and running together."""
    max_streams: int = Field(100, ge=1)
    """Open streams of events."""

    def folder_of(self, corpus: str) -> Path | None:
        """Where the files of a corpus are that no package carries."""
        files = KNOWN[corpus].files if corpus in KNOWN else ""
        return {"sst": self.sst, "questions": self.questions}.get(files)

    def has(self, corpus: str) -> bool:
        """Whether a corpus of the library can be read here."""
        known = KNOWN.get(corpus)
        return known is not None and (not known.files or self.folder_of(corpus) is not None)

    @property
    def database_address(self) -> str:
        """For SQLAlchemy."""
        if not self.database:
            return f"sqlite:///{self.data / 'textcond.sqlite3'}"
        return _with_driver(self.database)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def uses_sqlite(self) -> bool:
        return urlsplit(self.database_address).scheme.startswith("sqlite")


def _with_driver(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme == "postgresql" else address
