"""The queue that carries the numbers of jobs to the workers: SQLite, PostgreSQL or Redis."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey

from textcond.errors import TextcondError
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage

NAME = "textcond"
SCHEMES = ("", "postgresql", "redis", "rediss")
CONNECT_SECONDS = 5
ANSWER_SECONDS = 10


class QueueError(TextcondError):
    """The queue's address is none that the service knows."""


def open_queue(settings: Settings) -> Huey:
    """Where `settings.queue` says; huey keeps no results, the database has them.

    Raises `QueueError` for an address or a package that does not serve.
    """
    # Two processes that make the same tables at the same time would disturb each other.
    with Storage(settings.data).locked("queue"):
        try:
            queue = _open(settings)
            queue.pending_count()
            return queue
        except ImportError as error:
            raise QueueError(
                f"This queue takes more ({error.name} is missing): `pip install '.[server]'`."
            ) from error
        except QueueError:
            raise
        except Exception as error:  # each kind of queue has its own errors
            reason = " ".join(str(error).split())
            raise QueueError(
                f"The queue does not answer ({reason}); check TEXTCOND_QUEUE."
            ) from error


def scheme_of(settings: Settings) -> str:
    """One of `SCHEMES`; raises `QueueError` for another."""
    scheme = urlsplit(settings.queue).scheme
    if scheme not in SCHEMES or bool(scheme) != bool(settings.queue):
        raise QueueError(
            f"TEXTCOND_QUEUE begins with {scheme!r}; it can be a postgresql:// or a redis:// "
            "address."
        )
    return scheme


def _open(settings: Settings) -> Huey:
    options: dict[str, Any] = {"results": False, "immediate": False}
    scheme = scheme_of(settings)
    if not scheme:
        path = settings.data / "queue.sqlite3"
        return SqliteHuey(NAME, filename=str(path), fsync=True, timeout=30, **options)
    if scheme in ("redis", "rediss"):
        return RedisHuey(NAME, connection_pool=_redis(settings.queue), **options)
    options |= {"table_prefix": "textcond_queue", "connect_timeout": CONNECT_SECONDS}
    return PostgresHuey(NAME, dsn=settings.queue, **options)


def _redis(address: str) -> Any:
    from redis import ConnectionPool
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # A request does not wait for a queue that is away: its job's row is enough.
    return ConnectionPool.from_url(
        address,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
