"""Text that a model wrote, made harmless to look at: control and direction characters are shown, not obeyed."""

from __future__ import annotations

import unicodedata

KEPT = frozenset("\n\t\u200c\u200d")  # line, tab, and the joiners that scripts and emoji need
PICTURES = 0x2400  # Unicode block "Control Pictures": one visible character per C0 control
DELETE = 0x7F
DELETE_PICTURE = "\u2421"
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, formats, surrogates, private, unassigned


def inert(text: str) -> str:
    """The text with ESC as `␛`, other controls as their pictures, and direction marks and the like as `\\u202e`.

    Ends of line in the form CR LF become LF. Nothing that a terminal or a browser would act on is left, except markup,
    which is the caller's to escape.
    """
    return "".join(map(_shown, text.replace("\r\n", "\n")))


def inert_line(text: str) -> str:
    """The same on one line: ends of line and tabs become visible, too."""
    return inert(text).replace("\n", "⏎").replace("\t", "⇥")


def _shown(character: str) -> str:
    if character in KEPT or unicodedata.category(character) not in HIDDEN:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(PICTURES + code)
    if code == DELETE:
        return DELETE_PICTURE
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
