#!/usr/bin/env python3
"""Puts a message into Cardume's queues through Redis: an example of a producer. docs/producers.md explains the protocol.

    enqueue.py --redis redis://127.0.0.1:6379 --assistant suporte --assistants suporte,financeiro \\
        --channel loja --contact 5534999990001 --text "Oi"

Prints one line of JSON, and ends with 0 once the message is in Redis or was there before. If anything else happens, run it
again with the same --id: a message is never queued twice. Needs nothing but Python 3.8.
"""

import argparse
import hashlib
import json
import pathlib
import secrets
import socket
import ssl
import sys
import time
import urllib.parse
import zlib

APPEND_SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "Sources/Runtime/RedisLog/Scripts/append.lua"


class RedisError(Exception):
    """Redis answered with an error; the text begins with its code."""


class Redis:
    """As much of a client as this needs: one connection, one command at a time. In a service, use a library."""

    def __init__(self, url, ca_file=None, timeout=10):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("redis", "rediss"):
            raise ValueError("the address begins with redis:// or rediss://")
        self.socket = socket.create_connection((parts.hostname, parts.port or 6379), timeout)
        if parts.scheme == "rediss":
            context = ssl.create_default_context(cafile=ca_file)
            self.socket = context.wrap_socket(self.socket, server_hostname=parts.hostname)
        self.answers = self.socket.makefile("rb")
        if parts.password:
            user = [urllib.parse.unquote(parts.username)] if parts.username else []
            self.call("AUTH", *user, urllib.parse.unquote(parts.password))
        if parts.path.strip("/"):
            self.call("SELECT", parts.path.strip("/"))

    def call(self, *arguments):
        encoded = [argument if isinstance(argument, bytes) else str(argument).encode() for argument in arguments]
        lines = [b"*%d" % len(encoded)] + [b"$%d\r\n%s" % (len(value), value) for value in encoded]
        self.socket.sendall(b"\r\n".join(lines) + b"\r\n")
        return self.answer()

    def answer(self):
        line = self.answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.answers.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self.answer() for _ in range(int(rest))]
        return rest.decode()


def partition_of(conversation, partitions):
    """The same in every language: see the test vectors in docs/producers.md."""
    return zlib.crc32(conversation.encode()) % partitions


class Producer:
    """Appends messages of any conversation.

    assistants: the names of all assistants of the deployment, all of which somebody runs. A conversation that another one
    holds is taken from it as soon as nothing of it is unsettled.
    window, session: seconds; as `dedupe_window` and `session` in Cardume's configuration.
    """

    def __init__(self, redis, assistants, prefix="cardume", window=86400, session=86400):
        self.redis, self.assistants, self.prefix = redis, assistants, prefix
        self.window, self.session = window * 1000, session * 1000
        self.script = APPEND_SCRIPT.read_bytes()
        self.sha = hashlib.sha1(self.script).hexdigest()
        partitions = redis.call("GET", prefix + ":partitions")
        if partitions is None:
            raise LookupError("%s:partitions is not set: Cardume has not run with this Redis yet" % prefix)
        self.partitions = int(partitions)

    def append(self, assistant, message):
        """Returns (assistant, entry id), or None when the message was seen before.

        assistant: who answers if nobody holds the conversation.
        message: a dictionary of the entry's fields, with "conv", "id" and "at".
        """
        # First those that somebody runs; behind them, those that held conversations before and are named for that only.
        names = list(self.assistants)
        while True:
            number, name = self._append(names, names.index(assistant) + 1, message)
            if number > 0:
                return names[number - 1], name
            if number == 0:
                return None
            names.append(name)

    def _append(self, names, route, message):
        conversation = message["conv"]
        base = "%s:{%d}:" % (self.prefix, partition_of(conversation, self.partitions))
        keys = [base + "log:" + name for name in names]
        keys += [base + "seen:%s:%s" % (conversation, message["id"]), base + "conv:" + conversation]
        fields = [part for field in message.items() for part in field]
        arguments = [len(names), len(self.assistants), self.window, self.session] + names
        arguments += [message["at"], route, 1, len(fields)] + fields
        return self._run(keys, arguments)

    def _run(self, keys, arguments):
        call = ["EVALSHA", self.sha, len(keys)] + keys + arguments
        try:
            return self.redis.call(*call)
        except RedisError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        # Redis forgets scripts when it starts. Nothing was run, so running it now runs it once.
        self.redis.call("SCRIPT", "LOAD", self.script)
        return self.redis.call(*call)


def identifier(text):
    if not 1 <= len(text.encode()) <= 256 or "\0" in text:
        raise argparse.ArgumentTypeError("must have 1 to 256 bytes of UTF-8, none of them NUL")
    return text


def contact(text):
    if ":" in text:
        raise argparse.ArgumentTypeError("has no colon")
    return identifier(text)


def main():
    parser = argparse.ArgumentParser(description="Puts a message into Cardume's queues through Redis.")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379", help="redis[s]://[user:password@]host[:port][/database]")
    parser.add_argument("--ca", help="file with the authority's certificate, for rediss://")
    parser.add_argument("--prefix", default="cardume", help="of all keys (%(default)s)")
    parser.add_argument("--assistant", required=True, type=identifier, help="answers if nobody holds the conversation")
    parser.add_argument("--assistants", help="all assistants of the deployment, with commas (default: that one)")
    parser.add_argument("--channel", required=True, type=identifier, help="as in Cardume's configuration")
    parser.add_argument("--contact", required=True, type=contact, help="who writes")
    parser.add_argument("--text", required=True)
    parser.add_argument("--id", type=identifier, help="the provider's id of the message (default: a random one)")
    parser.add_argument("--to", type=identifier, help="where a reply goes (default: the contact)")
    parser.add_argument("--name", help="the contact's name for themselves")
    options = parser.parse_args()
    assistants = options.assistants.split(",") if options.assistants else [options.assistant]
    if options.assistant not in assistants or "" in assistants:
        parser.error("--assistants must name %s, and no empty name" % options.assistant)

    now = time.time()
    message = {
        "conv": options.channel + ":" + options.contact,
        "id": options.id or secrets.token_hex(16),
        "kind": "text",
        "text": options.text,
        "at": int(now * 1000),
        "to": options.to or options.contact,
        "trace": secrets.token_hex(16),
        "sent": int(now),
    }
    if options.name:
        message["name"] = options.name
    try:
        producer = Producer(Redis(options.redis, options.ca), assistants, options.prefix)
        appended = producer.append(options.assistant, message)
    except (OSError, RedisError, LookupError, ValueError) as error:
        sys.exit("enqueue: %s (message %s)" % (error, message["id"]))
    report = {"conversation": message["conv"], "id": message["id"], "status": "seen before"}
    if appended:
        report.update(status="appended", assistant=appended[0], entry=appended[1])
    print(json.dumps(report, ensure_ascii=False))


if __name__ == "__main__":
    main()
