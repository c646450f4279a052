"""Serves an application as an upstream of the gateway.

It listens on a free port of 127.0.0.1, prints it as one line of JSON, and exits when its standard input closes; with
TLS_CERTIFICATE and TLS_KEY (files), also on an HTTPS port.
"""

import asyncio
import json
import os
import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI


def run(app: FastAPI) -> None:
    threading.Thread(target=exit_with_standard_input, daemon=True).start()
    asyncio.run(serve(app))


def listen() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


def server(app: FastAPI, **tls: str) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, **tls))


async def serve(app: FastAPI) -> None:
    plain = listen()
    listening = {"port": plain.getsockname()[1]}
    serving = [server(app).serve(sockets=[plain])]
    if certificate := os.environ.get("TLS_CERTIFICATE"):
        tls = listen()
        listening["tls_port"] = tls.getsockname()[1]
        serving.append(server(app, ssl_certfile=certificate, ssl_keyfile=os.environ["TLS_KEY"]).serve(sockets=[tls]))
    print(json.dumps(listening), flush=True)
    await asyncio.gather(*serving)


def exit_with_standard_input() -> None:
    """Exits when standard input closes, so that the server ends even if its parent process is killed."""
    sys.stdin.buffer.read()
    os._exit(0)
