"""Every character is drawn with a font that has it; characters that belong together stay so."""

import pytest

from invitations.rendering import PictureError, font_families, fonts
from invitations.rendering.fonts import FAMILIES

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def dancing() -> bytes:
    path = fonts.path_of(FAMILIES[2])
    assert path is not None
    return path.read_bytes()


def missing(text: str, family: str = "Playfair Display") -> list[str]:
    chain = fonts.chain(family, 600, {})
    return [cluster for cluster in fonts.clusters(text) if not chain.font_for(cluster)[1]]


@pytest.mark.parametrize(
    "text",
    [
        "Nguyễn Thị Ánh Tuyết ẮẰẲẴẶỘỢỮ",
        "Şükrü İğdır ışık ÇĞÖŞÜ",
        "ابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہھءیے ۀۂۃئؤآأ ۰۱۲۳۴۵۶۷۸۹ ،؛؟۔",
        "مُحَمَّد ﷺ عبداللہ",
        "Łódź Žižek Ærøskøbing Reykjavík Ιωάννης Владимир Ґанна",
        "שָׁלוֹם गौरव বাংলা ਪੰਜਾਬੀ ગુજરાતી தமிழ் తెలుగు ಕನ್ನಡ മലയാളം සිංහල ไทย ລາວ မြန်မာ ខ្មែរ",
        "ქართული Հայերեն አማርኛ",
        "王小明 山田太郎 さくら カタカナ 김철수",
        f"🎉👩\u200d🚀{FAMILY}🇵🇰🇻🇳👍🏽❤️{ENGLAND}1️⃣🥳✨⭐☕",
        "€ £ ₨ ₫ ₺ © ™ № “quoted” – — … • ✓ ★ →",
    ],
)
def test_no_glyph_is_missing(text: str) -> None:
    for family in font_families():
        assert missing(text, family) == []


def test_missing_characters_are_told() -> None:
    assert missing("a\U00010940b") == ["\U00010940"]


def test_clusters_keep_together_what_is_one_character() -> None:
    whole = ["e\u0301", FAMILY, "🇵🇰", "🇻🇳", "👍🏽", "❤️", ENGLAND, "1️⃣", "ب", "نِ", "a"]
    assert list(fonts.clusters("".join(whole))) == whole
    assert list(fonts.clusters("🇵🇰🇻")) == ["🇵🇰", "🇻"]
    assert list(fonts.clusters("")) == []


def test_emoji_come_from_the_font_for_emoji_and_text_from_the_other() -> None:
    chain = fonts.chain("Noto Sans", 400, {})
    assert chain.font_for("❤️")[0] is chain.emoji.font
    assert chain.font_for("1️⃣")[0] is chain.emoji.font
    assert chain.font_for("1")[0] is chain.fonts[0].font


def test_serif_text_gets_the_arabic_hand_that_goes_with_it() -> None:
    naskh = fonts.chain("Noto Naskh Arabic", 400, {}).fonts[0].font
    assert fonts.chain("Playfair Display", 400, {}).font_for("م")[0] is naskh
    assert fonts.chain("Noto Sans", 400, {}).font_for("م")[0] is not naskh


def test_unknown_family_is_refused() -> None:
    with pytest.raises(PictureError) as caught:
        fonts.chain("Comic Sans", 400, {})
    assert caught.value.code == "unknown_font"


def test_uploaded_font_says_its_name_and_is_used_first() -> None:
    assert fonts.check(dancing()).family == "Dancing Script"
    chain = fonts.chain("mine", 400, {"mine": fonts.open_face(dancing())})
    assert chain.font_for("a")[0] is chain.fonts[0].font
    assert chain.font_for("م")[1]


@pytest.mark.parametrize(
    "content", [b"", b"x" * 1000, b"\0\1\0\0" + bytes(200), b"<svg/>", b"wOF2" + bytes(200)]
)
def test_what_is_no_font_is_refused(content: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        fonts.check(content)
    assert caught.value.code == "not_a_font"


def test_font_of_too_many_bytes_is_refused() -> None:
    with pytest.raises(PictureError) as caught:
        fonts.check(dancing() + bytes(fonts.MAX_FONT_BYTES))
    assert caught.value.code == "too_large"
