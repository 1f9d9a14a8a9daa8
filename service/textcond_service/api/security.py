"""Who may do what: keys with scopes, requests a minute, names of hosts, headers.

Without any key, and on loopback alone, everything is allowed. As soon as there was a key, one
is asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from textcond_service.api.problems import ProblemError
from textcond_service.settings import Settings
from textcond_service.storage.database import Database, Key

SCOPES = ("read", "run", "admin")
"""Each holds those before it: ask, start work, delete."""
MOST_CHARACTERS = 100
"""Of a key's name."""
_REFRESH_SECONDS = 1.0
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_SAFE = ("GET", "HEAD", "OPTIONS")
_bearer = HTTPBearer(auto_error=False, description="A key made by `textcond keys create`.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    id: str
    """A key's, or empty."""
    scopes: tuple[str, ...] = SCOPES


def create_key(database: Database, name: str, scope: str) -> str:
    """A new key, shown this once: only a digest of it is kept."""
    if scope not in SCOPES:
        raise ValueError(f"`scope` is {scope!r}; it can be {', '.join(SCOPES)}.")
    if not 1 <= len(name.strip()) <= MOST_CHARACTERS:
        raise ValueError(f"`name` has {len(name)} characters; give 1 to {MOST_CHARACTERS}.")
    id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    scopes = ",".join(SCOPES[: SCOPES.index(scope) + 1])
    with database.writing() as session:
        row = Key(id=id, name=name, digest=_digest(secret), scopes=scopes, created=time.time())
        session.add(row)
    return f"tc_{id}_{secret}"


def revoke_key(database: Database, id: str) -> bool:
    """Whether there is such a key; it is refused from within a second on."""
    with database.writing() as session:
        key = session.get(Key, id)
        if key is None:
            return False
        key.revoked = key.revoked or time.time()
        return True


class Guard:
    """Keys and limits of one process."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._keys: Mapping[str, Key] = {}
        self._read = -_REFRESH_SECONDS
        self._lock = asyncio.Lock()
        self._limit = RateLimitItemPerMinute(settings.requests_per_minute)
        self._own_limiter = FixedWindowRateLimiter(MemoryStorage())
        self._limiter = self._own_limiter
        if settings.queue.startswith("redis"):
            shared = RedisStorage(f"async+{settings.queue}", implementation="redispy")
            self._limiter = FixedWindowRateLimiter(shared)

    async def identify(self, secret: str | None, client: str) -> Principal:
        """Who asks; raises `ProblemError` 401 or 429."""
        await self._refresh()
        try:
            principal = self._identify(secret)
        except ProblemError:
            await self._count(client)
            raise
        await self._count(principal.id or client)
        return principal

    def is_open(self) -> bool:
        """Whether no key is asked for."""
        return self._settings.is_loopback and not self._keys

    def _identify(self, secret: str | None) -> Principal:
        if self.is_open():
            return Principal("")
        challenge = {"WWW-Authenticate": "Bearer"}
        if not secret:
            raise ProblemError(
                401, "key-missing", "Send a key as `Authorization: Bearer KEY`.", challenge
            )
        _, _, rest = secret.partition("_")
        id, _, word = rest.partition("_")
        key = self._keys.get(id)
        # Compared in either case, so that time does not tell which ids there are.
        right = secrets.compare_digest(_digest(word), key.digest if key else _digest(""))
        if key is None or not right or key.revoked is not None:
            raise ProblemError(
                401, "key-refused", "The key is not valid; ask for another.", challenge
            )
        return Principal(key.id, tuple(key.scopes.split(",")))

    async def _count(self, who: str) -> None:
        limiter = self._limiter
        try:
            within = await limiter.hit(self._limit, who)
        except (
            Exception
        ):  # the shared counts are away; until they are back, each process has its own
            limiter = self._own_limiter
            within = await limiter.hit(self._limit, who)
        if not within:
            window = await limiter.get_window_stats(self._limit, who)
            wait = max(1, int(window.reset_time - time.time()) + 1)
            raise ProblemError(
                429,
                "too-many-requests",
                f"More than {self._settings.requests_per_minute:,} requests a minute; wait "
                f"{wait} s.",
                {"Retry-After": str(wait)},
            )

    async def _refresh(self) -> None:
        if time.monotonic() - self._read < _REFRESH_SECONDS:
            return
        async with self._lock:
            if time.monotonic() - self._read < _REFRESH_SECONDS:
                return
            try:
                self._keys = await asyncio.to_thread(self._read_keys)
            except SQLAlchemyError:
                if self._read < 0:
                    raise  # what is known from before serves until the database is back
            self._read = time.monotonic()

    def _read_keys(self) -> Mapping[str, Key]:
        with self._database.reading() as session:
            return {key.id: key for key in session.scalars(select(Key))}


async def identify(request: Request) -> Principal:
    """Who asks; looked at and counted once a request."""
    if not hasattr(request.state, "principal"):
        bearer, header = await _bearer(request), await _header(request)
        guard: Guard = request.app.state.guard
        request.state.principal = await guard.identify(
            bearer.credentials if bearer else header, request.client.host if request.client else ""
        )
    principal: Principal = request.state.principal
    return principal


def scoped(scope: str) -> Callable[..., Awaitable[Principal]]:
    """A dependency that admits whoever has the scope; raises `ProblemError` 401, 403 or 429."""

    async def admit(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        __: Annotated[str | None, Depends(_header)],
    ) -> Principal:
        principal = await identify(request)
        if scope not in principal.scopes:
            raise ProblemError(403, "forbidden", f"The key does not have the scope {scope!r}.")
        return principal

    return admit


Reader = Annotated[Principal, Depends(scoped("read"))]
Starter = Annotated[Principal, Depends(scoped("run"))]
Administrator = Annotated[Principal, Depends(scoped("admin"))]


def check_origin(
    settings: Settings, method: str, headers: Mapping[str, str]
) -> ProblemError | None:
    """What is wrong with where a request is for or comes from, in a browser's words.

    A page elsewhere can make a browser on this machine ask: by a name that it lets point here,
    or from its own scripts.
    """
    host = headers.get("host", "")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    allowed = [part.strip().lower() for part in settings.allowed_hosts.split(",") if part.strip()]
    if not allowed and settings.is_loopback:
        allowed = [*_LOOPBACK_NAMES, settings.host]
    if allowed and name.lower() not in allowed:
        return ProblemError(
            421, "host", "The request is for another host; TEXTCOND_ALLOWED_HOSTS names those."
        )
    if method in _SAFE:
        return None
    origin = headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != host
    if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return ProblemError(403, "origin", "The request comes from another page.")
    return None


def _digest(secret: str) -> str:
    # The secret is random and long: a fast hash keeps it as well as a slow one.
    return hashlib.sha256(secret.encode()).hexdigest()
