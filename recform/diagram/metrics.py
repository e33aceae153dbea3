"""How wide letters are: the metrics of the standard fonts Times, Helvetica and Symbol.

Adobe's, which every reader of PDF has. A picture is laid out with them whatever it is
written as, so that it is the same in all formats, and needs no package for fonts.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Of a letter that none of the fonts has.
_UNKNOWN = 761


def _by_character(widths: Mapping[int, str]) -> dict[str, int]:
    return {letter: width for width, letters in widths.items() for letter in letters}


#: What the fonts of text have not: Greek, and signs of mathematics.
_SYMBOL = _by_character(
    {
        167: "⁄",
        247: "′",
        250: "⋅",
        274: "∫",
        329: "ι〈〉",
        333: "Ι",
        411: "γ″",
        439: "εςτ∋",
        458: "↕",
        493: "ξ",
        494: "δζ∂◊",
        500: "∗",
        521: "θνφ",
        549: "βκλοπρχ∃−√∼≅≈≠≡≤≥",
        556: "Ρ",
        576: "μυ",
        592: "Σ",
        603: "Γησϕ↑↓⇑⇓∧∨",
        611: "ΕΖΤ",
        612: "Δ∆",
        620: "ϒ",
        631: "αϑ",
        645: "Ξ",
        658: "↵⊥",
        667: "Β",
        686: "Λψωℑ⌠⌡",
        690: "Υ",
        713: "ϖ∀∇∈∉∑∝∞⊂⊃⊄⊆⊇",
        722: "ΑΗΚΝΟΧ",
        741: "Θ",
        753: "♠♣♥♦",
        763: "Φ",
        768: "ΠΩΩ∠∩∪⊕⊗",
        795: "Ψℜ",
        823: "ℵ∅∏",
        863: "∴",
        889: "Μ",
        987: "℘←→⇐⇒",
        1042: "↔⇔",
    }
)
_TIMES = _by_character(
    {
        180: "'",
        200: "|¦",
        250: " ,.\u00a0·",
        276: "ª",
        278: "/:;\\ijltìíîï",
        300: "²³¹",
        310: "º",
        333: "!()-I[]`fr¡¨\u00ad¯´¸ÌÍÎÏˆ˜‘’‚‹›",
        350: "•",
        389: "Jsš",
        400: "°",
        408: '"',
        444: "?acez¿àáâãäåçèéêëž“”„",
        453: "¶",
        469: "^",
        480: "{}",
        500: "#$*0123456789_bdghknopquvxy¢£¤¥§«µ»ßðñòóôõöøùúûüýþÿƒ–†‡€",
        541: "~",
        556: "FPSÞŠ",
        564: "+<=>¬±×÷",
        611: "ELTZÈÉÊËŽ",
        667: "BCRÇæ",
        722: "ADGHKNOQUVXYwÀÁÂÃÄÅÐÑÒÓÔÕÖØÙÚÛÜÝœŸ",
        750: "¼½¾",
        760: "©®",
        778: "&m",
        833: "%",
        889: "MÆŒ",
        921: "@",
        944: "W",
        980: "™",
        1000: "—…‰",
    }
)
_TIMES_ITALIC = _by_character(
    {
        214: "'",
        250: " ,.\u00a0·",
        275: "|¦",
        276: "ª",
        278: "/\\fijltìíîï",
        300: "²³¹",
        310: "º",
        333: "!()-:;I`¨\u00ad¯´¸ÌÍÎÏˆ˜‘’‚‹›",
        350: "•",
        389: "[]rsz¡šž",
        400: "{}°",
        420: '"',
        422: "^",
        444: "Jcekvxyçèéêëýÿ",
        500: "#$*0123456789?S_abdghnopqu¢£¤¥§«µ»¿ßàáâãäåðñòóôõöøùúûüþŠƒ–†‡€",
        523: "¶",
        541: "~",
        556: "LTYZÝŸŽ“”„",
        611: "ABEFPRVXÀÁÂÃÄÅÈÉÊËÞ",
        667: "CKNwÇÑæœ",
        675: "+<=>¬±×÷",
        722: "DGHOQUmÐÒÓÔÕÖØÙÚÛÜ",
        750: "¼½¾",
        760: "©®",
        778: "&",
        833: "%MW",
        889: "Æ—…",
        920: "@",
        944: "Œ",
        980: "™",
        1000: "‰",
    }
)
_HELVETICA = _by_character(
    {
        191: "'",
        222: "ijl‘’‚",
        260: "|¦",
        278: " !,./:;I[\\]ft\u00a0·ÌÍÎÏìíîï",
        333: "()-`r¡¨\u00ad¯²³´¸¹ˆ˜“”„‹›",
        334: "{}",
        350: "•",
        355: '"',
        365: "º",
        370: "ª",
        389: "*",
        400: "°",
        469: "^",
        500: "Jcksvxyzçýÿšž",
        537: "¶",
        556: "#$0123456789?L_abdeghnopqu¢£¤¥§«µ»àáâãäåèéêëðñòóôõöùúûüþƒ–†‡€",
        584: "+<=>~¬±×÷",
        611: "FTZ¿ßøŽ",
        667: "&ABEKPSVXYÀÁÂÃÄÅÈÉÊËÝÞŠŸ",
        722: "CDHNRUwÇÐÑÙÚÛÜ",
        737: "©®",
        778: "GOQÒÓÔÕÖØ",
        833: "Mm",
        834: "¼½¾",
        889: "%æ",
        944: "Wœ",
        1000: "ÆŒ—…‰™",
        1015: "@",
    }
)

_FACES = {
    "Times-Roman": _SYMBOL | _TIMES,
    "Times-Italic": _SYMBOL | _TIMES_ITALIC,
    "Helvetica": _SYMBOL | _HELVETICA,
    "Helvetica-Oblique": _SYMBOL | _HELVETICA,
}


def width(text: str, face: str) -> int:
    """How wide a text is, in thousandths of the size of the font.

    Args:
        text: the letters.
        face: the PostScript name of a font, such as ``Times-Roman``.
    """
    widths = _FACES[face]
    return sum(widths.get(letter, _UNKNOWN) for letter in text)
