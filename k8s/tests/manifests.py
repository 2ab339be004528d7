"""Objects as `kubectl kustomize` prints them, and ways to ask about them."""

import functools
import pathlib
import re
import subprocess

import yaml

K8S = pathlib.Path(__file__).resolve().parents[1]

BUNDLES = ["base", "overlays/prometheus-adapter", "overlays/keda", "examples/lia", "examples/single-node", "monitoring"]
WORKLOADS = ("Deployment", "StatefulSet", "Job")


@functools.cache
def build(name):
    text = subprocess.run(["kubectl", "kustomize", str(K8S / name)], check=True, capture_output=True, text=True).stdout
    return [item for item in yaml.safe_load_all(text) if item]


def examples(pattern="secrets.example.yaml"):
    """The objects of all files of this name: what people fill in and apply themselves."""
    return [item for path in sorted(K8S.rglob(pattern)) for item in yaml.safe_load_all(path.read_text()) if item]


def of(objects, *kinds):
    return [item for item in objects if item["kind"] in kinds]


def name(item):
    return f"{item['kind']}/{item['metadata']['name']}"


def find(objects, kind, wanted):
    return next((item for item in objects if item["kind"] == kind and item["metadata"]["name"] == wanted), None)


def template(workload):
    return workload["spec"]["template"]


def pod(workload):
    return template(workload)["spec"]


def container(workload):
    return pod(workload)["containers"][0]


def labels(workload):
    return template(workload)["metadata"].get("labels", {})


def variables(workload):
    """Those with a value of their own."""
    return {item["name"]: item["value"] for item in container(workload).get("env", []) if "value" in item}


def is_cardume(workload):
    return container(workload)["image"].split(":")[0].split("/")[-1] == "cardume"


def matches(selector, found):
    selector = selector or {}
    if any(found.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", []):
        is_in = found.get(rule["key"]) in rule.get("values", [])
        if {"In": not is_in, "NotIn": is_in, "Exists": rule["key"] not in found, "DoesNotExist": rule["key"] in found}[
            rule["operator"]
        ]:
            return False
    return True


def seconds(text):
    """A duration as the program writes it."""
    number, unit = re.fullmatch(r"([0-9.]+)(ms|s|m|h)", text).groups()
    return float(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


def quantity(text):
    """A Kubernetes quantity as a number."""
    number, unit = re.fullmatch(r"([0-9.]+)(m|k|M|G|Ki|Mi|Gi)?", str(text)).groups()
    return float(number) * {None: 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]
