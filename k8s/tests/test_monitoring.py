"""Each check of rules and dashboards finds the mistake that it is there for."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import yaml

import monitoring


class Reference:
    metrics = {"up": {"job"}, "cardume_queue_depth": {"assistant", "lane"}, "cardume_turn_wait_seconds": {"assistant"}}
    histograms = {"cardume_turn_wait_seconds"}


class QueryTests(unittest.TestCase):
    def found(self, query):
        return list(monitoring.query_problems(query, Reference()))

    def test_right_ones(self):
        for query in (
            'max by (namespace, assistant) (cardume_queue_depth{lane=~"heavy|light", pod!="x"})',
            "histogram_quantile(0.9, sum by (assistant, le) (rate(cardume_turn_wait_seconds_bucket[5m])))",
            'up{job="cardume"} == 0',
        ):
            self.assertEqual(self.found(query), [], query)

    def test_wrong_ones(self):
        for query, text in (
            ("cardume_queue_length", "no series cardume_queue_length"),
            ("cardume_turn_wait_seconds > 1", "no series cardume_turn_wait_seconds"),
            ("cardume_queue_depth_bucket", "no series cardume_queue_depth_bucket"),
            ('cardume_queue_depth{queue="x"}', "has no label queue"),
            ("sum by (queue) (cardume_queue_depth)", "nothing has the label queue"),
            ("vector(1)", "names no metric"),
        ):
            self.assertIn(text, "; ".join(self.found(query)), query)


class AlertTests(unittest.TestCase):
    def outcome(self, change):
        """Whether promtool is content with the cases after `change` of the rules."""
        cases = [case for case in yaml.safe_load(monitoring.CASES.read_text()) if case["alert"] == "CardumeDown"]
        with tempfile.TemporaryDirectory() as folder:
            rules, tests = pathlib.Path(folder, "rules.yml"), pathlib.Path(folder, "tests.yml")
            rules.write_text(change(monitoring.ALERTS.read_text()))
            tests.write_text(yaml.safe_dump(monitoring.promtool_tests(rules, cases)))
            return subprocess.run(["promtool", "test", "rules", str(tests)], capture_output=True).returncode == 0

    def test_cases_can_fail(self):
        self.assertTrue(self.outcome(lambda text: text))
        self.assertFalse(self.outcome(lambda text: text.replace('up{job="cardume"} == 0', 'up{job="cardume"} == 2')))
        self.assertFalse(self.outcome(lambda text: text.replace('up{job="cardume"} == 0', 'up{job="cardume"} <= 1')))

    def test_rules_can_be_wrong(self):
        class All:
            histograms = set()
            metrics = {"up": {"job"}}

        rule = {
            "alert": "CardumeDown",
            "expr": "up == 0",
            "labels": {"severity": "page"},
            "annotations": {"runbook_url": "docs/x.md"},
        }
        found = "; ".join(monitoring.rule_problems(All(), [rule]))
        for text in ("severity page", "no page docs/x.md", "no summary", "is no alert"):
            self.assertIn(text, found)


class DashboardTests(unittest.TestCase):
    def test_misspelt_fields_are_found(self):
        dashboard = json.loads(monitoring.DASHBOARDS[0].read_text())
        self.assertEqual(monitoring.misspelt(dashboard), [])
        panel = next(panel for panel in dashboard["panels"] if panel["type"] == "timeseries")
        panel["fieldConfigs"] = panel.pop("fieldConfig")
        self.assertTrue(any("fieldConfigs" in path for path in monitoring.misspelt(dashboard)))


if __name__ == "__main__":
    unittest.main()
