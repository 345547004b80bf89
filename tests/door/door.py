"""A door of a test's own: topics on a broker, tokens of partners, the process, and plain requests to it."""

import contextlib
import http.client
import json
import os
import secrets
import shutil
import subprocess
import time
import tomllib
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]


def example(kind):
    """An example event as text, and its partner."""
    text = (ROOT / f"schemas/examples/{kind}.json").read_text().strip()
    return text, json.loads(text)["source"].split(":")[2]


class Door:
    """A running door. Leave the `with` block to stop it."""

    def __init__(self, program, broker, work, partners, **settings):
        self.program, self.work = Path(program).resolve(), Path(work).resolve()
        shutil.rmtree(self.work, ignore_errors=True)
        (self.work / "reference").mkdir(parents=True)
        # Topics of its own, so that other tests of the broker do not read these events.
        partners_file = (ROOT / "config/partners.toml").read_text()
        topics = partners_file.replace(".events.v1", f".{self.work.name}-{secrets.token_hex(4)}")
        (self.work / "reference/partners.toml").write_text(topics)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PARTNER_FEEDS_")},
            "PARTNER_FEEDS_KAFKA_BROKERS": broker,
            "PARTNER_FEEDS_REFERENCE_FOLDER": str(self.work / "reference"),
            "PARTNER_FEEDS_STORE_ROOT": str(self.work / "store"),
            "PARTNER_FEEDS_DOOR_LISTEN": "127.0.0.1:0",
            "PARTNER_FEEDS_DOOR_TOKENS": str(self.work / "tokens.toml"),
            "PARTNER_FEEDS_DOOR_RATE": "1000000",
            **{f"PARTNER_FEEDS_DOOR_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.run("topics", "create", "--partitions", "3")
        self.tokens, entries = {}, []
        expires = str(date.today() + timedelta(days=30))
        for partner in partners:
            made = self.run("door", "token", partner, "--expires", expires)
            entries.append(made.stdout)
            self.tokens[partner] = next(line for line in made.stderr.splitlines() if line.startswith("pf_"))
        (self.work / "tokens.toml").write_text("\n".join(entries))
        assert len(tomllib.loads("\n".join(entries))["token"]) == len(partners)

    def run(self, *arguments):
        return subprocess.run(
            [self.program, *arguments], env=self.environment, cwd=self.work, check=True, text=True, capture_output=True
        )

    def __enter__(self):
        self.log = self.work / "door.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([self.program, "door"], env=self.environment, cwd=self.work, stderr=log)
        self.await_log("the topics can be used")
        line = next(line for line in self.log.read_text().splitlines() if "accepting events" in line)
        self.port = int(line.split("address=127.0.0.1:")[1].split()[0])
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)

    def await_log(self, text):
        deadline = time.monotonic() + 60
        while text not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the door did not log `{text}`:\n{self.log.read_text()}")
            time.sleep(0.05)

    def peak_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def post(self, partner, body, path="/v1/events", timeout=60, **headers):
        """The status and the text of an answer."""
        all_headers = {
            "Authorization": f"Bearer {self.tokens[partner]}",
            "Content-Type": "application/x-ndjson",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as connection:
            connection.request("POST", path, body, all_headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
