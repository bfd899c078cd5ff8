"""Putting a dataset where others read it: never half of one in sight, what was sent is not sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from exports.push import MANIFEST, Pushed, PushError, push_to_store, read_manifest
from exports.push_hub import push_to_hub
from exports.write import write_exports
from flows.errors import ConfigError, UserError
from flows.push import push
from records.store import Store, StoreError
from tests.exports.hub_double import TOKEN, Hub, served_hub
from tests.exports.stored_rows import write_shards
from tests.exports.test_write import FACTS, NAMES, chain, tree


def dataset(root: Path, numbers: range) -> Path:
    files = write_shards(root, [row for number in numbers for row in chain(number)])
    write_exports(files, [f"k{number}" for number in numbers], root / "dataset", NAMES, FACTS)
    return root / "dataset"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return dataset(tmp_path / "old", range(2))


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return dataset(tmp_path / "new", range(5))


@pytest.fixture(scope="module")
def bucket() -> Iterator[None]:
    """An S3-compatible server with one bucket, found by the environment."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        Store.open("s3://bucket").files.mkdir("bucket")
        yield
    server.stop()


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3":
        request.getfixturevalue("bucket")
        return f"s3://bucket/{uuid4().hex}/data"
    return f"file://{tmp_path}/shared/data"


def read(url: str) -> dict[str, str]:
    """What a reader finds: the manifest's files, whole, with their checksums."""
    store = Store.open(url)
    text = store.get(MANIFEST)
    if text is None:
        return {}
    folder, files = read_manifest(text)
    found = {one.path: store.get(f"{folder}/{one.path}") or b"" for one in files}
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in found.items()}
    assert digests == {one.path: one.sha256 for one in files}
    return digests


def test_a_reader_gets_the_dataset_byte_for_byte(url: str, old: Path) -> None:
    pushed = push_to_store(old, url)
    assert read(url) == tree(old)
    assert pushed == Pushed(url, pushed.version, 5, 5)
    assert push_to_store(old, url).sent == 0


def test_at_every_moment_a_reader_sees_the_old_dataset_or_the_new_one(
    url: str, old: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_to_store(old, url)
    seen, upload = [], Store.upload

    def watched(self: Store, path: Path, name: str) -> None:
        seen.append(read(url))
        upload(self, path, name)
        seen.append(read(url))

    monkeypatch.setattr(Store, "upload", watched)
    push_to_store(new, url)
    assert len(seen) == 10 and all(one == tree(old) for one in seen)
    assert read(url) == tree(new)


@pytest.mark.parametrize("after", range(5))
def test_a_push_that_breaks_off_leaves_the_old_one_and_goes_on(
    after: int, tmp_path: Path, old: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path}/shared/data"
    push_to_store(old, url)
    sent, upload = [0], Store.upload

    def breaking(self: Store, path: Path, name: str) -> None:
        if sent[0] == after:
            raise StoreError("the line is cut")
        sent[0] += 1
        upload(self, path, name)

    monkeypatch.setattr("exports.push.AT_ONCE", 1)
    with monkeypatch.context() as broken:
        broken.setattr(Store, "upload", breaking)
        with pytest.raises(PushError, match="push again"):
            push_to_store(new, url)
    assert read(url) == tree(old)
    assert push_to_store(new, url).sent == 5 - after
    assert read(url) == tree(new)


def test_a_file_that_is_there_by_half_is_sent_again(tmp_path: Path, old: Path) -> None:
    url = f"file://{tmp_path}/shared/data"
    version = push_to_store(old, url).version
    half = tmp_path / "shared" / "data" / "versions" / version / "sft" / "train-00000-of-00001.parquet"
    half.write_bytes(half.read_bytes()[:100])
    assert push_to_store(old, url).sent == 1
    assert pq.read_table(half).num_rows == 2


def test_the_old_version_stays_for_who_still_reads_it(tmp_path: Path, old: Path, new: Path) -> None:
    url = f"file://{tmp_path}/shared/data"
    push_to_store(old, url)
    folder, _ = read_manifest((tmp_path / "shared" / "data" / MANIFEST).read_bytes())
    push_to_store(new, url)
    assert tree(tmp_path / "shared" / "data" / folder) == tree(old)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": "other/1"}', b'{"format": "provender-dataset/1"}'])
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(PushError, match="manifest"):
        read_manifest(text)


@pytest.mark.parametrize(
    "url", ["", "bucket/data", "s3://key:secret@bucket/data", "s3://bucket/data?key=secret", "hf://models/o/n"]
)
def test_a_url_that_says_nothing_is_refused_without_showing_a_secret(url: str, old: Path) -> None:
    with pytest.raises((ConfigError, UserError)) as refusal:
        push(old, url)
    assert "secret@" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_folder_without_a_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no dataset there"):
        push(tmp_path, f"file://{tmp_path}/shared")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with served_hub() as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        yield hub


def on_hub(hub: Hub) -> dict[str, str]:
    return {path: hashlib.sha256(data).hexdigest() for path, data in hub.repos["team/data"].items()}


def test_the_hub_gets_one_commit_in_a_private_repository(hub: Hub, old: Path, new: Path) -> None:
    first = push_to_hub(old, "hf://datasets/team/data", TOKEN)
    assert on_hub(hub) == tree(old) and hub.private == {"team/data": True}
    hub.repos["team/data"]["sft/train-00009-of-00010.parquet"] = b"of an earlier version"
    hub.repos["team/data"]["LICENSE"] = b"theirs"
    second = push_to_hub(new, "hf://datasets/team/data", TOKEN)
    assert on_hub(hub) == tree(new) | {"LICENSE": hashlib.sha256(b"theirs").hexdigest()}
    assert hub.commits == [f"Dataset {first.version}", f"Dataset {second.version}"]


def test_a_push_to_the_hub_that_breaks_off_changes_nothing_and_goes_on(hub: Hub, old: Path, new: Path) -> None:
    push_to_hub(old, "hf://datasets/team/data", TOKEN)
    hub.fail_after = hub.uploads + 1
    with pytest.raises(PushError):
        push_to_hub(new, "hf://datasets/team/data", TOKEN)
    assert on_hub(hub) == tree(old) and len(hub.commits) == 1
    hub.fail_after, before = None, hub.uploads
    push_to_hub(new, "hf://datasets/team/data", TOKEN)
    assert on_hub(hub) == tree(new) and hub.uploads - before < 3


def test_without_a_token_the_hub_refuses_and_the_error_says_what_to_set(hub: Hub, old: Path) -> None:
    with pytest.raises(PushError, match="HF_TOKEN") as refusal:
        push_to_hub(old, "hf://datasets/team/data", "another-secret-token")
    assert "another-secret-token" not in str(refusal.value)
    assert hub.repos == {}


def test_a_hub_that_does_not_answer_is_one_line(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    with pytest.raises(PushError) as refusal:
        push_to_hub(old, "hf://datasets/team/data", TOKEN)
    assert "\n" not in str(refusal.value)
