#!/usr/bin/env python3
"""Writes dashboards/*.json. A dashboard is a list of rows, a row a list of panels: (title, unit, {legend: query}).

`make check-k8s` fails when the files are not what this writes. In queries, NS stands for the chosen namespace and A for the
chosen assistants. What each process says of the whole deployment is taken with max, what it says of itself with sum."""

import json
import pathlib
import sys

NS = 'namespace="$namespace"'
A = 'namespace="$namespace", assistant=~"$assistant"'


def rate(metric, by="", selector=A):
    return f"sum by ({by}) (rate({metric}{{{selector}}}[$__rate_interval]))"


def quantile(q, metric, by="", selector=A):
    labels = ", ".join(filter(None, [by, "le"]))
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{selector}}}[$__rate_interval])))"


def percentiles(metric, selector=A):
    return {f"p{round(q * 100)}": quantile(q, metric, selector=selector) for q in (0.5, 0.95, 0.99)}


def deployment(metric, by, selector=A):
    return f"max by ({by}) ({metric}{{{selector}}})"


def total(metric, by, selector=A):
    return f"sum by ({by}) ({metric}{{{selector}}})"


DASHBOARDS = {
    "queues": (
        "Cardume: queues",
        {
            "Is it keeping up?": [
                (
                    "Unsettled messages",
                    "short",
                    {"{{assistant}} {{lane}}": deployment("cardume_queue_depth", "assistant, lane")},
                ),
                (
                    "Oldest message",
                    "s",
                    {"{{assistant}} {{lane}}": deployment("cardume_oldest_message_seconds", "assistant, lane")},
                ),
                (
                    "In and out",
                    "cps",
                    {
                        "received": rate("cardume_messages_received_total", selector=NS),
                        "finished": rate("cardume_messages_finished_total"),
                    },
                ),
            ],
            "Time": [
                ("Wait for a turn", "s", percentiles("cardume_turn_wait_seconds")),
                ("Turns", "s", percentiles("cardume_turn_duration_seconds")),
                ("Message to reply", "s", percentiles("cardume_reply_delay_seconds")),
            ],
            "Failures": [
                ("Turns by outcome", "cps", {"{{outcome}}": rate("cardume_turn_duration_seconds_count", "outcome")}),
                ("Retries", "cps", {"{{assistant}} {{category}}": rate("cardume_turn_retries_total", "assistant, category")}),
                (
                    "Dead letters",
                    "cps",
                    {"{{assistant}} {{category}}": rate("cardume_dead_letters_total", "assistant, category")},
                ),
            ],
            "Slots": [
                (
                    "Slots",
                    "short",
                    {
                        "in use": total("cardume_slots_in_use", ""),
                        "waiting": total("cardume_slots_waiting", ""),
                        "limit": total("cardume_slots_limit", ""),
                    },
                ),
                (
                    "Limits that adaptation has found",
                    "short",
                    {"{{assistant}} {{lane}}": total("cardume_adaptive_limit", "assistant, lane")},
                ),
                ("Why conversations wait", "cps", {"{{cause}}": rate("cardume_conversation_waits_total", "cause")}),
            ],
            "Scaling": [
                ("Demand in slots", "short", {"{{pool}}": deployment("cardume_pool_demand_slots", "pool", NS)}),
                (
                    "Left out of the demand",
                    "short",
                    {"{{pool}} {{reason}}": deployment("cardume_pool_excluded_slots", "pool, reason", NS)},
                ),
                (
                    "Pods",
                    "short",
                    {
                        "{{pool}}": deployment("cardume_pool_pods", "pool", NS),
                        "{{pool}}, would do": deployment("cardume_pool_suggested_pods", "pool", NS),
                    },
                ),
                ("Oldest message that wants a slot", "s", {"{{pool}}": deployment("cardume_pool_oldest_seconds", "pool", NS)}),
                ("Partitions owned", "short", {"{{pod}}": total("cardume_partitions_owned", "pod", NS)}),
            ],
        },
    ),
    "database": (
        "Cardume: stores",
        {
            "PostgreSQL": [
                ("Commits", "s", percentiles("cardume_journal_commit_duration_seconds", NS)),
                (
                    "Records in a commit",
                    "short",
                    {
                        "mean": rate("cardume_journal_commit_records_sum", selector=NS)
                        + " / "
                        + rate("cardume_journal_commit_records_count", selector=NS)
                    },
                ),
                ("Commits per second", "cps", {"commits": rate("cardume_journal_commit_duration_seconds_count", selector=NS)}),
                ("Connections", "short", {"{{pool}} {{state}}": total("cardume_postgres_connections", "pool, state", NS)}),
                ("Callers that wait for one", "short", {"{{pool}}": total("cardume_postgres_waiting", "pool", NS)}),
                ("Failed calls, repeated", "cps", {"{{code}}": rate("cardume_store_failures_total", "code", NS)}),
            ],
            "Redis": [
                ("Commands", "s", percentiles("cardume_redis_command_duration_seconds", NS)),
                ("Refused or unanswered", "cps", {"{{code}}": rate("cardume_redis_command_failures_total", "code", NS)}),
                ("Connections", "cps", {"{{event}}": rate("cardume_redis_connections_total", "event", NS)}),
                (
                    "Memory",
                    "bytes",
                    {
                        "{{node}}": deployment("cardume_redis_memory_bytes", "node", NS),
                        "limit of {{node}}": deployment("cardume_redis_memory_limit_bytes", "node", NS),
                    },
                ),
                ("Spool: messages that wait for Redis", "short", {"{{pod}}": total("cardume_spool_messages", "pod", NS)}),
            ],
            "Processes": [
                ("Memory", "bytes", {"{{pod}}": total("cardume_process_resident_memory_bytes", "pod", NS)}),
                ("Processor", "percentunit", {"{{pod}}": rate("cardume_process_cpu_seconds_total", "pod", NS)}),
                ("Allocator", "bytes", {"{{state}}": total("cardume_allocator_bytes", "state", NS)}),
            ],
        },
    ),
    "models": (
        "Cardume: models",
        {
            "Calls": [
                ("Calls by outcome", "cps", {"{{model}} {{outcome}}": rate("cardume_model_requests_total", "model, outcome")}),
                ("Time, p95", "s", {"{{model}}": quantile(0.95, "cardume_model_request_duration_seconds", "model")}),
                (
                    "Turned away (429)",
                    "percentunit",
                    {
                        "{{model}}": rate("cardume_model_requests_total", "model", A + ', outcome="rate_limit"')
                        + " / "
                        + rate("cardume_model_requests_total", "model")
                    },
                ),
            ],
            "Tokens and money": [
                ("Tokens per second", "short", {"{{model}} {{kind}}": rate("cardume_model_tokens_total", "model, kind")}),
                (
                    "Cost per hour",
                    "short",
                    {"{{assistant}} {{model}}": "3600 * " + rate("cardume_model_cost_total", "assistant, model")},
                ),
                (
                    "Cost today, of the ceiling",
                    "percentunit",
                    {
                        "{{assistant}}": deployment("cardume_cost_today", "assistant")
                        + " / "
                        + deployment("cardume_cost_limit", "assistant")
                    },
                ),
            ],
            "Budgets": [
                (
                    "Use of budgets",
                    "percentunit",
                    {
                        "{{budget}} {{kind}}": "60 * "
                        + rate("cardume_budget_used_total", "budget, kind", NS)
                        + " / "
                        + deployment("cardume_budget_limit", "budget, kind", NS)
                    },
                ),
                ("Calls that wait for a budget", "short", {"{{budget}}": total("cardume_budget_waiting", "budget", NS)}),
                (
                    "In flight, and what the endpoint takes",
                    "short",
                    {
                        "{{endpoint}}": total("cardume_model_endpoint_in_flight", "endpoint", NS),
                        "limit of {{endpoint}}": total("cardume_model_endpoint_limit", "endpoint", NS),
                    },
                ),
            ],
        },
    ),
    "conversations": (
        "Cardume: conversations",
        {
            "Now": [
                ("In memory", "short", {"{{assistant}}": total("cardume_conversations_in_memory", "assistant")}),
                ("With something to do", "short", {"{{assistant}}": total("cardume_conversations_busy", "assistant")}),
                (
                    "Turns that run or wait for a slot",
                    "short",
                    {"{{assistant}}": deployment("cardume_turns_in_flight", "assistant")},
                ),
            ],
            "Where they go": [
                (
                    "Transfers",
                    "cps",
                    {"{{assistant}} to {{to}}": rate("cardume_conversation_transfers_total", "assistant, to")},
                ),
                ("Closed by a timer", "cps", {"{{assistant}}": rate("cardume_conversations_closed_total", "assistant")}),
                (
                    "Resolution time, p50",
                    "s",
                    {"{{assistant}}": quantile(0.5, "cardume_conversation_resolution_seconds", "assistant")},
                ),
                ("Timers", "cps", {"{{assistant}} {{rule}}": rate("cardume_timers_fired_total", "assistant, rule")}),
                ("Held", "cps", {"{{assistant}}": rate("cardume_conversations_held_total", "assistant")}),
                (
                    "Answered together with another message",
                    "cps",
                    {"{{assistant}}": rate("cardume_messages_merged_total", "assistant")},
                ),
                ("Late replies", "cps", {"{{assistant}} {{action}}": rate("cardume_late_replies_total", "assistant, action")}),
            ],
            "Doors": [
                ("Webhooks", "cps", {"{{source}} {{outcome}}": rate("cardume_webhooks_total", "source, outcome", NS)}),
                (
                    "Messages received",
                    "cps",
                    {"{{channel}} {{outcome}}": rate("cardume_messages_received_total", "channel, outcome", NS)},
                ),
                (
                    "Messages refused",
                    "cps",
                    {"{{source}} {{reason}}": rate("cardume_messages_refused_total", "source, reason", NS)},
                ),
                ("Over the rate limit", "cps", {"{{dimension}}": rate("cardume_rate_limit_refusals_total", "dimension", NS)}),
                ("Requests, p95", "s", {"{{route}}": quantile(0.95, "cardume_http_request_duration_seconds", "route", NS)}),
            ],
        },
    ),
    "gateways": (
        "Cardume: gateway servers",
        {
            "Servers": [
                (
                    "Number connected",
                    "short",
                    {"{{channel}} {{server}}": deployment("cardume_gateway_server_up", "channel, server", NS)},
                ),
                (
                    "Share of conversations",
                    "percentunit",
                    {"{{channel}} {{server}}": deployment("cardume_gateway_server_share", "channel, server", NS)},
                ),
                (
                    "Open circuit breakers",
                    "short",
                    {"{{breaker}}": deployment("cardume_breaker_state", "breaker", NS + ', state="open"')},
                ),
            ],
            "Sends": [
                (
                    "Attempts",
                    "cps",
                    {"{{channel}} {{server}} {{outcome}}": rate("cardume_send_attempts_total", "channel, server, outcome", NS)},
                ),
                (
                    "Time of a send, p95",
                    "s",
                    {"{{channel}}": quantile(0.95, "cardume_send_attempt_duration_seconds", "channel", NS)},
                ),
                ("Replies", "cps", {"{{channel}} {{outcome}}": rate("cardume_replies_total", "channel, outcome", NS)}),
            ],
            "Doubt": [
                ("Sends in doubt", "cps", {"{{channel}}": rate("cardume_sends_in_doubt_total", "channel", NS)}),
                (
                    "How doubts end",
                    "cps",
                    {"{{channel}} {{outcome}}": rate("cardume_sends_reconciled_total", "channel, outcome", NS)},
                ),
                (
                    "Retries and failovers",
                    "cps",
                    {
                        "{{channel}} {{cause}}": rate("cardume_send_retries_total", "channel, cause", NS),
                        "{{channel}} to another server": rate("cardume_send_failovers_total", "channel", NS),
                    },
                ),
            ],
        },
    ),
}


def variable(name, query, many):
    return {
        "name": name,
        "type": "query",
        "label": name,
        "datasource": SOURCE,
        "query": query,
        "refresh": 2,
        "multi": many,
        "includeAll": many,
        **({"allValue": ".*", "current": {"selected": True, "text": "All", "value": "$__all"}} if many else {}),
    }


SOURCE = {"type": "prometheus", "uid": "prometheus"}


def panel(number, x, y, title, unit, queries):
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": 8, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.replace("sum by () ", "sum "),
                "legendFormat": legend,
            }
            for index, (legend, query) in enumerate(queries.items())
        ],
    }


def dashboard(name, title, rows):
    panels, number, y = [], 1, 0
    for row, contents in rows.items():
        panels.append(
            {
                "id": number,
                "type": "row",
                "title": row,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
            }
        )
        number, y = number + 1, y + 1
        for index, content in enumerate(contents):
            panels.append(panel(number, 8 * (index % 3), y + 8 * (index // 3), *content))
            number += 1
        y += 8 * -(-len(contents) // 3)
    return {
        "uid": f"cardume-{name}",
        "title": title,
        "tags": ["cardume"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                variable("namespace", "label_values(cardume_build_info, namespace)", False),
                variable("assistant", 'label_values(cardume_slots_limit{namespace="$namespace"}, assistant)', True),
            ]
        },
        "panels": panels,
    }


def files():
    return {f"{name}.json": json.dumps(dashboard(name, *content), indent=2) + "\n" for name, content in DASHBOARDS.items()}


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "dashboards"
    for name, text in files().items():
        (folder / name).write_text(text)
