"""Does in an ext_authz service what the gate does: PyJWT verifies the session token, Redis holds the counter.

    python authorize.py      listens on a free port of 127.0.0.1 and prints the port
    REDIS_URL, CLERK_JWT_KEY, ISSUER    the URL of Redis, the public key in PEM, the issuer of accepted tokens
"""

import os
from datetime import datetime, timezone

import jwt
import redis.asyncio as redis
from fastapi import FastAPI, Request, Response
from served import serve

app = FastAPI(openapi_url=None)
counters = redis.from_url(os.environ["REDIS_URL"])
key = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).prepare_key(os.environ["CLERK_JWT_KEY"])
issuer = os.environ["ISSUER"]
authorized_party = "https://app.example.com"
limits = {"free": 5, "pro": 1_000_000_000}


@app.api_route("/{path:path}", methods=["GET", "POST"])
async def authorize(request: Request) -> Response:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        claims = jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, leeway=5)
    except jwt.InvalidTokenError:
        return Response(status_code=401)
    if scheme.lower() != "bearer" or claims.get("azp") != authorized_party:
        return Response(status_code=401)
    plan = claims.get("public_metadata", {}).get("plan", "free")
    limit = limits.get(plan, limits["free"])
    counter = f"asks:{claims['sub']}:{datetime.now(timezone.utc):%Y-%m}"
    async with counters.pipeline(transaction=False) as pipeline:
        used, _ = await pipeline.incr(counter).expire(counter, 32 * 86400).execute()
    fields = {
        "x-tollgate-user": claims["sub"],
        "x-tollgate-session": claims["sid"],
        "x-tollgate-plan": plan,
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(max(0, limit - used)),
    }
    return Response(status_code=200 if used <= limit else 429, headers=fields)


serve(app)
