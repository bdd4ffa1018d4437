"""Reduce texts and keywords to the form in which they are compared.

`plain` gives the case-sensitive form:

1. Only the first 4,096 characters count, before and after the steps below.
2. Invisible characters are dropped: emoji variation selectors, joiners and non-joiners, zero-width
   spaces, soft hyphens, direction marks. So are tatweel, harakat and Quranic annotation signs; hamza
   and madda stay, as they make other letters.
3. NFKC: full-width letters, ligatures, presentation forms and mathematical alphabets become ordinary
   letters; accents are composed and kept (`café` is not `cafe`).
4. Arabic-Indic and Persian/Urdu digits become 0-9. Letters that keyboards encode differently become
   one: yeh (ي ى ی), kaf (ك ک), heh and heh goal (ه ہ), teh marbuta and its goal form (ة ۃ).
   Do-chashmi heh (ھ) and bari yeh (ے) are letters of their own and stay.
5. Outer white space goes, inner runs of any white space become one space.

`folded` gives the form that ignores case: `plain`, then Unicode's full case folding (ß equals ss, final
sigma equals sigma). The Turkish letters İ, I, ı and i all become i: default folding leaves ı and i
apart, so a keyword `kayıt` would never match the same word shouted as KAYIT.

Skin tones are kept: a text of a toned thumbs-up contains, but isn't exactly, the untoned one.
"""

import re
import unicodedata
from typing import Final

MAX_TEXT_LENGTH: Final = 4096

_IGNORED_CLASS = (
    "\u00ad\u061c\u180b-\u180d\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
    "\u0640\u0610-\u061a\u064b-\u0652\u0656-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
)
_IGNORED = re.compile(f"[{_IGNORED_CLASS}]")
_IGNORED_OR_SURROGATE = re.compile(f"[{_IGNORED_CLASS}\ud800-\udfff]")
# Towards the higher code points, so that a pattern's range of letters such as [ا-ي] only ever widens.
_LETTERS: Final = (
    ("\u064a", "\u06cc"),
    ("\u0649", "\u06cc"),
    ("\u0643", "\u06a9"),
    ("\u0647", "\u06c1"),
    ("\u0629", "\u06c3"),
)
_DIGITS: Final = {zero + value: str(value) for zero in (0x0660, 0x06F0) for value in range(10)}
_DIGIT = re.compile("[\u0660-\u0669\u06f0-\u06f9]")
_DOTTED_I = re.compile("i\u0307+")


def plain(text: str) -> str:
    """Return the case-sensitive form of `text`; applying it twice changes nothing."""
    text = text[:MAX_TEXT_LENGTH]
    if not text.isascii():
        text = _without_variants(text)[:MAX_TEXT_LENGTH]
    # Of white space, only the space itself counts as printable.
    if text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(text.split())


def folded(text: str) -> str:
    """Return the form of `text` that ignores case; applying it twice changes nothing."""
    return fold(plain(text))


def fold(text: str) -> str:
    """Return the folded form of a text that is in plain form already."""
    if text.isascii():
        return text.lower()
    caseless = text.casefold().replace("\u0131", "i")
    if "\u0307" in caseless:
        caseless = _DOTTED_I.sub("i", caseless)
    return text if caseless == text else unicodedata.normalize("NFKC", caseless)


def fold_pattern(pattern: str) -> str:
    """Return a regular expression whose letters are those that `plain` leaves in a text.

    Compatibility forms are left alone: a full-width parenthesis must not become an operator.
    """
    if pattern.isascii():
        return pattern
    return _with_common_letters(unicodedata.normalize("NFC", _without_ignored(pattern)))


def _without_variants(text: str) -> str:
    visible = _without_ignored(text)
    composed = unicodedata.normalize("NFKC", visible)
    if composed != visible:
        # NFKC can bring ignored characters to light, and dropping those can let others compose.
        composed = unicodedata.normalize("NFKC", _without_ignored(composed))
    return _with_common_letters(composed)


def _without_ignored(text: str) -> str:
    """Drop ignored characters; join surrogate pairs and replace lone halves left by broken JSON."""
    if not _IGNORED_OR_SURROGATE.search(text):
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _IGNORED.sub("", whole)


def _with_common_letters(text: str) -> str:
    # Quicker than str.translate by far, which raises and catches an error for each letter it keeps.
    for letter, common in _LETTERS:
        text = text.replace(letter, common)
    if _DIGIT.search(text):
        text = text.translate(_DIGITS)
    # Heh goal, unlike heh, composes with a hamza above.
    return unicodedata.normalize("NFC", text) if "\u0654" in text else text
