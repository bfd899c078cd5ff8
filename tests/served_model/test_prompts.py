import hashlib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.types import Message
from served_model.prompts import PromptError, load_prompt, parse_prompt

TEXT = """# system
You write {{language}}.

# user
Solve:
{{problem}}
# assistant
ok
# user
Go on, {{ language }}.
"""

REFUSED = {
    "text before the first": "hello\n# user\nx",
    "empty": "# user\n\n# assistant\nx\n# user\nx",
    "sections must be": "# user\nx\n# system\ny",
    "sections must be ": "# user\nx\n# user\ny",
    "sections must be  ": "# user\nx\n# assistant\ny",
    "sections must be   ": "# system\nx",
    "sections must be    ": "",
    "not a placeholder": "# user\n{{not-a-name}}",
    "not a placeholder ": "# user\n{{open",
}


def test_sections_become_messages():
    prompt = parse_prompt("p/x", TEXT)
    assert prompt.fields == {"language", "problem"}
    assert prompt.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert prompt.render(language="Go", problem="1+1\n\n") == (
        Message("system", "You write Go."),
        Message("user", "Solve:\n1+1\n\n"),
        Message("assistant", "ok"),
        Message("user", "Go on, Go."),
    )


@pytest.mark.parametrize("reason", REFUSED)
def test_badly_made_prompts_are_refused(reason):
    with pytest.raises(PromptError, match=f"prompt p/x: .*{reason.strip()}"):
        parse_prompt("p/x", REFUSED[reason])


def test_missing_and_unexpected_fields_are_named():
    prompt = parse_prompt("p/x", TEXT)
    with pytest.raises(PromptError, match=r"prompt p/x: missing field\(s\): problem; unexpected field\(s\): snippet"):
        prompt.render(language="Go", snippet="x")


def test_a_value_that_is_not_text_is_refused():
    with pytest.raises(PromptError, match=r"'n' must be text, not int"):
        parse_prompt("p/x", "# user\n{{n}}").render(n=1)  # type: ignore[arg-type]


def test_a_field_may_be_named_self():
    assert parse_prompt("p/x", "# user\n{{self}}").render(**{"self": "v"}) == (Message("user", "v"),)


def test_single_braces_and_deeper_headings_are_plain_text():
    text = "# user\nprint({1: 2}) \\frac{a}{\\sqrt{b}}\n## user\n #user\n# users"
    (message,) = parse_prompt("p/x", text).render()
    assert message.content == text.removeprefix("# user\n")


def test_line_ends_of_other_systems_give_the_same_prompt():
    assert parse_prompt("p/x", TEXT.replace("\n", "\r\n")) == parse_prompt("p/x", TEXT)


def test_prompts_are_read_from_their_package():
    prompt = load_prompt("served_model", "repair")
    assert prompt.name == "served_model/repair"
    text = resources.files("served_model").joinpath("prompts", "repair.md").read_text(encoding="utf-8")
    assert prompt.sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("package", "name"), [("served_model", "absent"), ("no_such_package", "x"), ("served_model", "../prompts")]
)
def test_a_missing_prompt_is_named(package, name):
    with pytest.raises(PromptError, match=f"prompt {package}/"):
        load_prompt(package, name)


HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(["{{b}}", "{{a}}", "# user\nx", "\n# system\n", "{{", "\\1", "\\g<1>", "# assistant", "\0"]),
)


@given(a=HOSTILE, b=HOSTILE)
def test_values_stay_inert(a, b):
    messages = parse_prompt("p/x", "# system\n{{a}}\n# user\n<{{b}}|{{a}}|{{b}}>").render(a=a, b=b)
    assert messages == (Message("system", a), Message("user", f"<{b}|{a}|{b}>"))


@given(st.text())
def test_any_text_parses_or_is_refused_with_the_file_named(text):
    try:
        prompt = parse_prompt("p/x", text)
    except PromptError as error:
        assert str(error).startswith("prompt p/x: ")
    else:
        assert prompt.sections
