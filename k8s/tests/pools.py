"""Workers, queues and pools fit together. A part of semantics.py."""

from manifests import container, variables


def coverage(bundle):
    """Each queue is served by some worker; each worker is in a pool that says so, and what the worker can do at once."""
    configuration = bundle.configuration
    if configuration is None:
        return
    workers = [variables(item) for item in bundle.cardume if container(item)["args"][0] == "worker"]
    served = [(words(own.get("CARDUME_QUEUES", "")), words(own.get("CARDUME_LANES", ""))) for own in workers]
    pools = {
        (words(pool.get("queues", "")), words(pool.get("lanes", ""))): pool["slots"]
        for pool in configuration.get("pools", {}).values()
    }
    for own, (queues, lanes) in zip(workers, served):
        what = f"a worker of {sorted(queues) or 'all'} queues and {sorted(lanes) or 'all'} lanes"
        if (queues, lanes) not in pools:
            yield f"{what} is in no pool"
        elif pools[queues, lanes] != slots(configuration["assistants"], queues, lanes, int(own.get("CARDUME_SLOTS", 0))):
            yield f"{what} does not have the {pools[queues, lanes]} slots that its pool says"
    for assistant, settings in configuration["assistants"].items():
        separate = {lane for lane, own in settings.get("lanes", {}).items() if own.get("separate")}
        for lane in {"light"} | separate:
            for what, offers in (("worker", served), ("pool", pools)):
                if not any((not queues or assistant in queues) and (not lanes or lane in lanes) for queues, lanes in offers):
                    yield f"no {what} for {assistant}, lane {lane}"


def slots(assistants, queues, lanes, bound):
    """Turns that a worker runs at once: of each assistant all slots, or those of the lanes it serves, and in all `bound`."""
    total = 0
    for name, settings in assistants.items():
        if not queues or name in queues:
            own = settings.get("slots", 64)
            parts = [settings.get("lanes", {}).get(lane, {}).get("slots") or own for lane in lanes]
            total += own if not lanes or "light" in lanes else min(own, sum(parts))
    return min(total, bound) if bound else total


def words(text):
    return frozenset(text.replace(",", " ").split())
