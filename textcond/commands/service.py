"""Commands that run the HTTP service and keep its keys and tables."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textcond.commands.common import AsJson, console, show
from textcond.errors import TextcondError

if TYPE_CHECKING:
    from textcond_service.settings import Settings

DataFolder = Annotated[
    Path | None,
    typer.Option("--data", help="The service's folder; else TEXTCOND_DATA, or textcond-data."),
]
keys = typer.Typer(help="API keys of the service.", no_args_is_help=True)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Else TEXTCOND_HOST, or 127.0.0.1: this machine alone.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Else TEXTCOND_PORT, or 8000.")
    ] = None,
    data: DataFolder = None,
    only: Annotated[
        str | None, typer.Option(help="web or worker: without the other, which runs elsewhere.")
    ] = None,
) -> None:
    """Run the HTTP service with its page and its worker."""
    if only not in (None, "web", "worker"):
        raise TextcondError(f"`only` is {only!r}; it can be web or worker.")
    settings = _settings(host=host, port=port, data=data)
    from textcond_service.server import serve as run

    run(settings, web=only != "worker", worker=only != "web")


def migrate(data: DataFolder = None) -> None:
    """Make or change the service's tables for this version; SQLite's are made at start."""
    settings = _settings(data=data)
    from textcond_service.storage.database import Database

    database = Database(settings)
    try:
        database.migrate()
    finally:
        database.close()
    console().print("The tables are of this version.")


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    scope: Annotated[
        str, typer.Option(help="read; run, which starts jobs too; or admin, which deletes too.")
    ] = "read",
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once."""
    settings = _settings(data=data)
    from textcond_service.api.security import create_key
    from textcond_service.server import prepare_tables

    try:
        key = create_key(prepare_tables(settings), name, scope)
    except ValueError as error:
        raise TextcondError(str(error)) from error
    show(as_json, {"key": key, "name": name, "scope": scope}, lambda: key)


@keys.command("list")
def list_keys(data: DataFolder = None, as_json: AsJson = False) -> None:
    """The keys, without their secrets."""
    from sqlalchemy import select
    from textcond_service.storage.database import Key

    with _database(data).reading() as session:
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "scopes": key.scopes.split(","),
                "created": key.created,
                "revoked": key.revoked,
            }
            for key in session.scalars(select(Key).order_by(Key.created))
        ]
    show(as_json, {"keys": rows}, lambda: _keys_view(rows))


@keys.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(help="As `keys list` shows it.")], data: DataFolder = None
) -> None:
    """Refuse a key from now on."""
    from textcond_service.api.security import revoke_key

    if not revoke_key(_database(data), id):
        raise TextcondError(f"There is no key {id!r}; `textcond keys list` shows them.")
    console().print(f"The key {id} is refused from now on.")


def _settings(**given: Any) -> Settings:
    try:
        from pydantic import ValidationError
        from textcond_service.settings import Settings
    except ImportError as error:
        raise TextcondError(
            f"The service is not installed ({error.name} is missing): `pip install '.[service]'`."
        ) from error
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(map(str, first["loc"])).upper()
        raise TextcondError(
            f"TEXTCOND_{name}: {first['msg']}; it is {first['input']!r}."
        ) from error


def _database(data: Path | None) -> Any:
    settings = _settings(data=data)
    from textcond_service.server import prepare_tables

    if not settings.database and not settings.data.is_dir():
        raise TextcondError(
            f"There is no folder {settings.data}; give `--data` as `textcond serve` had it."
        )
    return prepare_tables(settings)


def _keys_view(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("Id", "Name", "Scopes", "Created", "Revoked"):
        table.add_column(column)
    for row in rows:
        times = [
            (row[name] and time.strftime("%F %T", time.localtime(row[name]))) or ""
            for name in ("created", "revoked")
        ]
        table.add_row(row["id"], row["name"], " ".join(row["scopes"]), *times)
    return table
