"""The double that plays tool dialogues reads what it is shown, whatever stands in a value."""

from __future__ import annotations

import json
import random

from records.types import canonical_json
from served_model.rehearsal.tool_planner import play_in_order
from served_model.rehearsal.tool_requests import read_request

ODD = "line\u2028paragraph\u2029next\x85unit\x1cfeed\x0c"


def test_a_separator_in_a_value_ends_no_line() -> None:
    """JSON escapes control characters only: these separators stand in its text as they are."""
    example = {"name": "html_escape", "arguments": {"s": ODD}, "result": ODD}
    draft = play_in_order({"examples": canonical_json(example)}, random.Random(0), None)
    assert [dict(call.arguments) for call in read_request(json.loads(draft.text)["request"])] == [{"s": ODD}]
