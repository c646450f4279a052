"""Does in an application what the webhook filter does: Stripe's library verifies the event, HTTPX updates Clerk.

    python webhook.py        listens on a free port of 127.0.0.1 and prints the port
    STRIPE_URL, STRIPE_KEY, CLERK_URL, CLERK_KEY, STRIPE_WEBHOOK_SECRET    the APIs, their keys, the signing secret
"""

import os

import httpx
import stripe
from fastapi import FastAPI, Request, Response
from served import serve

app = FastAPI(openapi_url=None)
secret = os.environ["STRIPE_WEBHOOK_SECRET"]
billing = stripe.StripeClient(
    os.environ["STRIPE_KEY"],
    base_addresses={"api": os.environ["STRIPE_URL"]},
    http_client=stripe.HTTPXClient(),
)
users = httpx.AsyncClient(
    base_url=os.environ["CLERK_URL"],
    headers={"authorization": f"Bearer {os.environ['CLERK_KEY']}", "clerk-api-version": "2026-05-12"},
)
plans = {"price_123": "pro"}


@app.post("/webhooks/stripe")
async def webhook(request: Request) -> Response:
    body = await request.body()
    try:
        event = stripe.Webhook.construct_event(body, request.headers.get("stripe-signature", ""), secret)
    except (ValueError, stripe.SignatureVerificationError):
        return Response(status_code=400)
    subscription = await billing.v1.subscriptions.retrieve_async(event["data"]["object"]["id"])
    user = subscription["metadata"]["clerk_user_id"]
    paid = subscription["status"] in ("active", "trialing")
    plan = plans.get(subscription["items"]["data"][0]["price"]["id"], "free") if paid else "free"
    record = (await users.get(f"/v1/users/{user}")).raise_for_status().json()
    if record["public_metadata"].get("plan") != plan:
        change = {"public_metadata": {"plan": plan}}
        (await users.patch(f"/v1/users/{user}/metadata", json=change)).raise_for_status()
    return Response(status_code=200)


serve(app)
