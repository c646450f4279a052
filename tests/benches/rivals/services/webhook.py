"""The webhook's job as an application does it: Stripe's library verifies and reads, Clerk is brought in line by HTTP.

    python webhook.py        serves on a free port of the loopback, and prints it
    STRIPE_URL, STRIPE_KEY, CLERK_URL, CLERK_KEY, STRIPE_WEBHOOK_SECRET    whom it asks, with which keys
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
