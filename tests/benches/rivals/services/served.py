"""Serves an application on a free port of 127.0.0.1 until standard input closes."""

import os
import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI


def serve(app: FastAPI) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    threading.Thread(target=exit_with_standard_input, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run([listener])


def exit_with_standard_input() -> None:
    """Exits when standard input closes, which happens however the parent process ends."""
    sys.stdin.read()
    os._exit(0)
