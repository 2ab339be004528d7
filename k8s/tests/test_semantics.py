"""Each check finds the mistake that it is there for: bundles are right, then one thing is changed."""

import copy
import unittest

import manifests
import semantics


class AnyProgram:
    """Knows what the manifests use, so that these tests need no binary."""

    metrics = {"cardume_pool_demand_slots": {"pool"}}

    def has_command(self, *words):
        return words in {("gateway",), ("worker",), ("exporter",), ("migrate", "up")}

    def has_variable(self, name):
        return name.startswith("CARDUME_") and "NONSENSE" not in name


SECRETS = manifests.examples()
BUILT = {name: manifests.build(name) for name in ("examples/lia", "overlays/keda")}


def problems(name, change):
    bundle = semantics.Bundle(copy.deepcopy(BUILT[name]), SECRETS, AnyProgram())
    change(bundle)
    return semantics.problems(bundle)


def get(bundle, kind, name):
    return manifests.find(bundle.objects, kind, name)


def own(bundle, name="cardume-worker-heavy", kind="Deployment"):
    return manifests.container(get(bundle, kind, name))


def set_variable(container, name, value):
    next(item for item in container["env"] if item["name"] == name)["value"] = value


def drop(bundle, kind, name):
    bundle.objects.remove(get(bundle, kind, name))


def configure(bundle, old, new):
    for item in manifests.of(bundle.objects, "ConfigMap"):
        if "cardume.yaml" in item["data"]:
            assert old in item["data"]["cardume.yaml"], old
            item["data"]["cardume.yaml"] = item["data"]["cardume.yaml"].replace(old, new)


def hpa(bundle, name="cardume-worker-suporte"):
    return get(bundle, "HorizontalPodAutoscaler", name)["spec"]


def external(bundle):
    return hpa(bundle)["metrics"][0]["external"]


def deployment(bundle, name="cardume-worker-heavy"):
    return get(bundle, "Deployment", name)["spec"]


def scaled(bundle):
    return get(bundle, "ScaledObject", "cardume-worker")["spec"]


HEAVY, LIA, KEDA = "cardume-worker-heavy", "examples/lia", "overlays/keda"
POD = lambda bundle, name=HEAVY: deployment(bundle, name)["template"]["spec"]

# What is changed, in which bundle, and a part of the problem that must be told.
MISTAKES = {
    "selector misses": (LIA, lambda b: deployment(b)["selector"]["matchLabels"].update(x="y"), "misses its own pods"),
    "selectors overlap": (
        LIA,
        lambda b: deployment(b)["selector"]["matchLabels"].pop("app.kubernetes.io/component"),
        "takes pods of",
    ),
    "service": (
        LIA,
        lambda b: get(b, "Service", "cardume-gateway")["spec"]["selector"].update(x="y"),
        "Service/cardume-gateway: selects no pods",
    ),
    "spread": (
        LIA,
        lambda b: POD(b)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update(x="y"),
        "spreads pods",
    ),
    "policy selects nobody": (
        LIA,
        lambda b: get(b, "NetworkPolicy", "cardume-peers")["spec"]["podSelector"]["matchLabels"].update(x="y"),
        "cardume-peers: selects no pods",
    ),
    "no disruption budget": (LIA, lambda b: drop(b, "PodDisruptionBudget", HEAVY), "0 disruption budgets"),
    "port of the program": (LIA, lambda b: set_variable(own(b), "CARDUME_HTTP_PORT", "9090"), "CARDUME_HTTP_PORT is 9090"),
    "port of a service": (
        LIA,
        lambda b: get(b, "Service", "cardume-exporter")["spec"]["ports"][0].update(targetPort="metrics"),
        "has no port metrics",
    ),
    "port of a probe": (
        LIA,
        lambda b: own(b)["livenessProbe"]["httpGet"].update(port="admin"),
        "livenessProbe asks port admin",
    ),
    "port of a policy": (
        LIA,
        lambda b: get(b, "NetworkPolicy", "cardume-doors")["spec"]["ingress"][0]["ports"][0].update(port=8081),
        "nobody listens on 8081",
    ),
    "ingress too wide": (
        LIA,
        lambda b: get(b, "Ingress", "cardume")["spec"]["rules"][0]["http"]["paths"][0].update(path="/"),
        "must not be reached",
    ),
    "ingress to nowhere": (LIA, lambda b: drop(b, "Service", "cardume-gateway"), "no service cardume-gateway"),
    "path of a probe": (
        LIA,
        lambda b: own(b)["livenessProbe"]["httpGet"].update(path="/health"),
        "livenessProbe does not ask /health/live",
    ),
    "time to start": (LIA, lambda b: own(b)["startupProbe"].update(failureThreshold=3), "6 s to start"),
    "time to be found dead": (LIA, lambda b: own(b)["livenessProbe"].update(failureThreshold=1), "found dead after 5 s"),
    "grace": (LIA, lambda b: POD(b).update(terminationGracePeriodSeconds=60), "is killed after 60 s"),
    "command": (LIA, lambda b: own(b).update(args=["wrker"]), "no command wrker"),
    "variable": (
        LIA,
        lambda b: own(b)["env"].append({"name": "CARDUME_NONSENSE", "value": "1"}),
        "no variable CARDUME_NONSENSE",
    ),
    "secret file": (
        LIA,
        lambda b: set_variable(own(b), "CARDUME_MODEL_KEY_FILE", "/run/secrets/cardume/api-token"),
        "api-token is not mounted",
    ),
    "account": (LIA, lambda b: drop(b, "ServiceAccount", "cardume-worker"), "no ServiceAccount cardume-worker"),
    "config map": (LIA, lambda b: POD(b)["volumes"][0]["configMap"].update(name="other"), "no ConfigMap other"),
    "secret": (
        LIA,
        lambda b: POD(b)["volumes"][1]["projected"]["sources"][0]["secret"].update(name="other"),
        "no Secret other",
    ),
    "mount": (LIA, lambda b: own(b)["volumeMounts"][0].update(name="other"), "mounts other"),
    "image": (LIA, lambda b: own(b).update(image="cardume:latest"), "is not pinned"),
    "root": (LIA, lambda b: POD(b)["securityContext"].pop("runAsNonRoot"), "may run as root"),
    "seccomp": (LIA, lambda b: POD(b)["securityContext"].pop("seccompProfile"), "no seccomp profile"),
    "privileges": (LIA, lambda b: own(b)["securityContext"].pop("capabilities"), "keeps privileges"),
    "writable": (LIA, lambda b: own(b)["securityContext"].update(readOnlyRootFilesystem=False), "may write"),
    "memory": (LIA, lambda b: own(b)["resources"]["limits"].update(memory="1Gi"), "must be reserved"),
    "cpu limit": (LIA, lambda b: own(b)["resources"]["limits"].update(cpu="1"), "a CPU limit"),
    "service links": (LIA, lambda b: POD(b).pop("enableServiceLinks"), "leak into"),
    "token": (LIA, lambda b: POD(b).update(automountServiceAccountToken=True), "has a token"),
    "rolling": (LIA, lambda b: deployment(b)["strategy"]["rollingUpdate"].update(maxUnavailable=1), "rolls with a gap"),
    "one node": (LIA, lambda b: POD(b).pop("topologySpreadConstraints"), "may be on one node"),
    "target": (LIA, lambda b: hpa(b)["scaleTargetRef"].update(name="other"), "no Deployment other"),
    "two autoscalers": (LIA, lambda b: hpa(b)["scaleTargetRef"].update(name="cardume-gateway"), "has two autoscalers"),
    "replicas given": (LIA, lambda b: deployment(b).update(replicas=3), "spec.replicas fights"),
    "min over max": (LIA, lambda b: hpa(b).update(minReplicas=21), "between 21 and 20"),
    "metric": (LIA, lambda b: external(b)["metric"].update(name="cardume_pool_demand"), "no metric cardume_pool_demand"),
    "metric's label": (LIA, lambda b: external(b)["metric"]["selector"]["matchLabels"].update(queue="x"), "has no label"),
    "kind of target": (LIA, lambda b: external(b)["target"].update(type="Value"), "its target is an AverageValue"),
    "pool": (LIA, lambda b: external(b)["metric"]["selector"]["matchLabels"].update(pool="other"), "no pool other"),
    "target of a pod": (LIA, lambda b: external(b)["target"].update(averageValue="16"), "is not 0.8"),
    "utilisation": (
        LIA,
        lambda b: hpa(b, "cardume-gateway")["metrics"][0]["resource"]["target"].update(averageUtilization=700),
        "percentage",
    ),
    "window": (
        LIA,
        lambda b: hpa(b)["behavior"]["scaleDown"].update(stabilizationWindowSeconds=7200),
        "stabilizationWindowSeconds",
    ),
    "select policy": (LIA, lambda b: hpa(b)["behavior"]["scaleUp"].update(selectPolicy="Most"), "selectPolicy Most"),
    "policy": (LIA, lambda b: hpa(b)["behavior"]["scaleUp"]["policies"][0].update(periodSeconds=9999), "scaleUp policy"),
    "policy's type": (LIA, lambda b: hpa(b)["behavior"]["scaleUp"]["policies"][0].update(type="Percnt"), "scaleUp policy"),
    "no behaviour": (LIA, lambda b: hpa(b).pop("behavior"), "left to defaults"),
    "both adapters": (
        KEDA,
        lambda b: b.objects.append(
            next(
                i
                for i in BUILT[LIA]
                if i["kind"] == "HorizontalPodAutoscaler" and i["spec"]["metrics"][0]["type"] == "External"
            )
        ),
        "both serve",
    ),
    "keda min over max": (KEDA, lambda b: scaled(b).update(minReplicaCount=30), "between 30 and 20"),
    "keda fallback": (KEDA, lambda b: scaled(b).pop("fallback"), "needs a fallback"),
    "keda fallback behaviour": (KEDA, lambda b: scaled(b)["fallback"].update(behavior="higher"), "none that KEDA knows"),
    "keda service": (
        KEDA,
        lambda b: scaled(b)["triggers"][0]["metadata"].update(
            url="http://cardume-gateway.cardume.svc:8080/autoscaling/v1/pools"
        ),
        "no Service cardume-gateway",
    ),
    "keda path": (
        KEDA,
        lambda b: scaled(b)["triggers"][0]["metadata"].update(url="http://cardume-exporter.cardume.svc:8080/pools"),
        "asks /pools",
    ),
    "keda namespace": (
        KEDA,
        lambda b: scaled(b)["triggers"][0]["metadata"].update(
            url="http://cardume-exporter.other.svc:8080/autoscaling/v1/pools"
        ),
        "another namespace",
    ),
    "keda location": (
        KEDA,
        lambda b: scaled(b)["triggers"][0]["metadata"].update(valueLocation="pools.default.demand"),
        "looks at",
    ),
    "keda kind of target": (KEDA, lambda b: scaled(b)["triggers"][0].update(metricType="Value"), "AverageValue"),
    "lane without a worker": (LIA, lambda b: drop(b, "Deployment", HEAVY), "no worker for suporte, lane heavy"),
    "queue without a worker": (
        LIA,
        lambda b: configure(b, "  ouvidoria:\n    prompt", "  vendas:\n    prompt"),
        "no worker for vendas, lane light",
    ),
    "slots of a pool": (
        LIA,
        lambda b: set_variable(own(b), "CARDUME_SLOTS", "24"),
        "does not have the 16 slots that its pool says",
    ),
    "worker without a pool": (LIA, lambda b: configure(b, "heavy: { lanes: heavy, slots: 16 }", ""), "is in no pool"),
}


class MistakeTests(unittest.TestCase):
    def test_what_is_shipped_is_right(self):
        for name in BUILT:
            self.assertEqual(problems(name, lambda bundle: None), [], name)

    def test_every_mistake_is_found(self):
        for mistake, (name, change, text) in MISTAKES.items():
            with self.subTest(mistake):
                found = problems(name, change)
                self.assertTrue(any(text in problem for problem in found), f"{text!r} is not in {found}")

    def test_every_check_has_a_mistake(self):
        found = {problem.split(":")[0] for name, change, _ in MISTAKES.values() for problem in problems(name, change)}
        self.assertEqual(found, {check.__name__ for check in semantics.CHECKS})


if __name__ == "__main__":
    unittest.main()
