"""The database: what outlives a process. SQLite by default, or PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    String,
    Text,
    create_engine,
    event,
    select,
)
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from textcond.corpora.file_rows import DEFAULT, Layout
from textcond.errors import TextcondError
from textcond_service.settings import Settings

MIGRATIONS = Path(__file__).with_name("migrations")
PATIENCE_SECONDS = 600.0
"""A database that does not answer has so long to come back before a job is given up."""
_Result = TypeVar("_Result")


class Base(DeclarativeBase):
    """All tables. Times are seconds since 1970, UTC."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON,
        float: Float(53),
        str: Text,
    }


class Job(Base):
    """One piece of long work, and the truth about it."""

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_by_state", "state", "created"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    request: Mapped[dict[str, Any]]
    model: Mapped[str] = mapped_column(String(100), index=True)
    """That it uses or makes."""
    corpus: Mapped[str] = mapped_column(String(100), index=True, default="")
    analysis: Mapped[str] = mapped_column(String(32), index=True, default="")
    owner: Mapped[str] = mapped_column(String(32), default="")
    """The key that asked for it."""
    created: Mapped[float]
    started: Mapped[float | None]
    finished: Mapped[float | None]
    heartbeat: Mapped[float | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Begun and not handed back."""
    claim: Mapped[str] = mapped_column(String(64), default="")
    """Of the worker that runs it: another one may not write to the row."""
    cancel: Mapped[bool] = mapped_column(Boolean, default=False)
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int | None] = mapped_column(Integer)
    rate: Mapped[float | None]
    seconds_left: Mapped[float | None]
    message: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[str | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class Corpus(Base):
    """A file that a client uploaded."""

    __tablename__ = "corpora"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    file: Mapped[str] = mapped_column(String(120))
    """Its name in the data folder."""
    rows: Mapped[int] = mapped_column(Integer)
    labelled: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    created: Mapped[float]
    layout: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Its columns of texts and labels, what labels mean, and what was told when it was read."""

    @property
    def reading(self) -> Layout:
        """How the library reads the file."""
        if self.layout is None:
            return DEFAULT
        return Layout(
            self.layout["text"],
            self.layout["label"],
            self.layout["meanings"],
            separator=self.layout["separator"],
        )


class Key(Base):
    """An API key; of its secret only a digest is kept."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str] = mapped_column(String(40))
    created: Mapped[float]
    revoked: Mapped[float | None]


class Repeat(Base):
    """A request with an Idempotency-Key, and the job that it started."""

    __tablename__ = "repeats"

    owner: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    """Of the method, the path and the body."""
    job: Mapped[str] = mapped_column(String(32))
    created: Mapped[float]


class DatabaseError(TextcondError):
    """The database's address is none that the service knows, or nothing answers there."""


class Database:
    """Connections, and the two ways to use one: to read and to write."""

    def __init__(self, settings: Settings) -> None:
        self.engine = _engine(settings)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by an error."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.connection(execution_options={"writes": True})
            yield session

    def migrate(self) -> None:
        """Bring the tables to this version; raises `DatabaseError` if nothing answers."""
        with _answering(), self.engine.begin() as connection:
            command.upgrade(_alembic(connection), "head")

    def is_current(self) -> bool:
        """Whether the tables are of this version; raises `DatabaseError` if nothing answers."""
        newest = ScriptDirectory.from_config(_alembic(None)).get_current_head()
        with _answering(), self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() == newest

    def check(self) -> None:
        """Raise what SQLAlchemy does if the database does not answer."""
        with self.engine.connect() as connection:
            connection.execute(select(1))

    def close(self) -> None:
        self.engine.dispose()


def patiently(call: Callable[[], _Result]) -> _Result:
    """Try until the database answers: a job does not fail because it is restarted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except (OperationalError, InterfaceError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        reason = " ".join(str(error.orig).split())
        raise DatabaseError(
            f"The database does not answer ({reason}); check TEXTCOND_DATABASE."
        ) from error


def has_keys(database: Database) -> bool:
    """Whether there is a key that is not revoked."""
    with database.reading() as session:
        return session.scalar(select(Key.id).where(Key.revoked.is_(None)).limit(1)) is not None


def _alembic(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _engine(settings: Settings) -> Engine:
    # An error's parameters may hold texts or digests: they are for no log.
    if not settings.uses_sqlite:
        return _server_engine(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        settings.database_address,
        pool_size=40,
        hide_parameters=True,
        connect_args={"timeout": 30},
    )

    # SQLAlchemy's own recipe: with the driver's transactions off, a write that begins as one
    # waits for its turn; one that began as a read would fail at once.
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on"):
            connection.execute(f"pragma {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("begin immediate" if writes else "begin")

    return engine


def _server_engine(settings: Settings) -> Engine:
    scheme = settings.database.partition("://")[0]
    if scheme != "postgresql":
        raise DatabaseError(
            f"TEXTCOND_DATABASE begins with {scheme[:20]!r}; it can be a postgresql:// address."
        )
    try:
        return create_engine(
            settings.database_address,
            pool_pre_ping=True,
            pool_size=10,
            hide_parameters=True,
            connect_args={"connect_timeout": 5},
        )
    except ImportError as error:
        raise DatabaseError(
            f"PostgreSQL takes more ({error.name} is missing): `pip install '.[server]'`."
        ) from error
