"""A double of the Hugging Face Hub's HTTP interface, as far as putting a dataset there goes: repositories, the large
file storage by SHA-256, and commits that are applied as a whole."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN = "hf_token_of_the_test"


@dataclass
class Hub:
    """What the double holds, and what it was asked for."""

    url: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)  # by SHA-256
    commits: list[str] = field(default_factory=list)
    uploads: int = 0
    fail_after: int | None = None  # uploads; then the storage is down


class Handler(BaseHTTPRequestHandler):
    """Answers for one self.hub."""

    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        repo = "/".join(parts[2:4])
        if repo not in self.hub.repos:
            return self._answer(404, {"error": "no such repository"}, {"X-Error-Code": "RepoNotFound"})
        if parts[4:5] == ["tree"]:
            return self._answer(200, [self._entry(name, data) for name, data in sorted(self.hub.repos[repo].items())])
        return self._answer(200, {"id": repo, "sha": "0" * 40, "siblings": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer(401, {"error": "who are you?"})
        parts = urlsplit(self.path).path.strip("/").split("/")
        if parts == ["api", "repos", "create"]:
            return self._create(json.loads(body))
        if parts == ["api", "validate-yaml"]:
            return self._answer(200, {"errors": [], "warnings": []})
        if parts[-1] == "batch":
            return self._answer(200, {"transfer": "basic", "objects": list(self._objects(json.loads(body)))})
        repo = "/".join(parts[2:4])
        if parts[4] == "preupload":
            files = [self._mode(one["path"]) for one in json.loads(body)["files"]]
            return self._answer(200, {"files": files})
        return self._commit(repo, [json.loads(line) for line in body.splitlines()])

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.hub.fail_after is not None and self.hub.uploads >= self.hub.fail_after:
            return self._answer(400, {"error": "the storage is down"})
        self.hub.uploads += 1
        digest = hashlib.sha256(data).hexdigest()
        assert self.path.endswith(digest)
        self.hub.large[digest] = data
        return self._answer(200, {})

    def _create(self, asked: dict[str, Any]) -> None:
        repo = f"{asked['organization']}/{asked['name']}"
        known = repo in self.hub.repos
        self.hub.repos.setdefault(repo, {})
        self.hub.private.setdefault(repo, asked.get("visibility") == "private" or bool(asked.get("private")))
        self._answer(409 if known else 200, {"url": f"{self.hub.url}/datasets/{repo}", "id": repo})

    def _mode(self, path: str) -> dict[str, Any]:
        return {
            "path": path,
            "uploadMode": "lfs" if path.endswith(".parquet") else "regular",
            "shouldIgnore": False,
        }

    def _objects(self, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for one in asked["objects"]:
            there = one["oid"] in self.hub.large
            upload = {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}", "header": {}}}
            yield {"oid": one["oid"], "size": one["size"], **({} if there else {"actions": upload})}

    def _commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        files = dict(self.hub.repos[repo])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif line["key"] == "deletedFile":
                files.pop(value["path"], None)
        self.hub.repos[repo] = files
        self.hub.commits.append(next(line["value"]["summary"] for line in lines if line["key"] == "header"))
        about = {
            "commitUrl": f"{self.hub.url}/datasets/{repo}/commit/{'1' * 40}",
            "commitOid": "1" * 40,
            "pullRequestUrl": None,
        }
        self._answer(200, about)

    def _entry(self, path: str, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        lfs = {"lfs": {"oid": digest, "size": len(data), "pointerSize": 100}} if path.endswith(".parquet") else {}
        return {"type": "file", "path": path, "size": len(data), "oid": digest[:40], **lfs}

    def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def served_hub() -> Iterator[Hub]:
    """The double on a port of the loopback interface."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
