"""The real router and one simulated provider of every kind, each a process of its own on free ports.

Everything here goes through their listeners, as a user's program would. The kinds and the map are those of the tests
beside this folder, which are written in another language.
"""

import json
import os
import queue
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import anthropic
import openai
from google import genai

HERE = Path(__file__).resolve().parent
SDK = HERE.parent
BUILT = SDK.parent.parent / "target" / "debug"
ROUTER = os.environ.get("SWITCHYARD_BIN", str(BUILT / "switchyard"))
SIM = os.environ.get("SWITCHYARD_SIM_BIN", str(BUILT / "switchyard-sim"))
START_S = 20
STOP_S = 10

KINDS = json.loads((SDK / "kinds.json").read_text())
# The models the map lists, in its order, and then its jobs.
MODELS = [
    "auto",
    *(kind["says"] for kind in KINDS),
    *(kind["embeds"] for kind in KINDS if kind["embeds"]),
    *sorted(kind["model"] for kind in KINDS),
]


class Program:
    """A process that says on its first line where it listens."""

    def __init__(self, *command, variables=None):
        self.command = command[0]
        self.log = []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(variables or {})},
        )
        lines = queue.Queue()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()
        threading.Thread(target=self._keep_log, daemon=True).start()
        try:
            line = lines.get(timeout=START_S)
        except queue.Empty:
            line = ""
        if not line:
            self.stop()
            raise RuntimeError(f"{self.command} did not start:\n{''.join(self.log)}")
        self.said = json.loads(line)

    def _read(self, lines):
        for line in self.process.stdout:
            lines.put(line)
        lines.put("")

    def _keep_log(self):
        for line in self.process.stderr:
            self.log = [*self.log[-200:], line]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Switchyard:
    """A router with a route to each kind of provider, and the providers behind it."""

    def __init__(self, folder: Path):
        self.sim = Program(SIM, "--every-kind")
        credentials = folder / "credentials.json"
        credentials.touch(mode=0o600)
        credentials.write_text(json.dumps(self.sim.said["credentials"]))
        variables = {
            f"SIM_{name.upper().replace('-', '_')}": url for name, url in self.sim.said["urls"].items()
        }
        data = folder / "data"
        ports = ["--port", "0", "--control-port", "0"]
        options = ["--no-sim", "--credentials-file", str(credentials), "--data-dir", str(data), "--print-json"]
        try:
            self.router = Program(ROUTER, "serve", *options, *ports, variables=variables)
        except RuntimeError:
            self.sim.stop()
            raise
        self.proxy_url = self.router.said["proxyUrl"]
        self.key = (data / "client.key").read_text().strip()
        self._token = (data / "control.token").read_text().strip()
        document = (SDK / "kinds.map.json").read_text()
        self._call(self.router.said["controlUrl"], "PUT", "/v1/map", {"document": document, "source": "api"})

    def stop(self):
        self.router.stop()
        self.sim.stop()

    def openai(self, **options):
        """The official OpenAI client, pointed here. Without retries of its own unless asked for."""
        options = {"api_key": self.key, "max_retries": 0, "timeout": 15, **options}
        return openai.OpenAI(base_url=f"{self.proxy_url}/v1", **options)

    def anthropic(self, **options):
        """The official Anthropic client, pointed here. Without retries of its own unless asked for."""
        options = {"api_key": self.key, "max_retries": 0, "timeout": 15, **options}
        return anthropic.Anthropic(base_url=self.proxy_url, **options)

    def google(self, **options):
        """Google's official client, pointed here. It has no retries of its own unless asked for."""
        http = genai.types.HttpOptions(base_url=self.proxy_url, timeout=15_000)
        return genai.Client(**{"api_key": self.key, "http_options": http, **options})

    def control(self, method, path, body=None):
        """One call of the control API; what it answers, read as JSON."""
        return self._call(self.router.said["controlUrl"], method, path, body)

    def fault(self, provider, **fault):
        """Breaks a simulated provider until it is healed."""
        self._steer("PUT", f"/{provider}/fault", {"fault": fault})

    def heal(self, provider):
        self._steer("DELETE", f"/{provider}/fault")

    def calls(self, provider):
        """Completions a simulated provider was asked for so far."""
        return next(one for one in self._steer("GET", "") if one["name"] == provider)["calls"]

    def last_asked(self, provider):
        """The body of the last request a simulated provider was sent."""
        requests = self._steer("GET", f"/{provider}/requests")
        return json.loads([one for one in requests if one["method"] == "POST"][-1]["body"])

    def metrics(self):
        """What Prometheus is told, and the media type it is told as."""
        headers = {"authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(f"{self.router.said['controlUrl']}/metrics", headers=headers)
        with urllib.request.urlopen(request, timeout=STOP_S) as answer:
            return answer.headers["content-type"], answer.read().decode()

    def _steer(self, method, path, body=None):
        return self._call(self.sim.said["adminUrl"], method, f"/providers{path}", body)

    def _call(self, base, method, path, body=None):
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(base + path, method=method, headers=headers, data=data)
        try:
            with urllib.request.urlopen(request, timeout=STOP_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()}") from None
        return json.loads(text) if text else None


def until(what, ask, seconds=10):
    """Asks again and again until the answer is not None; fails with `what` once the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found = ask()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.015)
