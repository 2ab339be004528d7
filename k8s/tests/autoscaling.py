"""Autoscalers: whom they scale, by what, and how. A part of semantics.py."""

from manifests import find, name, of, quantity


def autoscaling(bundle):
    """Autoscalers name what exists, within what controllers accept; nobody else sets the number of replicas."""
    scaled = {}
    for item in of(bundle.objects, "HorizontalPodAutoscaler", "ScaledObject"):
        spec = item["spec"]
        target = find(bundle.objects, "Deployment", spec["scaleTargetRef"]["name"])
        if target is None:
            yield f"{name(item)}: there is no Deployment {spec['scaleTargetRef']['name']}"
            continue
        if scaled.setdefault(target["metadata"]["name"], item) is not item:
            yield f"{name(item)}: {name(target)} has two autoscalers"
        if "replicas" in target["spec"]:
            yield f"{name(target)}: spec.replicas fights {name(item)}"
        yield from (horizontal if item["kind"] == "HorizontalPodAutoscaler" else scaled_object)(bundle, item)
    externals = [
        item for item in of(bundle.objects, "HorizontalPodAutoscaler") if item["spec"]["metrics"][0]["type"] == "External"
    ]
    if externals and of(bundle.objects, "ScaledObject"):
        yield "KEDA and prometheus-adapter both serve external.metrics.k8s.io"


def horizontal(bundle, item):
    spec = item["spec"]
    yield from replicas(item, spec.get("minReplicas", 1), spec["maxReplicas"])
    yield from behaviour(item, spec.get("behavior", {}))
    for metric in spec["metrics"]:
        if metric["type"] == "External":
            external = metric["external"]
            asked, selector = external["metric"]["name"], external["metric"].get("selector", {}).get("matchLabels", {})
            if asked not in bundle.program.metrics:
                yield f"{name(item)}: there is no metric {asked}"
            elif set(selector) - bundle.program.metrics[asked]:
                yield f"{name(item)}: {asked} has no label {set(selector) - bundle.program.metrics[asked]}"
            if external["target"]["type"] != "AverageValue":
                yield f"{name(item)}: demand is a sum: its target is an AverageValue"
            else:
                yield from pool_target(bundle, item, selector.get("pool"), quantity(external["target"]["averageValue"]))
        elif metric["type"] == "Resource":
            if not 1 <= metric["resource"]["target"].get("averageUtilization", 0) <= 100:
                yield f"{name(item)}: utilisation must be a percentage"
        else:
            yield f"{name(item)}: metric type {metric['type']}"


def scaled_object(bundle, item):
    spec = item["spec"]
    low, high = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
    yield from replicas(item, low, high)
    yield from behaviour(item, spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {}))
    if not low <= spec.get("fallback", {}).get("replicas", -1) <= high:
        yield f"{name(item)}: needs a fallback between {low} and {high}"
    if spec.get("fallback", {}).get("behavior") not in (
        "static",
        "currentReplicas",
        "currentReplicasIfHigher",
        "currentReplicasIfLower",
    ):
        yield f"{name(item)}: fallback.behavior is none that KEDA knows"
    for trigger in spec["triggers"]:
        metadata = trigger["metadata"]
        if trigger["type"] != "metrics-api" or trigger.get("metricType") != "AverageValue":
            yield f"{name(item)}: must ask the exporter for an AverageValue"
            continue
        host, port_and_path = metadata["url"].removeprefix("http://").split(":")
        service = find(bundle.objects, "Service", host.split(".")[0])
        port, _, path = port_and_path.partition("/")
        if service is None or int(port) not in {own["port"] for own in service["spec"]["ports"]}:
            yield f"{name(item)}: there is no Service {host} with port {port}"
        if host.split(".")[1] != item["metadata"]["namespace"]:
            yield f"{name(item)}: asks in another namespace"
        if path != "autoscaling/v1/pools":
            yield f"{name(item)}: asks /{path}"
        first, pool, last = metadata["valueLocation"].split(".")
        if (first, last) != ("pools", "demandSlots"):
            yield f"{name(item)}: looks at {metadata['valueLocation']}"
        yield from pool_target(bundle, item, pool, float(metadata["targetValue"]))


def pool_target(bundle, item, pool, target):
    """A pod is full when four fifths of its slots are taken."""
    settings = (bundle.configuration or {}).get("pools", {}).get(pool)
    if settings is None:
        yield f"{name(item)}: there is no pool {pool}"
    elif abs(target - 0.8 * settings["slots"]) > 0.01:
        yield f"{name(item)}: {target:g} is not 0.8 of the {settings['slots']} slots of a pod"


def replicas(item, low, high):
    if not 1 <= low <= high:
        yield f"{name(item)}: between {low} and {high} replicas"


def behaviour(item, behavior):
    for direction in ("scaleUp", "scaleDown"):
        rules = behavior.get(direction)
        if rules is None:
            yield f"{name(item)}: {direction} is left to defaults"
            continue
        if not 0 <= rules.get("stabilizationWindowSeconds", 0) <= 3600:
            yield f"{name(item)}: {direction}.stabilizationWindowSeconds"
        if rules.get("selectPolicy", "Max") not in ("Max", "Min", "Disabled"):
            yield f"{name(item)}: {direction}.selectPolicy {rules['selectPolicy']}"
        for policy in rules.get("policies", []):
            if policy["type"] not in ("Pods", "Percent") or policy["value"] < 1 or not 1 <= policy["periodSeconds"] <= 1800:
                yield f"{name(item)}: {direction} policy {policy}"
