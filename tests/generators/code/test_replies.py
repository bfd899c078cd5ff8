"""Strict reading of replies: what makes a task, a program, a revision, and what is refused under which name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.code.quoting import TAGS, quoted
from generators.code.replies import (
    Revision,
    Unusable,
    gives_away,
    read_code,
    read_revision,
    read_task,
    revised_code,
)
from served_model.types import Reply, UnreadableReply, Usage

TEXT = "Return the sum of the squares of all even numbers in the list. An empty list gives 0."
GIVEN_AWAY = "def even_squares(numbers):\n    return sum(n * n for n in numbers if n % 2 == 0)\n"
SIGNATURE = "def even_squares(numbers: list[int]) -> int:\n    ..."
GOOD = f"## Problem\n\n{TEXT}\n\n## Signature\n\n```python\n{SIGNATURE}\n```\n"


def reply(text: str, finish_reason: str = "stop", data: object = None) -> Reply:
    return Reply("key", text, finish_reason, "scripted", Usage(), data)


def with_signature(code: str) -> str:
    return f"## Problem\n\n{TEXT}\n\n## Signature\n\n```python\n{code}\n```\n"


ACCEPTED = {
    "plain": GOOD,
    "words before": f"Sure, here is a task.\n\n{GOOD}",
    "carriage returns": GOOD.replace("\n", "\r\n"),
    "closed headings": GOOD.replace("## Problem", "## Problem ##"),
    "docstring": with_signature('def f(x: int) -> int:\n    """Sum."""'),
    "docstring and dots": with_signature('def f(x: int) -> int:\n    """Sum."""\n    ...'),
    "pass": with_signature("def f(x: int) -> int: pass"),
    "imports for hints": with_signature("from typing import Optional\ndef f(x: Optional[int] = None) -> int: ..."),
    "keyword-only, rest": with_signature("def f(*xs: int, strict: bool = False, **more: int) -> int: ..."),
    "headings in an example": GOOD.replace(TEXT, f"{TEXT}\n\n```\n## Signature\n```\n"),
    "example calls in code": GOOD.replace(TEXT, f"{TEXT}\n\n```python\n>>> even_squares([2])\n4\n```\n"),
    "signature repeated": GOOD.replace(TEXT, f"{TEXT}\n\n```python\n{SIGNATURE}\n```\n"),
}

REFUSED = {
    "missing_section": {
        "empty": "",
        "prose": TEXT,
        "no signature": GOOD[: GOOD.index("## Signature")],
        "no problem": GOOD[GOOD.index("## Signature") :],
        "empty problem": GOOD.replace(TEXT, ""),
        "other level": GOOD.replace("## Signature", "# Signature"),
        "other case": GOOD.replace("## Signature", "## SIGNATURE"),
        "swallowed by an open fence": GOOD.replace(TEXT, f"{TEXT}\n```python\n"),
    },
    "sections_out_of_order": {
        "swapped": GOOD[GOOD.index("## Signature") :] + GOOD[: GOOD.index("## Signature")],
    },
    "unexpected_section": {
        "solution too": f"{GOOD}\n## Solution\n\nSee above.\n",
        "twice": f"{GOOD}\n{GOOD}",
    },
    "problem_too_short": {"a few words": GOOD.replace(TEXT, "Add numbers.")},
    "problem_too_long": {"a book": GOOD.replace(TEXT, "word " * 2000)},
    "not_self_contained": {
        "the snippet": GOOD.replace(TEXT, f"{TEXT} Work like the code above."),
        "given snippet": GOOD.replace(TEXT, f"Rewrite the given snippet. {TEXT}"),
    },
    "bad_signature": {
        "no block": f"## Problem\n\n{TEXT}\n\n## Signature\n\ndef f(x: int) -> int: ...\n",
        "two blocks": f"{GOOD}\n```python\n{SIGNATURE}\n```\n",
        "open block": GOOD[: GOOD.rindex("```")],
        "no hints": with_signature("def f(x): ..."),
        "no result hint": with_signature("def f(x: int): ..."),
        "one hint missing": with_signature("def f(x: int, y) -> int: ..."),
        "no parameters": with_signature("def f() -> int: ..."),
        "a body": with_signature("def f(x: int) -> int:\n    return x"),
        "two functions": with_signature("def f(x: int) -> int: ...\ndef g(x: int) -> int: ..."),
        "a class": with_signature("class F:\n    def f(self, x: int) -> int: ..."),
        "decorated": with_signature("@cache\ndef f(x: int) -> int: ..."),
        "async": with_signature("async def f(x: int) -> int: ..."),
        "hides a builtin": with_signature("def sorted(x: list[int]) -> list[int]: ..."),
        "looks like a test": with_signature("def test_it(x: int) -> int: ..."),
        "not Python": with_signature("function f(x) {}"),
        "null byte": with_signature("def f(x: int) -> int: ...\0"),
        "nested deep": with_signature(f"def f(x: {'(' * 300}) -> int: ..."),
        "too long": with_signature(f"def f(x: int = {'1+' * 600}1) -> int: ..."),
        "only a comment": with_signature("# def f(x: int) -> int: ..."),
    },
    "solution_in_problem": {
        "whole": GOOD.replace(TEXT, f"{TEXT}\n\n```python\n{GIVEN_AWAY}```"),
        "in part": GOOD.replace(TEXT, f"{TEXT}\n\n```\n{GIVEN_AWAY[: GIVEN_AWAY.index('sum')]}...\n```"),
    },
}
REFUSALS = [
    pytest.param(text, reason, id=f"{reason}: {name}")
    for reason, cases in REFUSED.items()
    for name, text in cases.items()
]


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_a_task_is_read(text: str) -> None:
    task = read_task(reply(text))
    assert TEXT in task.problem.replace("\r", "")
    assert task.entry_point in {"even_squares", "f"}
    assert f"def {task.entry_point}(" in task.signature


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
def test_what_is_no_task_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(Unusable) as caught:
        read_task(reply(text))
    assert str(caught.value) == reason


def test_a_reply_that_was_cut_off_is_refused_even_where_it_looks_whole() -> None:
    with pytest.raises(Unusable, match="truncated"):
        read_task(reply(GOOD, "length"))


@given(st.text(alphabet=st.sampled_from("#` \n\\\0()'\":abcdef.->Problem Signature"), max_size=400))
def test_no_text_breaks_the_reader(text: str) -> None:
    for whole in (text, f"## Problem\n{text}\n## Signature\n```python\n{text}\n```", with_signature(text)):
        try:
            read_task(reply(whole))
        except Unusable as error:
            assert str(error).replace("_", "").isalpha()


PROGRAM = "def even_squares(numbers):\n    return 0\n"


@pytest.mark.parametrize(
    ("text", "finish_reason", "code"),
    [
        (f"Plan.\n```python\n{PROGRAM}```", "stop", PROGRAM),
        (f"Plan.\n```python\n{PROGRAM}```", "length", ""),
        (f"Plan.\n```python\n{PROGRAM}", "stop", ""),
        ("Plan without code.", "stop", ""),
        ("", "stop", ""),
    ],
)
def test_only_whole_code_counts(text: str, finish_reason: str, code: str) -> None:
    assert read_code(reply(text, finish_reason), "python", "even_squares") == code


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (PROGRAM, PROGRAM),
        (PROGRAM.rstrip(), PROGRAM),
        (f"```python\n{PROGRAM}```", PROGRAM),
        (f"Here:\n```python\n{PROGRAM}```\nBetter.", PROGRAM),
        ("", "\n"),
    ],
)
def test_revised_code_may_be_fenced_all_the_same(code: str, wanted: str) -> None:
    revision = Revision(diagnosis="", explanation="", change="solution", code=code)
    assert revised_code(revision, "python", "even_squares") == wanted


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"diagnosis": "d", "explanation": "", "change": "both", "code": "c"},
        {"diagnosis": "d", "explanation": "", "change": "tests"},
        {"diagnosis": "d", "explanation": "", "change": "tests", "code": 1},
        {"diagnosis": "d", "explanation": "", "change": "tests", "code": "c", "more": 1},
    ],
)
def test_what_is_no_revision_is_unreadable(data: object) -> None:
    with pytest.raises(UnreadableReply):
        read_revision(reply("", data=data))


def test_a_problem_that_holds_the_solution_gives_it_away() -> None:
    assert gives_away(f"Do this.\n\n    {PROGRAM}", PROGRAM.replace("    ", "  "))
    assert not gives_away(TEXT, PROGRAM)
    assert not gives_away(TEXT, "")


@given(st.text(alphabet=st.sampled_from("<>/ \t\nproblemsolutiontestsfeedbacksnippetsignature&;"), max_size=200))
def test_quoted_text_closes_and_opens_no_tag(text: str) -> None:
    for tag in TAGS:
        shown = quoted(f"{text}</{tag}>{text}< / {tag.upper()} ><{tag} a='b'>")
        lowered = "".join(shown.lower().split())
        assert f"</{tag}" not in lowered
        assert f"<{tag}" not in lowered


@given(st.text(max_size=200))
def test_quoting_changes_nothing_else(text: str) -> None:
    if "<" not in text:
        assert quoted(text) == text
    assert quoted(text).replace("&lt;", "<") == text.replace("&lt;", "<")


def test_code_is_hardly_touched() -> None:
    code = "if a < b and tests<limit and x <y: return f'<p>{problem}</p>'"
    assert quoted(code) == code
