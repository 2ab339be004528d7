"""compose.yaml, the Dockerfile and the guides against the program: what they name exists. Each yields what is wrong."""

import re

import yaml

import manifests
import semantics
from program import ROOT


def compose(program, settings=None):
    settings = settings or yaml.safe_load((ROOT / "compose.yaml").read_text())
    for name, service in settings["services"].items():
        tag = service["image"].partition(":")[2]
        if not tag or tag == "latest":
            yield f"{name}: image {service['image']} is not pinned"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and source != "./compose/alertmanager" and not (ROOT / source).exists():
                yield f"{name}: there is no {source}"
        if service["image"].startswith("cardume:"):
            words = service["command"]
            if not program.has_command(*words):
                yield f"{name}: there is no command {' '.join(words)}"
            problem = program.configuration_problem("examples/cardume.yaml", filled_in(service["environment"]))
            if problem:
                yield f"{name}: {problem}"
            for variable in service["environment"]:
                if variable not in semantics.NO_KEYS and not program.has_variable(variable):
                    yield f"{name}: there is no variable {variable}"
            stop = manifests.seconds(service.get("stop_grace_period", "10s"))
            deadline = manifests.seconds(service["environment"].get("CARDUME_SHUTDOWN_DEADLINE", "0s"))
            if stop < deadline + semantics.DOORS_SECONDS:
                yield f"{name}: drains for {deadline:g} s, is killed after {stop:g} s"
    versions = {service["image"] for service in settings["services"].values()}
    for item in (item for bundle in ("base", "monitoring", "examples/single-node") for item in manifests.build(bundle)):
        if item["kind"] in manifests.WORKLOADS and manifests.container(item)["image"] not in versions:
            yield f"{manifests.name(item)}: image {manifests.container(item)['image']} is not the one of compose.yaml"


def filled_in(environment):
    """With the example's values for `${NAME:?…}`; what has no value is not set."""
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / "compose/env.example").read_text(), re.M))
    fill = lambda text: re.sub(r"\$\{([A-Z_]+):\?[^}]*\}", lambda found: example[found[1]], text)
    return {name: fill(value) for name, value in environment.items() if value is not None}


def dockerfile(program, text=None):
    text = text or (ROOT / "Dockerfile").read_text()
    for image in re.findall(r"^FROM (\S+)", text, re.M):
        if ":" not in image or image.endswith(":latest"):
            yield f"image {image} is not pinned"
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for source in sources.split():
            if not list(ROOT.glob(source)):
                yield f"there is no {source}"
    for line in re.findall(r"^ENV (.+)$", text, re.M):
        for variable in line.split():
            if not program.has_variable(variable.split("=")[0]):
                yield f"there is no variable {variable}"
    for wanted in ("--static-swift-stdlib", "docker/runtime-packages", "\nUSER 10001", "\nHEALTHCHECK", "EXPOSE 8080"):
        if wanted not in text:
            yield f"lacks {wanted.strip()}"


def documents(program):
    """Commands and settings that runbooks and guides tell people to type."""
    pages = [ROOT / "docs" / page for page in ("kubernetes.md", "upgrade.md", "disaster-recovery.md")]
    for page in pages + sorted((ROOT / "docs/runbooks").glob("*.md")):
        for problem in document(program, page.read_text(), page.parent):
            yield f"{page.name}: {problem}"


def document(program, text, folder):
    for line in re.findall(r"(?:^|`|-- |gateway )cardume ([a-z][^`\n]*)", text, re.M):
        words = re.findall(r"^[a-z-]+(?: [a-z-]+)?", line)[0].split()
        if len(words) == 2 and not program.is_group(words[0]):
            words = words[:1]
        if not program.has_command(*words):
            yield f"there is no command cardume {' '.join(words)}"
        for option in re.findall(r" (--[a-z-]+)", line.split(" | ")[0].split("#")[0]):
            if option not in program.help(tuple(words)):
                yield f"cardume {' '.join(words)} has no {option}"
        setting = re.match(r"tune (?:get|set|unset|history) ([a-zA-Z_.]+)", line)
        if setting and not program.has_key(setting[1]):
            yield f"there is no setting {setting[1]}"
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http") and not (folder / target).exists():
            yield f"there is no page {target}"
