"""Schemas refuse misspelt fields and wrong types, of Kubernetes and of KEDA."""

import copy
import unittest

import manifests
import monitoring
import schemas

KEDA = manifests.build("overlays/keda")


class SchemaTests(unittest.TestCase):
    def found(self, kind, change):
        item = copy.deepcopy(manifests.of(KEDA, kind)[0])
        change(item["spec"])
        return "; ".join(schemas.problems([item]))

    def test_kubernetes(self):
        self.assertEqual(self.found("Deployment", lambda spec: None), "")
        self.assertIn("replica", self.found("Deployment", lambda spec: spec.update(replica=1)))
        self.assertIn("minReplicas", self.found("HorizontalPodAutoscaler", lambda spec: spec.update(minReplicas="two")))

    def test_keda(self):
        self.assertEqual(self.found("ScaledObject", lambda spec: None), "")
        self.assertIn("minReplicas", self.found("ScaledObject", lambda spec: spec.update(minReplicas=2)))
        self.assertIn("pollingInterval", self.found("ScaledObject", lambda spec: spec.update(pollingInterval="15s")))
        self.assertIn("behaviour", self.found("ScaledObject", lambda spec: spec["fallback"].update(behaviour="static")))


class DiscoveryTests(unittest.TestCase):
    def found(self, role, label):
        job = {"job_name": "j", "kubernetes_sd_configs": [{"role": role}], "relabel_configs": [{"source_labels": [label]}]}
        return "; ".join(monitoring.discovery_problems({"scrape_configs": [job]}))

    def test_discovery(self):
        self.assertEqual(self.found("pod", "__meta_kubernetes_pod_name"), "")
        self.assertIn("pods", self.found("pods", "__meta_kubernetes_pod_name"))
        self.assertIn("has no", self.found("pod", "__meta_kubernetes_node_name"))


if __name__ == "__main__":
    unittest.main()
