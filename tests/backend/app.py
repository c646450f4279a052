"""The upstream of the gateway in the tests and the demo. It reports the requests that reached it and knows no plans.

Every path responds with the request as it arrived: method, path, query, header fields in order, body. Bytes are
decoded as Latin-1, so that none is lost. GET /__seen lists all other requests since the start; DELETE /__seen clears
the list.

    python app.py            listens on a free port of 127.0.0.1, prints it as one line of JSON, and exits when its
                             standard input closes; with TLS_CERTIFICATE and TLS_KEY (files), also on an HTTPS port
"""

import asyncio
import json
import os
import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse

app = FastAPI(openapi_url=None)
seen: list[dict] = []


@app.get("/__seen")
async def list_seen() -> JSONResponse:
    return JSONResponse(seen)


@app.delete("/__seen")
async def clear_seen() -> JSONResponse:
    seen.clear()
    return JSONResponse([])


async def echo(request: Request) -> dict:
    """Records the request before its body arrives, so that a request whose body never arrives is listed too."""
    entry = {
        "method": request.method,
        "path": request.scope["raw_path"].decode("latin-1"),
        "query": request.scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.scope["headers"]],
        "body": None,
    }
    seen.append(entry)
    entry["body"] = (await request.body()).decode("latin-1")
    return entry


@app.api_route("/ask", methods=["GET", "POST"])
async def ask(request: Request) -> JSONResponse:
    return JSONResponse({"answer": "42", "request": await echo(request)})


@app.get("/reports")
async def reports(request: Request) -> JSONResponse:
    return JSONResponse({"reports": ["2026-10", "2026-11"], "request": await echo(request)})


@app.get("/search")
async def search(request: Request) -> JSONResponse:
    return JSONResponse({"results": [], "request": await echo(request)})


@app.get("/{path:path}/leave")
async def redirect(request: Request, to: str) -> RedirectResponse:
    await echo(request)
    return RedirectResponse(to, 302)


@app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def any_path(request: Request) -> JSONResponse:
    return JSONResponse({"request": await echo(request)})


def listen() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


def server(**tls: str) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, **tls))


async def serve() -> None:
    plain = listen()
    listening = {"port": plain.getsockname()[1]}
    serving = [server().serve(sockets=[plain])]
    if certificate := os.environ.get("TLS_CERTIFICATE"):
        tls = listen()
        listening["tls_port"] = tls.getsockname()[1]
        serving.append(server(ssl_certfile=certificate, ssl_keyfile=os.environ["TLS_KEY"]).serve(sockets=[tls]))
    print(json.dumps(listening), flush=True)
    await asyncio.gather(*serving)


def exit_with_standard_input() -> None:
    """Exits when standard input closes, so that the server ends even if its parent process is killed."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=exit_with_standard_input, daemon=True).start()
    asyncio.run(serve())
