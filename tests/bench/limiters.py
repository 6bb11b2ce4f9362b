"""Tries rate limiters of other projects on the same Valkey with one schedule that gets more out of most of them.

Reads {"url": ..., "limit": n, "span_s": n} on standard input, prints {name: overshoot | {"error": ...} | "not run"} on
standard output. The schedule: one call, a pause of 0.6 spans, then as many calls as are admitted for two
spans. The overshoot is the most that was certainly admitted within one span, over the limit.
"""

import json
import sys
import time


def worst(asks, limit, span):
    """The overshoot of a limiter, given what asks it once."""
    seen = []

    def ask():
        sent = time.monotonic()
        if asks():
            seen.append((sent, time.monotonic()))

    ask()
    time.sleep(0.6 * span)
    until = time.monotonic() + 2 * span
    while time.monotonic() < until:
        ask()
        time.sleep(0.0005)
    most = 0
    for first, _ in seen:
        most = max(most, sum(1 for sent, answered in seen if sent >= first and answered < first + span))
    return round(most / limit, 4)


def limits_arms(url, limit, span):
    from limits import RateLimitItemPerSecond, storage, strategies

    kept = storage.storage_from_string(url)
    for name in ("FixedWindow", "MovingWindow", "SlidingWindowCounter"):
        limiter = getattr(strategies, name + "RateLimiter")(kept)
        tight = RateLimitItemPerSecond(limit, span)
        yield f"limits {name}", lambda: limiter.hit(tight, name)


def throttled_arms(url, limit, span):
    from datetime import timedelta

    from throttled import RateLimiterType, Throttled, rate_limiter, store

    kept = store.RedisStore(server=url)
    for kind in (
        RateLimiterType.FIXED_WINDOW,
        RateLimiterType.SLIDING_WINDOW,
        RateLimiterType.TOKEN_BUCKET,
        RateLimiterType.GCRA,
    ):
        quota = rate_limiter.per_duration(timedelta(seconds=span), limit=limit, burst=limit)
        throttle = Throttled(key="tight", using=kind.value, quota=quota, store=kept)
        yield f"throttled-py {kind.value}", lambda: not throttle.limit().limited


def litellm_arms(url, limit, span):
    import asyncio
    import logging
    import os
    from urllib.parse import urlparse

    # Nothing is fetched: the prices it comes with will do.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_RATE_LIMIT_WINDOW_SIZE"] = str(span)
    from litellm.caching.dual_cache import DualCache
    from litellm.caching.redis_cache import RedisCache
    from litellm.proxy.hooks.parallel_request_limiter_v3 import _PROXY_MaxParallelRequestsHandler_v3
    from litellm.proxy.utils import InternalUsageCache

    logging.disable(logging.CRITICAL)
    server = urlparse(url)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    cache = DualCache(redis_cache=RedisCache(host=server.hostname, port=server.port))
    limiter = _PROXY_MaxParallelRequestsHandler_v3(internal_usage_cache=InternalUsageCache(cache))
    tight = {"requests_per_unit": limit, "window_size": span}
    descriptor = {"key": "api_key", "value": "tight", "rate_limit": tight}

    def ask():
        answer = loop.run_until_complete(limiter.should_rate_limit(descriptors=[descriptor]))
        return answer["overall_code"] == "OK"

    yield "litellm v3", ask


def main():
    request = json.load(sys.stdin)
    url, limit, span = request["url"], request["limit"], request["span_s"]
    results = {}
    peers = (("limits", limits_arms), ("throttled-py", throttled_arms), ("litellm", litellm_arms))
    for peer, arms in peers:
        try:
            for name, ask in arms(url, limit, span):
                try:
                    results[name] = worst(ask, limit, span)
                except Exception as error:  # A peer that breaks is reported, not hidden.
                    results[name] = {"error": f"{type(error).__name__}: {error}"}
        except ImportError:
            results[peer] = "not run"
    json.dump(results, sys.stdout)


main()
