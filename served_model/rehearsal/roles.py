"""The table of roles: one line per domain. It tells which prompt a request is about."""

from __future__ import annotations

from collections.abc import Mapping, Set

from served_model.rehearsal import code_roles, curation_roles, factuality_roles, math_roles, tool_roles
from served_model.rehearsal.role import Role

ROLES: Mapping[str, Role] = {
    role.prompt: role
    for role in (
        *code_roles.ROLES,
        *math_roles.ROLES,
        *factuality_roles.ROLES,
        *tool_roles.ROLES,
        *curation_roles.ROLES,
    )
}
FALLBACK = code_roles.SOLUTION


def find_prompt(header: str, repaired: str, tags: Set[str]) -> str:
    """The prompt to play: the header's, or for a repair the one it repairs, or what the tagged parts show.

    By tags, the prompt with the most parts of which all are there counts, of several the first in the table.
    """
    for name in (header, repaired):
        if name in ROLES:
            return name
    fitting = [role for role in ROLES.values() if role.tags <= tags]
    return max(fitting, key=lambda role: len(role.tags)).prompt if fitting else FALLBACK
