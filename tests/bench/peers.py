"""Runs the same graph of agents on peers, where they are installed.

Reads {"agents": {name: [inputs]}, "latency_ms": n, "critical_path_ms": n, "runs": n} on standard input, prints
{peer: {"makespan_ms", "import_ms", "ratio"} | "not run"} on standard output; the ratio is that of its makespan and the critical path. Each agent sleeps for the latency and passes a line on; nothing else is measured. The import counts
apart: it is paid once per process.
"""

import json
import statistics
import sys
import time


def langgraph(graph, latency, runs):
    started = time.perf_counter()
    try:
        import operator
        from typing import Annotated, TypedDict

        from langgraph.graph import END, START, StateGraph
    except ImportError:
        return "not run"
    import asyncio

    import_ms = (time.perf_counter() - started) * 1000

    class State(TypedDict):
        lines: Annotated[list, operator.add]

    def node(name):
        async def work(state):
            await asyncio.sleep(latency)
            return {"lines": [name]}

        return work

    builder = StateGraph(State)
    read = {name for inputs in graph.values() for name in inputs}
    for name in graph:
        builder.add_node(name, node(name))
    for name, inputs in graph.items():
        # An edge from a list waits for all of it, which is what needs and uses mean.
        builder.add_edge(inputs if inputs else START, name)
        if name not in read:
            builder.add_edge(name, END)
    compiled = builder.compile()

    async def once():
        began = time.perf_counter()
        result = await compiled.ainvoke({"lines": []})
        assert len(result["lines"]) == len(graph), result
        return (time.perf_counter() - began) * 1000

    async def measure():
        await once()
        return [await once() for _ in range(runs)]

    return {"makespan_ms": statistics.median(asyncio.run(measure())), "import_ms": import_ms}


def crewai(graph, latency, runs):
    started = time.perf_counter()
    try:
        from crewai.flow.flow import Flow, and_, listen, start
    except ImportError:
        return "not run"
    import asyncio

    import_ms = (time.perf_counter() - started) * 1000

    def method(name):
        async def work(self):
            await asyncio.sleep(latency)
            self.state.setdefault("lines", []).append(name)

        work.__name__ = name
        return work

    body = {}
    for name, inputs in graph.items():
        decorate = start() if not inputs else listen(and_(*inputs) if len(inputs) > 1 else inputs[0])
        body[name] = decorate(method(name))
    Graph = type("Graph", (Flow,), body)

    async def once():
        began = time.perf_counter()
        flow = Graph()
        await flow.kickoff_async()
        assert len(flow.state["lines"]) == len(graph), flow.state
        return (time.perf_counter() - began) * 1000

    async def measure():
        await once()
        return [await once() for _ in range(runs)]

    return {"makespan_ms": statistics.median(asyncio.run(measure())), "import_ms": import_ms}


def main():
    request = json.load(sys.stdin)
    latency = request["latency_ms"] / 1000
    results = {}
    for name, peer in (("langgraph", langgraph), ("crewai", crewai)):
        try:
            measured = peer(request["agents"], latency, request["runs"])
            if measured != "not run":
                measured["ratio"] = round(measured["makespan_ms"] / request["critical_path_ms"], 3)
            results[name] = measured
        except Exception as error:  # A peer that breaks is reported, not hidden.
            results[name] = {"error": f"{type(error).__name__}: {error}"}
    json.dump(results, sys.stdout)


main()
