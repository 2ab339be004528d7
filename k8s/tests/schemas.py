"""Objects against the schemas of Kubernetes, and ScaledObjects against KEDA's own definition."""

import functools

import jsonschema
import kubernetes_validate
import yaml

import manifests
from program import ROOT

KUBERNETES = ("1.30", "1.37")
KEDA = ROOT / "Tests/Fixtures/keda/scaledobjects.yaml"


def closed(schema):
    """The schema, refusing fields that it does not name: a misspelt one would otherwise pass."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        return schema
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


@functools.cache
def keda_schema():
    definition = yaml.safe_load(KEDA.read_text())
    schema = closed(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def problems(objects):
    keda = keda_schema()
    for item in objects:
        if item["apiVersion"].startswith("keda.sh/"):
            for error in jsonschema.Draft7Validator(keda).iter_errors(item):
                yield f"{manifests.name(item)}: {error.json_path}: {error.message}"
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(item, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{manifests.name(item)} ({version}): {error.json_path}: {error.message}"
