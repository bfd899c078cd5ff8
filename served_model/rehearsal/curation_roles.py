"""The prompts of curation: the guard, with the faults of its replies."""

from __future__ import annotations

from served_model.rehearsal.hazard_player import GUARD_FAULTS, play_guard
from served_model.rehearsal.role import Role

ROLES = (
    # The tag is one that no prompt can hold: without a header only other roles are recognised by their tags.
    Role("verifiers/guard", frozenset({"BEGIN CONVERSATION"}), GUARD_FAULTS, play_guard),
)
