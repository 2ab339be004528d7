#!/usr/bin/env python3
"""All checks of manifests, monitoring, images and their documents: run.py BINARY. Called by ./check, which brings the tools."""

import json
import pathlib
import subprocess
import sys
import tempfile

import yaml

import deployment
import live
import local
import manifests
import monitoring
import schemas
import semantics
from program import ROOT, Program

failures = []


def report(what, problems):
    problems = list(problems)
    print(f"{'ok  ' if not problems else 'FAIL'} {what}", flush=True)
    for problem in problems:
        print(f"     {problem}")
    failures.extend(problems)


def tool(*command):
    """What a tool complains of; nothing when it is content."""
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return [] if result.returncode == 0 else (result.stdout + result.stderr).strip().splitlines() or ["failed"]


def configuration_problems(bundle):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(bundle.configuration_text)
        file.flush()
        for item in bundle.cardume:
            problem = bundle.program.configuration_problem(
                file.name, {**manifests.variables(item), "CARDUME_HTTP_ADVERTISE": "http://10.0.0.1:8080"}
            )
            if problem:
                yield f"{manifests.name(item)}: {problem}"


def alert_problems():
    cases = yaml.safe_load(monitoring.CASES.read_text())
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump(monitoring.promtool_tests(monitoring.ALERTS, cases), file)
        file.flush()
        return tool("promtool", "test", "rules", file.name)


def scrape_problems(file):
    """Debian's promtool is built without Kubernetes: its discovery is looked at by monitoring.py, the rest by promtool."""
    settings = yaml.safe_load((ROOT / file).read_text())
    yield from monitoring.discovery_problems(settings)
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as copy:
        yaml.safe_dump(settings, copy)
        copy.flush()
        yield from tool("promtool", "check", "config", "--syntax-only", copy.name)


def dashboard_rules():
    """Every query of every dashboard as a recording rule, so that promtool reads it."""
    rules = []
    for path in monitoring.DASHBOARDS:
        for index, (_, query) in enumerate(monitoring.queries(json.loads(path.read_text()))):
            rules.append({"record": f"dashboard:{path.stem}:{index}", "expr": query})
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}, file)
        file.flush()
        return tool("promtool", "check", "rules", file.name)


def generated_dashboards():
    with tempfile.TemporaryDirectory() as folder:
        yield from tool(sys.executable, "k8s/monitoring/grafana/generate.py", folder)
        for path in monitoring.DASHBOARDS:
            if path.read_text() != pathlib.Path(folder, path.name).read_text():
                yield f"{path.name} is not what generate.py writes"


def main(binary):
    program = Program(binary)
    secrets = manifests.examples()
    bundles = {name: semantics.Bundle(manifests.build(name), secrets, program) for name in manifests.BUNDLES}
    for name, bundle in bundles.items():
        report(
            f"{name}: {len(bundle.objects)} objects, schemas of Kubernetes {' and '.join(schemas.KUBERNETES)}",
            schemas.problems(bundle.objects),
        )
        report(f"{name}: meaning", semantics.problems(bundle))
        if bundle.configuration:
            report(f"{name}: cardume.yaml with each process' environment", configuration_problems(bundle))
    report("examples of secrets: schemas", schemas.problems(secrets))
    paths = ["/health", "/health/live", "/health/ready", "/metrics"]
    report(
        "probes and metrics are answered",
        (f"{path}: {status}" for path, status in program.answers(paths).items() if status != 200),
    )
    report(
        "yamllint", tool("yamllint", "--strict", "-c", "k8s/tests/yamllint.yaml", "k8s", "compose", "compose.yaml", ".github")
    )

    report("compose.yaml: schema", tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"))
    report("compose.yaml: meaning", deployment.compose(program))
    report("Dockerfile: meaning", deployment.dockerfile(program))
    report("documents: commands, settings, pages", deployment.documents(program))
    report(
        "ci.yml: schema", tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/ci.yml")
    )

    report("alerts: syntax", tool("promtool", "check", "rules", str(monitoring.ALERTS)))
    report("alerts: metrics, severities, runbooks, cases", monitoring.rule_problems(program, monitoring.alerts()))
    report(f"alerts: {len(monitoring.alerts())} fire and resolve", alert_problems())
    report("prometheus-adapter: metrics", monitoring.adapter_problems(program))
    for file in ("k8s/monitoring/prometheus/prometheus.yml", "compose/prometheus.yml"):
        report(f"{file}: syntax", scrape_problems(file))
    alertmanager = "k8s/monitoring/alertmanager/alertmanager.yml"
    report("routes: syntax", tool("amtool", "check-config", alertmanager))
    for severity, receiver in monitoring.RECEIVERS.items():
        route = ("amtool", "config", "routes", "test", f"--config.file={alertmanager}", f"--verify.receivers={receiver}")
        report(f"routes: {severity} goes to the {receiver}", tool(*route, f"severity={severity}", "alertname=CardumeDown"))

    report("dashboards: as generated", generated_dashboards())
    report("dashboards: metrics", monitoring.dashboard_problems(program))
    report("dashboards: queries", dashboard_rules())
    for path in monitoring.DASHBOARDS:
        report(f"dashboards: fields of {path.name}", monitoring.misspelt(json.loads(path.read_text())))

    report("local: the processes of examples/single-node start, answer, are scraped, stop", local.problems(program.binary))
    report("live: alerts fire, arrive and resolve", live.problems(program.binary))
    report(
        "the checks themselves: each mistake is found", tool(sys.executable, "-m", "unittest", "discover", "-s", "k8s/tests")
    )
    print(f"{len(failures)} problems" if failures else "all is well")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
