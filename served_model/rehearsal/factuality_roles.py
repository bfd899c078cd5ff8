"""The prompts of the factuality recipes and of the judges that every domain shares, with their faults."""

from __future__ import annotations

from served_model.rehearsal.factuality_judges import (
    play_atomic_facts,
    play_better,
    play_correctness,
    play_gates,
    play_informativeness,
    play_same_answer,
    play_support,
)
from served_model.rehearsal.factuality_player import play_closed_book, play_question, play_refusal
from served_model.rehearsal.judge_player import JUDGE_FAULTS
from served_model.rehearsal.role import Fault, Role

ROLES = (
    Role(
        "generators.factuality/question",
        frozenset({"passage"}),
        {
            "about_the_passage": Fault(2, "format"),
            "gives_answer_away": Fault(2, "format"),
            "answer_not_in_passage": Fault(2, "equivalence"),
            "not_answerable": Fault(2, "judge"),
            "not_self_contained": Fault(2, "judge"),
            "several_answers": Fault(2, "judge"),
            "other_question": Fault(2, "judge"),
            "no_question": Fault(1, "format"),
            "malformed_json": Fault(2, "format"),
        },
        play_question,
    ),
    Role(
        "generators.factuality/closed_book",
        frozenset({"question"}),
        {
            "truncated": Fault(1, "format"),
            "wrong_answer": Fault(0, "judge"),  # weight 0: by the behaviour planted for the question
            "vague_answer": Fault(0, "judge"),
            "no_answer": Fault(0, "format"),
        },
        play_closed_book,
    ),
    Role(
        "generators.factuality/refusal",
        frozenset({"question"}),
        {
            "leaks_answer": Fault(3, "equivalence"),
            "hedges": Fault(2, "format"),
            "answers": Fault(2, "format"),
            "lectures": Fault(2, "format"),
            "names_nothing": Fault(2, "format"),
        },
        play_refusal,
    ),
    Role(
        "generators.factuality/question_gates",
        frozenset({"passage", "question", "paraphrases", "answer"}),
        JUDGE_FAULTS,
        play_gates,
    ),
    Role("verifiers/correctness", frozenset({"reference", "question", "answer"}), JUDGE_FAULTS, play_correctness),
    Role("verifiers/informativeness", frozenset({"question", "answer"}), JUDGE_FAULTS, play_informativeness),
    Role("verifiers/better", frozenset({"reference", "question", "first", "second"}), JUDGE_FAULTS, play_better),
    Role("verifiers/same_answer", frozenset({"question", "first", "second"}), JUDGE_FAULTS, play_same_answer),
    Role("verifiers/support", frozenset({"reference", "claim"}), JUDGE_FAULTS, play_support),
    Role(
        "verifiers/atomic_facts",
        frozenset({"answer"}),
        {"malformed_json": Fault(1, "format")},
        play_atomic_facts,
    ),
)
