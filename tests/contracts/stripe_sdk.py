"""Signs and checks webhooks with Stripe's own library.

Reads a list of requests from standard input, each {"sign": …} or {"check": …}. Writes one JSON object to standard
output: the API version that the library is made for, and the answers in the order of the requests. Bodies are text.
"""

import json
import sys

import stripe


def sign(body: str, secret: str, timestamp: int) -> str:
    """Returns the value of the Stripe-Signature field."""
    return stripe.WebhookSignature.generate_signature_header(body, secret, timestamp)


def check(body: str, header: str, secret: str) -> str:
    """Returns the id of the event, or the reason why the library rejects it."""
    try:
        return stripe.Webhook.construct_event(body.encode(), header, secret).id
    except stripe.SignatureVerificationError as error:
        return f"refused: {error}"


def answer(request: dict):
    [(name, arguments)] = request.items()
    return {"sign": sign, "check": check}[name](**arguments)


json.dump({"version": stripe.api_version, "answers": [answer(request) for request in json.load(sys.stdin)]}, sys.stdout)
