import json

import pytest

from served_model.listing import read_listing
from served_model.types import Listing


def test_names_are_read_and_what_is_no_name_is_left_out():
    models = [{"id": "a"}, {"id": "b\nc\x1b[31m"}, {"id": 3}, "d", {}]
    assert read_listing(200, json.dumps({"data": models}).encode()) == Listing(("a", "b c [31m"))


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"null", b'{"data": null}', b'{"data": {"id": "a"}}'])
def test_an_answer_without_a_list_is_said(body):
    assert read_listing(200, body) == Listing(problem="no list of models: the answer holds none")


@pytest.mark.parametrize(("status", "usable"), [(401, False), (403, False), (404, True), (500, True), (302, True)])
def test_only_a_server_that_wants_another_key_is_not_usable(status, usable):
    listing = read_listing(status, b'{"error": {"message": "no\\nway"}}')
    assert listing == Listing(problem=f"no list of models: HTTP {status}: no way", usable=usable)
