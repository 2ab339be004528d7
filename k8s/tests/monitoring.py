"""Rules, dashboards and adapter rules against the reference of metrics; the cases of alerts in promtool's form."""

import json
import re

import yaml

from manifests import K8S
from program import ROOT, TARGET_LABELS

ALERTS = K8S / "monitoring/prometheus/alerts.yml"
CASES = K8S / "tests/alert-cases.yml"
DASHBOARDS = sorted((K8S / "monitoring/grafana/dashboards").glob("*.json"))
ADAPTER = K8S / "overlays/prometheus-adapter/adapter-values.yaml"

RECEIVERS = {"critical": "pager", "warning": "chat", "cost": "mail"}


def alerts(text=None):
    return [rule for group in yaml.safe_load(text or ALERTS.read_text())["groups"] for rule in group["rules"]]


def queries(dashboard):
    """Title and query of each target of each panel, with Grafana's variables filled in."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            text = target["expr"].replace("$__rate_interval", "5m").replace("$namespace", "n").replace("$assistant", "a")
            yield f"{dashboard['title']}, {panel['title']}", text


def query_problems(query, program):
    """Metrics and labels that a query names and the program does not have."""
    text = re.sub(r'"[^"]*"', '""', query)
    found = set(re.findall(r"\b((?:cardume|kube)_[a-z0-9_]+|up\b)", text))
    known = set(TARGET_LABELS)
    for metric in sorted(found):
        base = re.sub(r"_(bucket|sum|count)$", "", metric)
        if base != metric and base in program.histograms:
            known |= program.metrics[base] | {"le"}
        elif metric in program.metrics and metric not in program.histograms:
            known |= program.metrics[metric]
        else:
            yield f"there is no series {metric}"
            return
    if not found:
        yield "names no metric"
    # Each metric's own matchers, then what is grouped and joined by.
    for metric, matchers in re.findall(r"\b((?:cardume|kube)_[a-z0-9_]+|up)\{([^}]*)\}", text):
        base = re.sub(r"_(bucket|sum|count)$", "", metric)
        own = program.metrics.get(metric, program.metrics.get(base, set())) | TARGET_LABELS | {"le"}
        for label in re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers):
            if label not in own:
                yield f"{metric} has no label {label}"
    for group in re.findall(r"\b(?:by|on|ignoring|without)\s*\(([^)]*)\)", text):
        for label in filter(None, (word.strip() for word in group.split(","))):
            if label not in known:
                yield f"nothing has the label {label}"


def rule_problems(program, rules):
    """Alerts: their queries, their severity, their page."""
    for rule in rules:
        own = rule["alert"]
        for problem in query_problems(rule["expr"], program):
            yield f"{own}: {problem}"
        if rule["labels"].get("severity") not in RECEIVERS:
            yield f"{own}: severity {rule['labels'].get('severity')}"
        page = rule["annotations"].get("runbook_url", "")
        if page != f"docs/runbooks/{own}.md" or not (ROOT / page).is_file():
            yield f"{own}: there is no page {page}"
        if not rule["annotations"].get("summary"):
            yield f"{own}: no summary"
    names = {rule["alert"] for rule in rules}
    covered = {case["alert"] for case in yaml.safe_load(CASES.read_text())}
    for missing in sorted(names ^ covered):
        yield f"{missing}: has {'no case' if missing in names else 'a case, but is no alert'}"
    for page in sorted((ROOT / "docs/runbooks").glob("Cardume*.md")):
        if page.stem not in names:
            yield f"{page.name}: there is no such alert"


def dashboard_problems(program):
    for path in DASHBOARDS:
        for title, query in queries(json.loads(path.read_text())):
            for problem in query_problems(query, program):
                yield f"{title}: {problem}"


def adapter_problems(program):
    for rule in yaml.safe_load(ADAPTER.read_text())["rules"]["external"]:
        series = rule["seriesQuery"]
        query = rule["metricsQuery"].replace("<<.Series>>{<<.LabelMatchers>>}", series)
        for problem in query_problems(query, program):
            yield f"prometheus-adapter: {problem}"


def discovery_problems(settings):
    """What is wrong with the discovery of pods in a scrape configuration, which is taken out of it."""
    roles = ("node", "service", "pod", "endpoints", "endpointslice", "ingress")
    for job in settings["scrape_configs"]:
        for discovery in job.pop("kubernetes_sd_configs", []):
            role = discovery["role"]
            if set(discovery) - {"role", "namespaces"} or role not in roles:
                yield f"{job['job_name']}: kubernetes_sd_configs {discovery}"
            known = re.compile(rf"__meta_kubernetes_(namespace$|pod_|service_|{role.removesuffix('s')}_)")
            for label in (label for rule in job["relabel_configs"] for label in rule.get("source_labels", [])):
                if label.startswith("__meta_") and not known.match(label):
                    yield f"{job['job_name']}: {role} has no {label}"


def dropped(given, kept, path="$"):
    """Where `kept`, what a typed reader has made of `given`, lacks something: misspelt fields, mostly."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}.{key}"
            else:
                yield from dropped(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list):
        if not isinstance(kept, list) or len(kept) != len(given):
            yield path
        else:
            for index, (one, other) in enumerate(zip(given, kept)):
                yield from dropped(one, other, f"{path}[{index}]")
    elif given != kept:
        yield path


def misspelt(dashboard):
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    kept = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard)))
    return list(dropped(dashboard, kept))


def promtool_tests(rules_file, cases):
    """The cases as a file for `promtool test rules`: each fires as it says, and neither at the beginning nor afterwards."""
    rules = {rule["alert"]: rule for rule in alerts(rules_file.read_text())}
    tests = []
    for case in cases:
        rule = rules[case["alert"]]
        expected = {**case["fires"]["labels"], "severity": rule["labels"]["severity"]}
        fill = lambda text: re.sub(r"{{ \$labels\.([a-z_]+) }}", lambda found: expected.get(found[1], ""), text)
        firing = {
            "exp_labels": case["fires"]["labels"] | rule["labels"],
            "exp_annotations": {key: fill(text) for key, text in rule["annotations"].items()},
        }
        at = lambda time, *alerts: {"alertname": case["alert"], "eval_time": time, "exp_alerts": list(alerts)}
        tests.append(
            {
                "interval": "1m",
                "input_series": [{"series": series, "values": str(values)} for series, values in case["series"].items()],
                "alert_rule_test": [at("0m"), at(case["fires"]["at"], firing), at(case["resolved"])],
            }
        )
    return {"rule_files": [str(rules_file)], "evaluation_interval": "1m", "tests": tests}
