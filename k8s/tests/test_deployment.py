"""Each check of the images and the guides finds the mistake that it is there for."""

import copy
import unittest

import yaml

import deployment
from program import ROOT


class AnyProgram:
    def has_command(self, *words):
        return words in {("gateway",), ("worker",), ("exporter",), ("migrate", "up"), ("tune", "set"), ("explain",)}

    def is_group(self, *words):
        return words in {("tune",), ("migrate",)}

    def help(self, words):
        return "--json"

    def configuration_problem(self, path, variables):
        return "too short" if len(variables["CARDUME_ADMIN_TOKEN"]) < 16 else None

    def has_key(self, path):
        return path == "suporte.slots"

    def has_variable(self, name):
        return name.startswith("CARDUME_") and "NONSENSE" not in name


COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


class ComposeTests(unittest.TestCase):
    def test_mistakes(self):
        mistakes = {
            "is not pinned": lambda services: services["redis"].update(image="redis:latest"),
            "is not the one of compose.yaml": lambda services: services["grafana"].update(image="grafana/grafana:1.0.0"),
            "there is no ./nowhere": lambda services: services["worker"]["volumes"].append("./nowhere:/x"),
            "no command wrker": lambda services: services["worker"].update(command=["wrker"]),
            "no variable CARDUME_NONSENSE": lambda services: services["worker"]["environment"].update(CARDUME_NONSENSE="1"),
            "too short": lambda services: services["worker"]["environment"].update(CARDUME_ADMIN_TOKEN="x"),
            "is killed after 10 s": lambda services: services["worker"].pop("stop_grace_period"),
        }
        self.assertEqual(list(deployment.compose(AnyProgram())), [])
        for text, change in mistakes.items():
            settings = copy.deepcopy(COMPOSE)
            change(settings["services"])
            self.assertIn(text, "; ".join(deployment.compose(AnyProgram(), settings)))


class DockerfileTests(unittest.TestCase):
    def test_mistakes(self):
        self.assertEqual(list(deployment.dockerfile(AnyProgram())), [])
        for old, new, text in (
            ("swift:6.3.1-bookworm", "swift", "image swift is not pinned"),
            ("docker/healthcheck", "docker/nothing", "there is no docker/nothing"),
            ("CARDUME_HTTP_HOST", "CARDUME_NONSENSE", "no variable CARDUME_NONSENSE"),
            ("--static-swift-stdlib", "", "lacks --static-swift-stdlib"),
            ("USER 10001", "USER root", "lacks USER 10001"),
            ("HEALTHCHECK", "LABEL", "lacks HEALTHCHECK"),
        ):
            self.assertIn(text, "; ".join(deployment.dockerfile(AnyProgram(), DOCKERFILE.replace(old, new))))


class DocumentTests(unittest.TestCase):
    def test_mistakes(self):
        for text, expected in (
            ("`cardume tune set suporte.slots 8`, `cardume explain a:b --json`, [x](metrics.md)", ""),
            ("`cardume tune sett suporte.slots 8`", "no command cardume tune sett"),
            ("cardume wrker", "no command cardume wrker"),
            ("kubectl exec x -- cardume wrker", "no command cardume wrker"),
            ("`cardume tune set suporte.slot 8`", "no setting suporte.slot"),
            ("`cardume explain a:b --yaml`", "cardume explain has no --yaml"),
            ("[x](nothing.md)", "no page nothing.md"),
        ):
            found = "; ".join(deployment.document(AnyProgram(), text, ROOT / "docs"))
            self.assertTrue(expected in found if expected else not found, f"{text}: {found}")


if __name__ == "__main__":
    unittest.main()
