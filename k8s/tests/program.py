"""What the program knows: its commands, keys, metrics and paths, as it says them itself."""

import functools
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Of others: Prometheus itself, kube-state-metrics.
FOREIGN_METRICS = {
    "up": {"job", "instance"},
    "kube_horizontalpodautoscaler_status_condition": {"namespace", "horizontalpodautoscaler", "condition", "status"},
}
# What the scrape configurations add to each series.
TARGET_LABELS = {"namespace", "pod", "component", "job", "instance"}


def table(text):
    """The cells of each row of the Markdown tables in `text`, without backquotes."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip().strip("|").split(" | ")]


class Program:
    def __init__(self, binary):
        self.binary = pathlib.Path(binary).resolve()
        self.environment, self.keys = [], []
        for cells in table(self.run("config", "keys")):
            names, is_secret = re.findall(r"`([A-Z0-9_<>]+)`", cells[3]), "Secret;" in cells[4]
            for name in names:
                pattern = re.escape(name).replace("<NAME>", "[A-Z0-9_]+")
                self.environment.append(re.compile(pattern + ("(_FILE)?" if is_secret else "")))
            # `<assistant>.<key>` and `<channel>.<key>` are short for the whole.
            key = re.escape(cells[0].strip("`")).replace("<name>", "[^.]+")
            self.keys.append(re.compile(re.sub(r"^(assistants|channels)\\\.", r"(\1\\.)?", key)))
        self.metrics = dict(FOREIGN_METRICS)
        self.histograms = set()
        for cells in table(self.run("metrics", "list")):
            name, kind, labels = cells[0].strip("`"), cells[1], set(re.findall(r"`([a-z_]+)`", cells[2]))
            self.metrics[name] = labels
            if kind == "histogram":
                self.histograms.add(name)

    def run(self, *arguments, env=None):
        return subprocess.run([self.binary, *arguments], env=env, check=True, capture_output=True, text=True).stdout

    def has_command(self, *words):
        """Whether `cardume word …` is a command. Asking for the help of what is none is answered with an error."""
        return f"USAGE: cardume {' '.join(words)}" in self.help(words)

    def is_group(self, *words):
        """Whether it is nothing without a further word."""
        return "SUBCOMMANDS:" in self.help(words)

    @functools.cache
    def help(self, words):
        return subprocess.run([self.binary, *words, "--help"], capture_output=True, text=True).stdout

    def has_key(self, path):
        return any(pattern.fullmatch(path) for pattern in self.keys)

    def has_variable(self, name):
        return any(pattern.fullmatch(name) for pattern in self.environment)

    def configuration_problem(self, path, variables):
        """Why the program does not start with this file and these variables; None when it does."""
        with tempfile.TemporaryDirectory() as folder:
            env = {"PATH": os.environ["PATH"]}
            for name, value in variables.items():
                if name == "CARDUME_CONFIG":
                    continue
                if name.endswith("_FILE"):
                    secret = pathlib.Path(folder, name)
                    secret.write_text(
                        "redis://redis:6379" if "REDIS" in name else "postgres://db/cardume" if "DATABASE" in name else "x" * 40
                    )
                    value = str(secret)
                env[name] = value
            command = [self.binary, "config", "check", "--config", path]
            result = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
        return None if result.returncode == 0 else result.stderr.strip()

    def answers(self, paths):
        """The status of each path, from the program running with its example configuration."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder:
            env = {"PATH": os.environ["PATH"], "CARDUME_DATA_FOLDER": folder, "CARDUME_HTTP_PORT": str(port)}
            command = [self.binary, "run", "--config", str(ROOT / "examples/cardume.yaml")]
            process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                base = f"http://127.0.0.1:{port}"
                for _ in range(300):
                    if status(base + "/health/ready") == 200:
                        break
                    time.sleep(0.1)
                return {path: status(base + path) for path in paths}
            finally:
                process.terminate()
                process.wait(timeout=30)


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
