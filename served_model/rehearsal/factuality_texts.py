"""What the rehearsal model says about blanks in lines: answers, refusals, and how they go wrong."""

from __future__ import annotations

RIGHT = ('The missing word is "{word}".', 'It is "{word}".', '"{word}" belongs there.', 'That should be "{word}".')
HEDGED = ('I think it is "{word}".', 'If I remember rightly, it is "{word}".', 'Probably "{word}", as far as I recall.')
VAGUE = (
    "Several words would make sense there, depending on how one reads the line.",
    "It has to do with how the subject is usually put in such references.",
    "A term from the same area belongs there, as the rest of the line suggests.",
)
UNKNOWN = (
    "I don't know which word belongs there.",
    "I'm not able to say which word is missing, sorry.",
    "I do not know this one.",
)
REFUSALS = (
    'I don\'t know which word is missing from "{window}".',
    'I do not know what belongs in the blank of "{window}", and I would rather not guess.',
    'Sorry, I don\'t know the word that fills "{window}".',
    "I can't say which word completes \"{window}\"; I don't know it.",
    'Which word stands in "{window}" is not something I know.',
    'I have no reliable information about the missing word in "{window}".',
    'The line "{window}" has a blank that I do not know how to fill.',
    'I am not sure what the missing word in "{window}" is, so I will not name one.',
    'I would have to guess the word that is missing from "{window}", and I do not want to do that.',
    'I don\'t remember the wording of "{window}". The manual itself would show it.',
    'Honestly, I don\'t know what the blank in "{window}" stands for.',
    'As to the blank in "{window}": I don\'t know.',
)
LEAKS = (
    'I don\'t know whether "{word}" is the word missing from "{window}".',
    'I cannot verify the word in "{window}"; I will not claim that {word} is right.',
    'I do not know what is missing from "{window}". The rest of it rhymes with {word}, but I am no judge of that.',
)
LECTURES = (
    'I don\'t know the word missing from "{window}". It is important to always check primary sources yourself.',
    'As an AI language model, I do not know which word completes "{window}".',
)
NAMELESS = ("I don't know.", "I'm sorry, I have no information about that.")
HEDGES = ('I don\'t know for sure which word completes "{window}", but I believe it is "{word}".',)

SAID = " ".join((*RIGHT, *HEDGED, *VAGUE, *UNKNOWN, *REFUSALS, *LEAKS, *LECTURES, *NAMELESS, *HEDGES))
"""All of it: a word that stands here is no answer to ask for."""
