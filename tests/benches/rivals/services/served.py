"""Serves an application on a free port of the loopback until standard input ends."""

import os
import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI


def serve(app: FastAPI) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run([listener])


def end_with_standard_input() -> None:
    """It closes when whoever started this is gone, however that ended."""
    sys.stdin.read()
    os._exit(0)
