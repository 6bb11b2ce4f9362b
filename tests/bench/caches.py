"""How soon caches of other projects find the answer to a request they have: in this process, and in the same Valkey.

Reads {"host": ..., "port": n, "request_bytes": n, "answer_bytes": n, "look_ups": n} on standard input, prints
{name: {"p50": microseconds, "p99": microseconds} | {"error": ...} | "not run"} on standard output.
"""

import json
import os
import sys
import tempfile
import time

ANSWERS = 200


def took(find, look_ups):
    """The times of so many look-ups, given what finds the answer to the request of a number."""
    times = []
    for number in range(look_ups):
        began = time.perf_counter()
        answer = find(number % ANSWERS)
        times.append((time.perf_counter() - began) * 1e6)
        if answer is None:
            raise LookupError("an answer that was stored was not found")
    times.sort()
    return {"p50": round(times[len(times) // 2], 1), "p99": round(times[len(times) * 99 // 100], 1)}


def gptcache_arms(asked, answer, asks):
    from gptcache import Cache
    from gptcache.adapter.api import get, put
    from gptcache.processor.pre import get_prompt

    cache = Cache()
    cache.init(pre_embedding_func=get_prompt)
    for number in range(ANSWERS):
        put(asked(number), answer, cache_obj=cache)
    yield "gptcache near", lambda number: get(asked(number), cache_obj=cache)


def litellm_arms(asked, answer, asks):
    # It would ask the internet for prices.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    from litellm.caching.caching import Cache

    def request(number):
        return {"model": "m", "messages": [{"role": "user", "content": asked(number)}]}

    for name, settings in (
        ("litellm near", {"type": "local"}),
        ("litellm redis", {"type": "redis", "host": asks["host"], "port": str(asks["port"])}),
    ):
        cache = Cache(**settings)
        for number in range(ANSWERS):
            cache.add_cache(answer, **request(number))
        yield name, lambda number: cache.get_cache(**request(number))


def main():
    asks = json.load(sys.stdin)
    answer = json.dumps({"answer": "x" * (asks["answer_bytes"] - 14)})
    filler = "x" * asks["request_bytes"]
    found = {}
    out = sys.stdout
    # What they print is not the result, and what they write belongs to nobody.
    sys.stdout = sys.stderr
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for peer, arms in (("gptcache", gptcache_arms), ("litellm", litellm_arms)):
            try:
                for name, find in arms(lambda number: f"{number} {filler}", answer, asks):
                    try:
                        found[name] = took(find, asks["look_ups"])
                    except Exception as error:
                        found[name] = {"error": f"{type(error).__name__}: {error}"[:200]}
            except ImportError:
                found[peer] = "not run"
            except Exception as error:
                found[peer] = {"error": f"{type(error).__name__}: {error}"[:200]}
        json.dump(found, out)
        out.flush()
        # Without their goodbyes, which write into the folder.
        os._exit(0)


main()
