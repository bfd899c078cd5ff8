"""The prompts of curation, with the faults of their replies: the guard, and who labels a dataset."""

from __future__ import annotations

from served_model.rehearsal.curation_player import (
    play_code_quality,
    play_difficulty,
    play_paraphrase,
    play_quality,
    play_tags,
    play_topic,
)
from served_model.rehearsal.hazard_player import GUARD_FAULTS, play_guard
from served_model.rehearsal.judge_player import JUDGE_FAULTS
from served_model.rehearsal.role import Fault, Role

MALFORMED = {"malformed_json": Fault(2, "format")}
UNTAGGED = frozenset({"BEGIN CONVERSATION"})
"""No prompt can hold this tag: without a header only other roles are recognised by their tags."""

ROLES = (
    Role("verifiers/guard", UNTAGGED, GUARD_FAULTS, play_guard),
    Role("verifiers/quality", UNTAGGED, JUDGE_FAULTS, play_quality),
    Role("verifiers/code_quality", UNTAGGED, JUDGE_FAULTS, play_code_quality),
    Role("curation/difficulty", UNTAGGED, JUDGE_FAULTS, play_difficulty),
    Role("curation/paraphrase", UNTAGGED, JUDGE_FAULTS, play_paraphrase),
    Role("curation/tags", UNTAGGED, MALFORMED, play_tags),
    Role("curation/topic", UNTAGGED, {**MALFORMED, "off_list": Fault(2, "format")}, play_topic),
)
