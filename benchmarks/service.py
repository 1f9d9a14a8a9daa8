"""What the HTTP service takes, beside an endpoint that does nothing.

The endpoint that does nothing is in the same process, behind the same checks, takes the same
request and answers with as many bytes. The client is plain asyncio in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastapi import APIRouter
from fastapi.responses import Response
from textcond_service import logging_setup, server
from textcond_service.api import requests
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.json_answers import dump
from textcond_service.api.security import Reader
from textcond_service.app import make_app
from textcond_service.settings import Settings

import textcond
from benchmarks.timing import Figures

TEXT = "the film is not good and the plot hardly makes sense , but the acting is great fun , really"
CONNECTIONS = 64
HOST = "127.0.0.1"


def serve(data: Path, port: int) -> None:
    """The service, with one path more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    logging_setup.configure()
    settings = Settings(data=data, requests_per_minute=10**9)
    server.prepare(settings)
    app = make_app(settings)
    body = dump(textcond.explain(textcond.load("sst"), TEXT).to_dict())

    router = APIRouter(route_class=KnownRoute)

    @router.post("/nothing")
    async def nothing(_: Reader, request: requests.ExplainOne) -> Response:
        return Response(body, media_type="application/json")

    app.include_router(router)
    uvicorn.run(app, host=HOST, port=port, access_log=False, log_config=None)


async def ask(port: int, path: str, body: dict[str, Any], seconds: float) -> list[float]:
    """The latencies of all answers of so many connections, in seconds."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        while (start := time.perf_counter()) < end:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode())
            lines = answer.lower().split(b"\r\n")
            (length,) = [
                int(row.split(b":")[1]) for row in lines if row.startswith(b"content-length")
            ]
            await reader.readexactly(length)
            latencies.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return latencies


def measure(port: int, path: str, body: dict[str, Any], seconds: float) -> dict[str, float]:
    """Requests a second and latencies in milliseconds."""
    started = time.perf_counter()
    latencies = asyncio.run(ask(port, path, body, seconds))
    rate = len(latencies) / (time.perf_counter() - started)
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "requests": len(latencies),
        "a second": rate,
        **{f"p{share} ms": 1_000 * cuts[share - 1] for share in (50, 95, 99)},
    }


def memory_of(process: int) -> float:
    """Resident, in MB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def figures(seconds: float = 20, requests: int = 0) -> Figures:
    """(i) An endpoint that does nothing, explanations one by one and in batches; then memory."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(Path(folder), port), daemon=True
        )
        process.start()
        try:
            return _measured(port, process.pid or 0, seconds, requests)
        finally:
            process.terminate()


def _measured(port: int, process: int, seconds: float, requests: int) -> Figures:
    _wait(port)
    explain = "/v1/models/sst/explain"
    measure(port, explain, {"text": TEXT}, 2)
    nothing, explained = (
        measure(port, path, {"text": TEXT}, seconds) for path in ("/nothing", explain)
    )
    batch = measure(port, explain, {"texts": [TEXT] * 256}, seconds)
    memory: Figures = {"MB after 0": memory_of(process)}
    done = 0
    while done < requests:
        done += int(measure(port, explain, {"text": TEXT}, 20)["requests"])
        memory[f"MB after {done:,}"] = memory_of(process)
    return {
        "nothing": nothing,
        "explain": explained,
        "share of nothing's throughput": explained["a second"] / nothing["a second"],
        "sentences a second in batches of 256": 256 * batch["a second"],
        **({"memory": memory} if requests else {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int, default=0, help="then so many, to watch memory")
    arguments = parser.parse_args()
    print(json.dumps(figures(arguments.seconds, arguments.requests), indent=2))


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection((HOST, port)).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the service did not start")


if __name__ == "__main__":
    main()
