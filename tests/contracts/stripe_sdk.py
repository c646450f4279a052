"""Signs and checks webhooks with Stripe's own library.

Reads a list of questions from standard input, each {"sign": …} or {"check": …}; answers each, in order, on standard
output, after the version of the API that the library is made for. Bodies are text.
"""

import json
import sys

import stripe


def sign(body: str, secret: str, timestamp: int) -> str:
    """The value of the header field."""
    return stripe.WebhookSignature.generate_signature_header(body, secret, timestamp)


def check(body: str, header: str, secret: str) -> str:
    """The id of the event, or why the library refuses it."""
    try:
        return stripe.Webhook.construct_event(body.encode(), header, secret).id
    except stripe.SignatureVerificationError as refused:
        return f"refused: {refused}"


def answer(question: dict):
    [(name, arguments)] = question.items()
    return {"sign": sign, "check": check}[name](**arguments)


json.dump({"version": stripe.api_version, "answers": [answer(q) for q in json.load(sys.stdin)]}, sys.stdout)
