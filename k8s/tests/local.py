"""The deployment of examples/single-node without a cluster: its processes, with their commands, environment, configuration and
secrets, beside a redis-server, a PostgreSQL and a PgBouncer with the shipped settings. Its probes are asked, messages are
answered, a real Prometheus scrapes all of it, and everything stops in good order. Only addresses and folders are this
machine's."""

import base64
import contextlib
import glob
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request

import manifests
import monitoring
from live import ask, free_port, running, within
from program import status

BUNDLE = "examples/single-node"
NOBODY = pwd.getpwnam("nobody")


def unprivileged():
    """PostgreSQL and PgBouncer refuse to be root's."""
    if os.getuid() == 0:
        os.setgid(NOBODY.pw_gid)
        os.setuid(NOBODY.pw_uid)


def secrets(objects):
    """Each file of each generated Secret."""
    return {
        key: base64.b64decode(value).decode() for item in manifests.of(objects, "Secret") for key, value in item["data"].items()
    }


class Deployment:
    def __init__(self, binary, folder):
        self.binary, self.folder = str(binary), pathlib.Path(folder)
        self.objects = manifests.build(BUNDLE)
        self.secrets = secrets(self.objects)
        self.redis, self.postgres, self.pgbouncer = free_port(), free_port(), free_port()
        self.files()

    def files(self):
        """Secrets and settings as the pods have them, with this machine's addresses."""
        addresses = {
            "redis:6379": f"127.0.0.1:{self.redis}",
            "cardume-pgbouncer:6432": f"127.0.0.1:{self.pgbouncer}",
            "host=postgres port=5432": f"host=127.0.0.1 port={self.postgres}",
        }
        for name, text in self.secrets.items():
            for old, new in addresses.items():
                text = text.replace(old, new)
            (self.folder / name).write_text(text)
        for item in manifests.of(self.objects, "ConfigMap"):
            for name, text in item["data"].items():
                text = text.replace("/run/secrets/pgbouncer", str(self.folder))
                text = text.replace("listen_port = 6432", f"listen_port = {self.pgbouncer}")
                (self.folder / name).write_text(text.replace("0.0.0.0", "127.0.0.1"))
        for path in [self.folder, *self.folder.iterdir()]:
            path.chmod(0o755)

    @contextlib.contextmanager
    def stores(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        data = self.folder / "postgres"
        data.mkdir()
        if os.getuid() == 0:
            os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)
        password = f"--pwfile={self.folder}/password"
        (self.folder / "password").write_text(self.secrets["users.txt"].split('"')[3])
        initialise = [f"{programs}/initdb", "-D", data, "-U", "cardume", "--auth=scram-sha-256", password, "--no-sync"]
        subprocess.run(initialise, check=True, capture_output=True, preexec_fn=unprivileged, cwd="/")
        server = [f"{programs}/postgres", "-D", data, "-p", self.postgres, "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"]
        path = os.environ["PATH"] + ":/usr/sbin"
        bouncer = [shutil.which("pgbouncer", path=path), self.folder / "pgbouncer.ini"]
        redis = [
            "redis-server",
            "--port",
            self.redis,
            "--requirepass",
            self.redis_password(),
            "--appendonly",
            "yes",
            "--dir",
            self.folder,
        ]
        with contextlib.ExitStack() as stack:
            stack.enter_context(running(*map(str, server), preexec_fn=unprivileged, cwd="/"))
            stack.enter_context(running(*map(str, bouncer), preexec_fn=unprivileged, cwd="/"))
            stack.enter_context(running(*map(str, redis)))
            url = f"postgres://cardume:{self.secrets['users.txt'].split(chr(34))[3]}@127.0.0.1:{self.postgres}/postgres"
            create = [f"{programs}/psql", url, "-c", "CREATE DATABASE cardume"]
            if not within(30, lambda: subprocess.run(create, capture_output=True).returncode == 0):
                raise RuntimeError("PostgreSQL does not start")
            yield

    def redis_password(self):
        return self.secrets["redis-url"].split(":")[2].split("@")[0]

    def environment(self, workload, port):
        own = {
            name: value.replace("/run/secrets/cardume", str(self.folder))
            for name, value in manifests.variables(workload).items()
        }
        own = {
            name: value.replace("/etc/cardume", str(self.folder)).replace("$(POD_IP):8080", f"127.0.0.1:{port}")
            for name, value in own.items()
        }
        return {**own, "PATH": os.environ["PATH"], "CARDUME_HTTP_HOST": "127.0.0.1", "CARDUME_HTTP_PORT": str(port)}

    def post(self, port, message):
        token = self.secrets["api-token"]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/messages", json.dumps(message).encode(), {"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)


def scraped(deployment, folder, ports):
    """Prometheus scrapes all processes while contacts write; it knows what they did, and all dashboards' queries are answered."""
    settings = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "cardume",
                "static_configs": [
                    {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "n", "pod": name}}
                    for name, port in ports.items()
                ],
            }
        ],
    }
    file, port = pathlib.Path(folder, "prometheus.yml"), free_port()
    file.write_text(json.dumps(settings))
    server = [shutil.which("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder}/series"]
    with running(*server, f"--web.listen-address=127.0.0.1:{port}"):

        def value(query):
            answer = ask(port, f"/api/v1/query?query={urllib.parse.quote(query)}") or {}
            found = answer.get("data", {}).get("result", [])
            return float(found[0]["value"][1]) if found else None

        # Fewer than the door lets one address send at once.
        for number in range(15):
            contact = f"55349{number:08}"
            deployment.post(ports["cardume-gateway"], {"channel": "loja", "contact": contact, "text": "Minha internet caiu"})
        for query, wanted in {
            'count(up{job="cardume"} == 1)': len(ports),
            'sum(cardume_messages_received_total{outcome="queued"})': 16,
            "sum(cardume_messages_finished_total)": 16,
            "sum(max by (assistant, lane) (cardume_queue_depth))": 0,
            "count(count by (pool) (cardume_pool_demand_slots))": 3,
            "sum(cardume_partitions_owned)": 256,
        }.items():
            if not within(60, lambda: value(query) == wanted):
                yield f"Prometheus: {query} is {value(query)}, not {wanted}"
        for path in monitoring.DASHBOARDS:
            for title, query in monitoring.queries(json.loads(path.read_text())):
                if (ask(port, f"/api/v1/query?query={urllib.parse.quote(query)}") or {}).get("status") != "success":
                    yield f"Prometheus does not answer: {title}"


def problems(binary):
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(binary, folder)
        workloads = [item for item in manifests.of(deployment.objects, *manifests.WORKLOADS) if manifests.is_cardume(item)]
        with deployment.stores(), contextlib.ExitStack() as stack:
            migration = next(item for item in workloads if item["kind"] == "Job")
            arguments = manifests.container(migration)["args"]
            result = subprocess.run(
                [deployment.binary, *arguments], env=deployment.environment(migration, 0), capture_output=True, text=True
            )
            if result.returncode != 0:
                yield f"{' '.join(arguments)}: {result.stderr.strip()}"
                return
            started = {}
            for item in (item for item in workloads if item is not migration):
                port = free_port()
                command = [deployment.binary, *manifests.container(item)["args"]]
                process = stack.enter_context(running(*command, env=deployment.environment(item, port)))
                started[item["metadata"]["name"]] = (item, port, process)
            for name, (item, port, process) in started.items():
                for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                    path = manifests.container(item)[kind]["httpGet"]["path"]
                    if not within(60, lambda: status(f"http://127.0.0.1:{port}{path}") == 200):
                        yield f"{name}: {kind} is not answered"
                        return
                if status(f"http://127.0.0.1:{port}/metrics") != 200:
                    yield f"{name}: has no /metrics"
            gateway, exporter = started["cardume-gateway"], started["cardume-exporter"]
            message = {"channel": "loja", "contact": "5534999990001", "text": "Minha internet caiu", "wait": 20}
            answer = deployment.post(gateway[1], message)
            if answer["status"] != "answered":
                yield f"a message is not answered: {answer}"
            yield from scraped(deployment, folder, {name: port for name, (_, port, _) in started.items()})
            with urllib.request.urlopen(f"http://127.0.0.1:{exporter[1]}/autoscaling/v1/pools", timeout=10) as response:
                if set(json.load(response)["pools"]) != {"default", "heavy", "auxiliary"}:
                    yield "the exporter tells of other pools than the configuration's"
            explain = subprocess.run(
                [deployment.binary, "explain", "loja:5534999990001"],
                env=deployment.environment(gateway[0], gateway[1]),
                capture_output=True,
                text=True,
            )
            if explain.returncode != 0:
                yield f"cardume explain: {explain.stderr.strip()}"
            for _, _, process in started.values():
                process.terminate()
            for name, (item, _, process) in started.items():
                try:
                    if process.wait(manifests.pod(item)["terminationGracePeriodSeconds"]) != 0:
                        yield f"{name}: stops with status {process.returncode}"
                except subprocess.TimeoutExpired:
                    yield f"{name}: does not stop within its grace"
