"""Reads a page of /metrics with Prometheus's own parser, and prints its samples as JSON: name, labels, value.

    read_metrics.py prometheus|openmetrics < page
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

families = list({"prometheus": prometheus, "openmetrics": openmetrics}[sys.argv[1]](sys.stdin.read()))
untyped = [family.name for family in families if family.type not in ("counter", "histogram")]
if untyped:
    sys.exit(f"these families are neither counters nor histograms: {untyped}")
json.dump([[s.name, s.labels, s.value] for family in families for s in family.samples], sys.stdout)
