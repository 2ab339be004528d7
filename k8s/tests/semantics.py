"""What schemas do not see. Each check is given a bundle and yields what is wrong, in one line each."""

import dataclasses

import yaml

from autoscaling import autoscaling
from manifests import WORKLOADS, container, find, is_cardume, labels, matches, name, of, pod, seconds, variables
from pools import coverage

# What the program takes after its deadline to close its doors, and something to spare.
DOORS_SECONDS, SPARE_SECONDS = 5, 5
OTHERS_PORTS = {53, 80, 443, 4318, 5432, 6379, 6432}
# Variables of the manifests that are no keys of the configuration.
NO_KEYS = {"CARDUME_CONFIG", "POD_IP"}
SECRETS_FOLDER = "/run/secrets/cardume/"


@dataclasses.dataclass
class Bundle:
    objects: list
    # Secrets that people apply themselves, with all their keys.
    secrets: list
    program: object

    @property
    def workloads(self):
        return of(self.objects, *WORKLOADS)

    @property
    def cardume(self):
        return [item for item in self.workloads if is_cardume(item)]

    @property
    def configuration_text(self):
        """cardume.yaml; None in a bundle without it."""
        return next(
            (item["data"]["cardume.yaml"] for item in of(self.objects, "ConfigMap") if "cardume.yaml" in item["data"]), None
        )

    @property
    def configuration(self):
        return yaml.safe_load(self.configuration_text) if self.configuration_text else None


def selectors(bundle):
    """Whoever selects pods selects some; no two workloads select the same."""
    for item in bundle.workloads:
        selector = item["spec"].get("selector")
        if selector is None:
            continue
        for other in bundle.workloads:
            if matches(selector, labels(other)) != (item is other):
                yield f"{name(item)}: its selector {'misses its own pods' if item is other else 'takes pods of ' + name(other)}"
        for spread in pod(item).get("topologySpreadConstraints", []):
            if not matches(spread["labelSelector"], labels(item)):
                yield f"{name(item)}: spreads pods that are not its own"
    for item in of(bundle.objects, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = item["spec"]
        selector = (
            {"matchLabels": spec["selector"]} if item["kind"] == "Service" else spec.get("selector", spec.get("podSelector"))
        )
        if not any(matches(selector, labels(other)) for other in bundle.workloads):
            yield f"{name(item)}: selects no pods"


def budgets(bundle):
    """Each Deployment has exactly one PodDisruptionBudget."""
    for item in of(bundle.objects, "Deployment"):
        count = sum(matches(budget["spec"]["selector"], labels(item)) for budget in of(bundle.objects, "PodDisruptionBudget"))
        if count != 1:
            yield f"{name(item)}: {count} disruption budgets"


def ports(bundle):
    """Ports are those that containers listen on, and cardume's are those it is told to."""
    listening = {port["containerPort"] for item in bundle.workloads for port in container(item).get("ports", [])}
    for item in bundle.cardume:
        own = {port["name"]: port["containerPort"] for port in container(item).get("ports", [])}
        told = variables(item).get("CARDUME_HTTP_PORT")
        if own and told != str(own.get("http")):
            yield f"{name(item)}: CARDUME_HTTP_PORT is {told}, the port http {own.get('http')}"
    for item in bundle.workloads:
        own = {port["name"] for port in container(item).get("ports", [])}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container(item).get(kind, {})
            asked = probe.get("httpGet", probe.get("tcpSocket", {})).get("port")
            if asked is not None and asked not in own:
                yield f"{name(item)}: {kind} asks port {asked}"
    for service in of(bundle.objects, "Service"):
        chosen = [item for item in bundle.workloads if matches({"matchLabels": service["spec"]["selector"]}, labels(item))]
        for port in service["spec"]["ports"]:
            for item in chosen:
                if port["targetPort"] not in {own["name"] for own in container(item)["ports"]}:
                    yield f"{name(service)}: {name(item)} has no port {port['targetPort']}"
    for policy in of(bundle.objects, "NetworkPolicy"):
        for direction, allowed in (("ingress", listening), ("egress", listening | OTHERS_PORTS)):
            for rule in policy["spec"].get(direction, []):
                for port in rule.get("ports", []):
                    if port["port"] not in allowed:
                        yield f"{name(policy)}: nobody listens on {port['port']}"
    for ingress in of(bundle.objects, "Ingress"):
        for path in (path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]):
            backend = path["backend"]["service"]
            service = find(bundle.objects, "Service", backend["name"])
            if not service or backend["port"]["name"] not in {port["name"] for port in service["spec"]["ports"]}:
                yield f"{name(ingress)}: no service {backend['name']} with port {backend['port']['name']}"
            if path["path"] not in ("/webhook", "/v1"):
                yield f"{name(ingress)}: {path['path']} must not be reached from outside"


def probes(bundle):
    """A process starts in two minutes, is found dead in seconds, and does not die of a store's absence."""
    for item in bundle.cardume:
        if item["kind"] == "Job":
            continue
        own = container(item)
        wanted = {"startupProbe": "/health/ready", "livenessProbe": "/health/live", "readinessProbe": "/health/ready"}
        for kind, path in wanted.items():
            if own.get(kind, {}).get("httpGet", {}).get("path") != path:
                yield f"{name(item)}: {kind} does not ask {path}"
        budget = {
            kind: own.get(kind, {}).get("periodSeconds", 10) * own.get(kind, {}).get("failureThreshold", 3) for kind in wanted
        }
        if not 60 <= budget["startupProbe"] <= 300:
            yield f"{name(item)}: {budget['startupProbe']} s to start"
        if not 10 <= budget["livenessProbe"] <= 60:
            yield f"{name(item)}: found dead after {budget['livenessProbe']} s"


def grace(bundle):
    """There is time to drain: preStop, shutdown_deadline, the doors, and something to spare."""
    for item in bundle.cardume:
        if item["kind"] == "Job":
            continue
        command = container(item).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        needed = (
            float(command[1]) + seconds(variables(item).get("CARDUME_SHUTDOWN_DEADLINE", "25s")) + DOORS_SECONDS + SPARE_SECONDS
        )
        given = pod(item).get("terminationGracePeriodSeconds", 30)
        if given < needed:
            yield f"{name(item)}: drains for up to {needed:g} s, is killed after {given} s"


def environment(bundle):
    """Commands and variables exist in the program; secrets' files are mounted; the whole makes a valid configuration."""
    for item in bundle.cardume:
        words = [word for word in container(item)["args"] if not word.startswith("-") and not word.startswith("/")]
        if not bundle.program.has_command(*words):
            yield f"{name(item)}: there is no command {' '.join(words)}"
        mounted = {key for key, _ in secret_files(bundle, item)}
        for variable in container(item).get("env", []):
            if variable["name"] not in NO_KEYS and not bundle.program.has_variable(variable["name"]):
                yield f"{name(item)}: there is no variable {variable['name']}"
            if variable["name"].endswith("_FILE") and variable["value"].removeprefix(SECRETS_FOLDER) not in mounted:
                yield f"{name(item)}: {variable['value']} is not mounted"


def secret_files(bundle, item):
    """Key and Secret of each file that a pod's projected volumes hold."""
    for volume in pod(item).get("volumes", []):
        for source in volume.get("projected", {}).get("sources", []):
            wanted = source.get("secret", {}).get("name")
            secret = find(bundle.objects, "Secret", wanted) or find(bundle.secrets, "Secret", wanted) or {}
            for key in {**secret.get("data", {}), **secret.get("stringData", {})}:
                yield key, wanted


def references(bundle):
    """Whatever is mounted or run as exists, or is in the secrets people apply themselves."""
    for item in bundle.workloads:
        account = pod(item).get("serviceAccountName")
        if account and not find(bundle.objects, "ServiceAccount", account):
            yield f"{name(item)}: there is no ServiceAccount {account}"
        volumes = pod(item).get("volumes", [])
        for volume in volumes:
            wanted = volume.get("configMap", {}).get("name")
            if wanted and not find(bundle.objects, "ConfigMap", wanted):
                yield f"{name(item)}: there is no ConfigMap {wanted}"
            secrets = [source.get("secret", {}).get("name") for source in volume.get("projected", {}).get("sources", [])]
            for wanted in filter(None, [*secrets, volume.get("secret", {}).get("secretName")]):
                if not find(bundle.objects, "Secret", wanted) and not find(bundle.secrets, "Secret", wanted):
                    yield f"{name(item)}: there is no Secret {wanted}"
        claims = [claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])]
        known = {volume["name"] for volume in volumes} | set(claims)
        for mount in container(item).get("volumeMounts", []):
            if mount["name"] not in known:
                yield f"{name(item)}: mounts {mount['name']}, which is no volume"


def hardening(bundle):
    """Pods run without privileges, with what they need reserved, and roll without a gap."""
    for item in bundle.workloads:
        own, spec = container(item), pod(item)
        security, tag = own.get("securityContext", {}), own["image"].partition(":")[2]
        if not tag or tag == "latest":
            yield f"{name(item)}: image {own['image']} is not pinned"
        if not spec.get("securityContext", {}).get("runAsNonRoot"):
            yield f"{name(item)}: may run as root"
        if spec.get("securityContext", {}).get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name(item)}: has no seccomp profile"
        if security.get("allowPrivilegeEscalation") is not False or security.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"{name(item)}: keeps privileges"
        if not security.get("readOnlyRootFilesystem"):
            yield f"{name(item)}: may write to its root file system"
        requests, limits = own.get("resources", {}).get("requests", {}), own.get("resources", {}).get("limits", {})
        if "cpu" not in requests or "memory" not in requests or limits.get("memory") != requests["memory"]:
            yield f"{name(item)}: memory must be reserved as it is limited, and a CPU share"
        if "cpu" in limits:
            yield f"{name(item)}: a CPU limit looks like a lost lease"
        if spec.get("enableServiceLinks") is not False:
            yield f"{name(item)}: services leak into its environment"
        if is_cardume(item) and spec.get("automountServiceAccountToken") is not False:
            yield f"{name(item)}: has a token for the Kubernetes API"
        if item["kind"] == "Deployment":
            rolling = item["spec"].get("strategy", {}).get("rollingUpdate", {})
            if rolling != {"maxSurge": 1, "maxUnavailable": 0}:
                yield f"{name(item)}: rolls with a gap"
            if not spec.get("topologySpreadConstraints"):
                yield f"{name(item)}: all its pods may be on one node"


CHECKS = [selectors, budgets, ports, probes, grace, environment, references, hardening, autoscaling, coverage]


def problems(bundle):
    return [f"{check.__name__}: {problem}" for check in CHECKS for problem in check(bundle)]
