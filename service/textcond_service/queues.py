"""The queue that carries the numbers of jobs to the workers: SQLite, PostgreSQL or Redis."""

from __future__ import annotations

from urllib.parse import urlsplit

from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey

from textcond_service.settings import Settings

NAME = "textcond"


def open_queue(settings: Settings) -> Huey:
    """Where `settings.queue` says; huey keeps no results, the database has them."""
    options = {"results": False, "immediate": False}
    scheme = urlsplit(settings.queue).scheme
    if not settings.queue:
        settings.data.mkdir(parents=True, exist_ok=True)
        path = settings.data / "queue.sqlite3"
        return SqliteHuey(NAME, filename=str(path), fsync=True, timeout=30, **options)
    if scheme in ("redis", "rediss"):
        return RedisHuey(NAME, url=settings.queue, **options)
    if scheme == "postgresql":
        return PostgresHuey(NAME, dsn=settings.queue, table_prefix="textcond_queue", **options)
    raise ValueError(
        f"TEXTCOND_QUEUE begins with {scheme!r}; it can be a postgresql:// or a redis:// address."
    )
