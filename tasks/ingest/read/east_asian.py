"""The double-byte encoding of Japanese, Chinese or Korean text: the one that decodes it to characters in common use.

Almost any bytes decode in several of these encodings. But a few hundred characters make up most of what is written in
each language, and a wrong reading hits them by chance alone; Japanese has kana between its Chinese characters.
"""

import codecs
import re
from typing import NamedTuple

KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC)))
CHINESE = (  # the commonest characters, as they are simplified and as they are not
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经"
    "么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三"
    "又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先"
    "海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件"
    "這個們來為國說時會對於著後過發裡經麼學當沒動還進樣開實軍無與長機將兩間問業產應戰頭體話給門東聲員論處義幾認條係氣題爾別變總電數報結"
    "從現點關種經兒見車馬書讀寫聽買賣請謝錢飯魚鳥樹橋船邊岸歲聞響風"
)
KOREAN = (
    "이다는을가의에고하지로사한기서도은리인어나시대자를그해아스있정일부과수니여들것라보전오만않원장성었으면주게마상"
    "했우구아제같동말무비소조모되거선신안와위유저까내때남중경관국학생교방물산연문화공실내년월없던며습세각려네음"
)
EXPECTED = re.compile(
    "[\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2460-\u24ff\u2500-\u26ff\u3000-\u30ff\u3131-\u318e\u3200-\u33ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e\uffe0-\uffe6\u00a0-\u0451]"
)
HAN, HANGUL, OWN_KANA = (
    re.compile("[\u4e00-\u9fff]"),
    re.compile("[\uac00-\ud7a3]"),
    re.compile("[\u3041-\u30fa\u30fc]"),
)
MIN_CHARACTERS, MIN_DISTINCT = 8, 6  # of the script
MIN_TOGETHER_SHARE = 0.6  # of them stand beside another: an accent in a Western word and the letter after it do not
MIN_EXPECTED_SHARE = 0.97  # of the characters beyond ASCII: no rare, private or half-width ones


class Script(NamedTuple):
    """A language's encodings, the characters of its script, and how many of them at least are common ones."""

    encodings: tuple[str, ...]
    own: re.Pattern[str]
    common: str
    min_share: float
    max_kana_share: float = 1.0


SCRIPTS = (
    Script(("cp932", "euc_jp"), re.compile(f"{HAN.pattern}|{OWN_KANA.pattern}"), KANA, 0.15),
    Script(("gb18030", "big5hkscs"), HAN, CHINESE, 0.2, max_kana_share=0.02),
    Script(("cp949",), re.compile(f"{HANGUL.pattern}|{HAN.pattern}"), KOREAN, 0.25, max_kana_share=0.02),
)


def east_asian_encoding(raw: bytes) -> str | None:
    """The encoding that fits best; None where none fits well enough."""
    fits = [
        (share, encoding)
        for script in SCRIPTS
        for encoding in script.encodings
        if (share := _share(raw, encoding, script))
    ]
    return max(fits)[1] if fits else None


def _share(raw: bytes, encoding: str, script: Script) -> float:
    """The share of the script's common characters, divided by the least that there should be; 0 below that."""
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(raw)
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    runs = re.findall(f"(?:{script.own.pattern})+", text)
    own = "".join(runs)
    together = sum(len(run) for run in runs if len(run) > 1)
    if len(own) < MIN_CHARACTERS or len(set(own)) < MIN_DISTINCT or together < MIN_TOGETHER_SHARE * len(own):
        return 0.0
    if len(EXPECTED.findall(text)) < MIN_EXPECTED_SHARE * beyond_ascii:
        return 0.0
    if len(OWN_KANA.findall(text)) > script.max_kana_share * len(own) or 2 * len(own) < beyond_ascii:
        return 0.0
    common = len(own) - len(own.translate(dict.fromkeys(map(ord, script.common))))
    share = common / len(own)
    return share / script.min_share if share >= script.min_share else 0.0
