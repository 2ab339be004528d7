"""The program, Prometheus with the shipped rules and Alertmanager with the shipped routes: a fault is injected, its alert
arrives where it belongs; the fault is mended, and the word of that arrives there, too. Only waiting times are shortened, and
pager, chat and mail are played by a server that takes what Alertmanager sends."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import yaml

from manifests import K8S
from program import ROOT

TOKEN = "the-token-of-the-live-test"
# What a killed program sets off.
GONE = ("CardumeDown", "CardumeNoGateway", "CardumeNoWorkers")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as response:
            return json.load(response)
    except (OSError, urllib.error.HTTPError, json.JSONDecodeError):
        return None


@contextlib.contextmanager
def running(*command, **options):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Stack:
    def __init__(self, binary, folder):
        self.binary, self.folder = str(binary), pathlib.Path(folder)
        self.port, self.prometheus, self.alertmanager = free_port(), free_port(), free_port()
        self.receivers = free_port()
        # Who was told last of each alert that fires, by its name.
        self.told = {}
        self.env = {
            "PATH": os.environ["PATH"],
            "CARDUME_CONFIG": str(ROOT / "examples/cardume.yaml"),
            "CARDUME_DATA_FOLDER": str(self.folder / "data"),
            "CARDUME_HTTP_PORT": str(self.port),
            "CARDUME_ADMIN_TOKEN": TOKEN,
        }

    def files(self):
        rules = (K8S / "monitoring/prometheus/alerts.yml").read_text()
        (self.folder / "alerts.yml").write_text(re.sub(r"for: \d+[mh]", "for: 1s", rules))
        settings = yaml.safe_load((ROOT / "compose/prometheus.yml").read_text())
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        settings["rule_files"] = [str(self.folder / "alerts.yml")]
        settings["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{self.alertmanager}"]}]
        job = settings["scrape_configs"][0]
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{self.port}"]}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        (self.folder / "alertmanager.yml").write_text(yaml.safe_dump(self.routes()))

    def routes(self):
        """The shipped ones, with all receivers here."""
        settings = yaml.safe_load((K8S / "monitoring/alertmanager/alertmanager.yml").read_text())
        settings["global"] = {"resolve_timeout": "5m"}
        for route in [settings["route"], *settings["route"]["routes"]]:
            route["group_wait"] = route["group_interval"] = "1s"
        for item in settings["receivers"]:
            name = item["name"]
            item.clear()
            address = f"http://127.0.0.1:{self.receivers}/{name}"
            item.update(name=name, webhook_configs=[{"url": address, "send_resolved": True}])
        return settings

    def alertmanager_command(self):
        """Debian's looks for its templates below /usr/share only; where they are unpacked elsewhere, it is shown them there."""
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        command = [
            program,
            f"--config.file={self.folder}/alertmanager.yml",
            f"--storage.path={self.folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{self.alertmanager}",
            "--cluster.listen-address=",
        ]
        templates = pathlib.Path(program).parent.parent / "share/prometheus/alertmanager/default.tmpl"
        if not templates.exists() or pathlib.Path("/usr/share/prometheus/alertmanager").exists():
            return command
        shown = f"mount --bind {templates.parents[2]} /usr/share && exec {shlex.join(command)}"
        return ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"]), "sh", "-c", shown]

    def program(self):
        return running(self.binary, "run", env=self.env)

    @contextlib.contextmanager
    def monitoring(self):
        stack = self

        class Receivers(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
                    name = self.path.strip("/") if alert["status"] == "firing" else None
                    stack.told[alert["labels"]["alertname"]] = name
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.receivers), Receivers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        prometheus = [
            shutil.which("prometheus"),
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/series",
            f"--web.listen-address=127.0.0.1:{self.prometheus}",
        ]
        with running(*self.alertmanager_command()), running(*prometheus):
            yield
        server.shutdown()
        server.server_close()

    def command(self, *words):
        subprocess.run([self.binary, *words], env=self.env, check=True, capture_output=True)

    def is_scraped(self):
        answer = ask(self.prometheus, "/api/v1/query?query=up%7Bjob%3D%22cardume%22%7D%20%3D%3D%201") or {}
        return bool(answer.get("data", {}).get("result"))

    def firing(self):
        """Firing alerts, by Prometheus; None when it does not answer."""
        answer = ask(self.prometheus, "/api/v1/alerts")
        return (
            None
            if answer is None
            else {item["labels"]["alertname"] for item in answer["data"]["alerts"] if item["state"] == "firing"}
        )

    def is_quiet(self, *alerts):
        """Whether none of them fires."""
        firing = self.firing()
        return firing is not None and firing.isdisjoint(alerts)

    def receiver(self, alert):
        """Who was told that the alert fires; None while it does not."""
        return self.told.get(alert)


def within(seconds, condition):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False


def problems(binary):
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(binary, folder)
        stack.files()
        with stack.monitoring():
            with stack.program():
                if not within(60, stack.is_scraped):
                    yield "Prometheus does not get the program's metrics"
                    return
                if not within(30, lambda: stack.is_quiet(*GONE)):
                    yield f"something fires although nothing is wrong: {stack.firing()}"
                if not within(30, lambda: all(stack.receiver(alert) is None for alert in GONE)):
                    yield "what fired before the program was there does not resolve"
                stack.command("pause", "suporte", "--reason", "live test")
                if not within(30, lambda: stack.receiver("CardumePauseForgotten") == "chat"):
                    yield "a paused assistant: CardumePauseForgotten does not arrive in the chat"
                stack.command("resume", "suporte")
                if not within(30, lambda: stack.is_quiet("CardumePauseForgotten")):
                    yield "a resumed assistant: CardumePauseForgotten does not resolve"
            # The program has been killed.
            for alert in GONE:
                if not within(30, lambda: stack.receiver(alert) == "pager"):
                    yield f"a killed program: {alert} does not arrive at the pager"
            with stack.program():
                if not within(60, lambda: stack.is_quiet(*GONE)):
                    yield f"a program that is back: {stack.firing()} still fire"
