"""Signs and checks webhooks with the libraries of Svix and of Standard Webhooks.

Reads a list of requests from standard input, each {"sign": …} or {"check": …}. Writes one JSON object to standard
output: the answers in the order of the requests. Bodies are text.
"""

import json
import sys
from datetime import datetime, timezone

import standardwebhooks.webhooks
import svix.webhooks

LIBRARIES = {"svix": svix.webhooks.Webhook, "standardwebhooks": standardwebhooks.webhooks.Webhook}


def sign(library: str, secret: str, id: str, timestamp: int, body: str) -> str:
    """Returns one signature, as in the svix-signature field."""
    at = datetime.fromtimestamp(timestamp, tz=timezone.utc)
    return LIBRARIES[library](secret).sign(id, at, body)


def check(library: str, secret: str, headers: dict, body: str) -> str:
    """Returns "accepted", or the reason why the library rejects the webhook."""
    try:
        LIBRARIES[library](secret).verify(body.encode(), headers)
        return "accepted"
    # What a library does not expect, it rejects by an exception of another kind.
    except Exception as error:
        return f"refused: {error}"


def answer(request: dict):
    [(name, arguments)] = request.items()
    return {"sign": sign, "check": check}[name](**arguments)


json.dump({"answers": [answer(request) for request in json.load(sys.stdin)]}, sys.stdout)
