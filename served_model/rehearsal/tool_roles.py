"""The prompts of the recipes for tool use, with the faults that are planted in their replies."""

from __future__ import annotations

from collections.abc import Mapping

from served_model.rehearsal.role import Fault, Role, of_tags
from served_model.rehearsal.tool_planner import (
    play_easy,
    play_file,
    play_in_order,
    play_mined,
    play_opening,
    play_parallel,
    play_reply,
    play_single,
    play_trajectory,
)
from served_model.rehearsal.tool_player import play_act, play_contrast, play_direct, play_react, play_review

PACKAGE = "generators.tool_use"
PLAN_FAULTS: Mapping[str, Fault] = {
    "plan_unknown_tool": Fault(2, "format"),
    "gold_differs": Fault(3, "execution"),
    "argument_not_in_request": Fault(3, "execution"),
    "truncated": Fault(1, "format"),
}
# Not every fault has a place in every turn: one that has none is not planted.
ACT_FAULTS: Mapping[str, Fault] = {
    "unknown_tool": Fault(3, "format"),
    "wrong_type": Fault(3, "format"),
    "missing_argument": Fault(3, "format"),
    "unknown_argument": Fault(2, "format"),
    "malformed_call": Fault(3, "format"),
    "no_call": Fault(3, "format"),
    "hallucinated_argument": Fault(4, "execution"),
    "extra_call": Fault(3, "execution"),
    "ignores_result": Fault(6, "execution"),
    "obeys_injection": Fault(4, "execution"),
    "truncated": Fault(2, "format"),
    "calls_anyway": Fault(6, "format"),
    "claims_too_much": Fault(2, "judge"),
}
REACT_FAULTS: Mapping[str, Fault] = {
    **{name: fault for name, fault in ACT_FAULTS.items() if name != "calls_anyway"},
    "gives_up": Fault(6, "execution"),
}
JUDGE_FAULTS: Mapping[str, Fault] = {"unreadable_verdict": Fault(2, "format"), "wrong_verdict": Fault(1, "judge")}


ROLES = (
    Role(
        f"{PACKAGE}/plan_single",
        frozenset({"tools", "examples", "refused", "target"}),
        {**PLAN_FAULTS, "gives_result_away": Fault(2, "execution"), "call_raises": Fault(3, "execution")},
        of_tags(play_single),
    ),
    Role(
        f"{PACKAGE}/plan_needing",
        frozenset({"tools", "examples", "target"}),
        {"plan_unknown_tool": Fault(2, "format"), "truncated": Fault(1, "format")},
        of_tags(play_single),
    ),
    Role(
        f"{PACKAGE}/plan_parallel",
        frozenset({"tools", "examples", "target"}),
        PLAN_FAULTS,
        of_tags(play_parallel),
    ),
    Role(
        f"{PACKAGE}/plan_nested",
        frozenset({"tools", "examples", "target"}),
        PLAN_FAULTS,
        of_tags(play_in_order),
    ),
    Role(
        f"{PACKAGE}/plan_steps",
        frozenset({"tools", "examples", "target"}),
        PLAN_FAULTS,
        of_tags(play_in_order),
    ),
    Role(
        f"{PACKAGE}/plan_turns",
        frozenset({"tools", "examples", "target"}),
        # The value in which plan and request differ may be the very one that the user gives later, by the plan.
        {name: PLAN_FAULTS[name] for name in ("plan_unknown_tool", "truncated")},
        of_tags(play_single),
    ),
    Role(
        f"{PACKAGE}/user_open",
        frozenset({"request", "withheld"}),
        {"gives_withheld_value": Fault(2, "format"), "empty_turn": Fault(1, "format")},
        of_tags(play_opening),
    ),
    Role(
        f"{PACKAGE}/user_reply",
        frozenset({"request", "withheld", "dialogue"}),
        {"gives_another_value": Fault(2, "execution")},
        of_tags(play_reply),
    ),
    Role(f"{PACKAGE}/first_turn", frozenset({"tools", "dialogue"}), JUDGE_FAULTS, play_review),
    Role(
        f"{PACKAGE}/plan_file",
        frozenset({"tools", "file", "content", "examples"}),
        # Of a call's arguments one is the file's name, which every request begins with.
        {name: fault for name, fault in PLAN_FAULTS.items() if name != "argument_not_in_request"},
        of_tags(play_file),
    ),
    Role(
        f"{PACKAGE}/plan_mined",
        frozenset({"tools", "code", "call"}),
        {"asks_for_something_else": Fault(3, "execution"), "request_too_short": Fault(2, "format")},
        of_tags(play_mined),
    ),
    Role(f"{PACKAGE}/react", frozenset({"tools", "dialogue"}), REACT_FAULTS, of_tags(play_react)),
    Role(
        f"{PACKAGE}/plan_stateful",
        frozenset({"tools", "examples", "state"}),
        {**PLAN_FAULTS, "gold_differs": Fault(3, "state")},
        of_tags(play_trajectory),
    ),
    Role(
        f"{PACKAGE}/plan_easy",
        frozenset({"tools", "examples"}),
        {"needs_a_tool": Fault(3, "format")},
        of_tags(play_easy),
    ),
    Role(f"{PACKAGE}/act", frozenset({"tools", "dialogue"}), ACT_FAULTS, of_tags(play_act)),
    # Its reply is evidence against a request, no part of a record: there is nothing to plant.
    Role(f"{PACKAGE}/direct", frozenset({"request"}), {}, of_tags(play_direct)),
    Role(f"{PACKAGE}/meaning", frozenset({"tools", "dialogue"}), JUDGE_FAULTS, play_review),
    Role(f"{PACKAGE}/no_call", frozenset({"tools", "dialogue"}), JUDGE_FAULTS, play_review),
    Role(
        "verifiers/contrast",
        frozenset({"request", "first_call", "second_call"}),
        {"unreadable_verdict": Fault(2, "format")},
        play_contrast,
    ),
)
