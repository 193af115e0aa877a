"""Words of the trade (units, colours, counts, kinds) in every spelling seen on receipts, as kind and value."""

import re

from backend.earning.receipts.matching.names import fold_text

# Unit -> (kind, factor to the kind's own unit: ampere, volt, watt, millimetre, millilitre, gram, one).
UNITS: dict[str, tuple[str, float]] = {
    fold_text(word): (kind, factor)
    for kind, factor, spellings in (
        ("ampere", 1, "а a ампер amp"),
        ("break", 1, "ка ka"),
        ("milliampere", 1, "ма ma"),
        ("volt", 1, "в v вольт"),
        ("watt", 1, "вт w ватт"),
        ("watt", 1000, "квт kw"),
        ("kelvin", 1, "к k"),
        ("lumen", 1, "лм lm"),
        ("millimetre", 1, "мм mm"),
        ("millimetre", 10, "см cm"),
        ("millimetre", 1000, "м m метр метра метров"),
        ("square", 1, "мм2 кв.мм mm2 мм.кв"),
        ("millilitre", 1, "мл ml"),
        ("millilitre", 1000, "л l литр литра литров"),
        ("gram", 1, "г гр g"),
        ("gram", 1000, "кг kg"),
        ("piece", 1, "шт шт. штук pcs"),
        ("bar", 1, "бар bar атм"),
        ("degree", 1, "° гр. град"),
    )
    for word in spellings.split()
}

# Stem of a word -> (kind, value). The longest stem wins.
STEMS: dict[str, tuple[str, str]] = {
    fold_text(stem): (kind, value)
    for kind, value, stems in (
        ("colour", "white", "бел white"),
        ("colour", "black", "чер черн black"),
        ("colour", "grey", "серый серая серое серые серог grey gray"),
        ("colour", "silver", "серебр сереб silver"),
        ("colour", "beige", "беж бежев beige"),
        ("colour", "cream", "крем кремов слонов ivory cream"),
        ("colour", "brown", "корич brown"),
        ("colour", "red", "красн red"),
        ("colour", "blue", "син blue голуб"),
        ("colour", "green", "зелен green"),
        ("colour", "yellow", "желт yellow"),
        ("colour", "gold", "золот gold"),
        ("colour", "bronze", "бронз bronze"),
        ("colour", "chrome", "хром хромир chrome"),
        ("colour", "graphite", "графит антрац graphite"),
        ("colour", "clear", "прозр clear transparent"),
        ("decor", "oak", "дуб oak"),
        ("decor", "walnut", "орех walnut"),
        ("decor", "wenge", "венге wenge"),
        ("decor", "pine", "сосн pine"),
        ("decor", "beech", "бук beech"),
        ("finish", "matt", "мат матов matt"),
        ("finish", "gloss", "глянц глянец gloss"),
        ("finish", "semi", "полумат semi"),
        ("side", "left", "лев left"),
        ("side", "right", "прав right"),
        ("bend", "straight", "прям straight"),
        ("bend", "angle", "углов угл angle"),
        ("heat", "hot", "горяч гор hot"),
        ("heat", "cold", "холодн хол cold"),
        ("mount", "surface", "накл наклад накладн открыт откр наруж surface"),
        ("mount", "flush", "встраив встроен скрыт скр внутр flush"),
        ("gang", "1", "одноместн одномест одинарн одноклав однокл однопост single 1gang"),
        ("gang", "2", "двухместн двухмест двойн двухклав двухкл двухпост double 2gang"),
        ("gang", "3", "трехместн трехмест тройн трехклав трехкл трехпост triple 3gang"),
        ("gang", "4", "четырехмест четырехклав четырехпост 4gang"),
        ("pole", "1", "однополюс"),
        ("pole", "2", "двухполюс"),
        ("pole", "3", "трехполюс"),
        # A part or an accessory, which may have the article of the product that it is for.
        ("part", "rocker", "клавиш"),
        ("part", "frame", "рамк рамоч frame"),
        ("part", "cartridge", "картридж cartridge"),
        ("part", "kit", "ремкомпл"),
        ("part", "bracket", "кроншт bracket"),
        ("part", "gasket", "прокладк gasket"),
        ("part", "plug", "заглушк"),
        ("part", "holder", "держат holder"),
        ("part", "remote", "пульт"),
        ("part", "spare", "запчаст запасн"),
        ("light", "warm", "теплый тепл warm"),
        ("light", "day", "нейтр дневн"),
    )
    for stem in stems.split()
}
STOP_WORDS = "и в во на с со для из по от под к шт уп серия the and with for of no цв цвет артикул арт"
STOP = frozenset(map(fold_text, STOP_WORDS.split()))
# Endings of adjectives and nouns, so that a short stem does not match another word: белая, not белок.
ENDING_LETTERS = "а и ы ый ая ое ые ой ого ых ым ий яя ее ие его их"
ENDINGS = frozenset(map(fold_text, ("", *ENDING_LETTERS.split())))

# A hyphen or slash joins the parts of a code: ПФ-115 is ПФ115.
GLUED = re.compile(r"[0-9a-zа-я]+(?:[-/](?=[0-9a-zа-я]*[0-9])[0-9a-zа-я]+|(?<=[0-9])[-/.][0-9a-zа-я]+)*")
NUMBER = r"(\d+(?:[.,]\d+)?)"
FREE, ENDED = r"(?<![0-9a-zа-я])(?<![0-9][.,])", r"(?![0-9a-zа-я])"
UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
# Not "2 в 1" ("two in one"), which is not a voltage.
MEASURE = re.compile(rf"{FREE}{NUMBER}(?:\s?[-/]\s?{NUMBER})?[\s-]?({UNIT}){ENDED}(?!\s1(?!\d))")
CROSS = re.compile(rf"(?<![0-9a-zа-я.,-]){NUMBER}\s?[x*]\s?{NUMBER}(?:\s?[x*]\s?{NUMBER})?(?:\s?({UNIT}))?{ENDED}")
INCH = re.compile(
    r"(?<![0-9/.,])(?:(\d)\s)?(\d)/([248])(?![0-9])(?:\s?(?:[\"”″]|''|дюиm\w*))?|(?<![0-9/.,])(\d)\s?(?:[\"”″]|дюиm)"
)
PROTECTION = re.compile(r"ip\s?-?(\d\d)(?!\d)")
BASE = re.compile(rf"{FREE}(e14|e27|e40|gu10|gu5\.3|gx53|g4|g9|g13|mr16){ENDED}")
COUNTED = re.compile(
    r"(?<![0-9])(?<![0-9][.,])([1-9])\s?-?"
    + fold_text(r"(?:х|ух|ех|и|но)?[\s.-]{0,2}(?:мест|пост|клав|кл(?![а-я])|гн(?:езд|\.)|gang)[а-я]*")
)
POLES = re.compile(r"(?<![0-9])(?<![0-9][.,])([1-4])\s?-?" + fold_text(r"(?:п|p|пол|полюс[а-я]*|pole)") + ENDED)
CURVE = re.compile(rf"{FREE}([bcd])\s?(6|10|13|16|20|25|32|40|50|63)(?:a)?(?![0-9a-zа-я.,])")
NAMED_CURVE = re.compile(fold_text(r"(?<![а-яa-z])(?:хар[а-я]*|х-ка|тип|type)") + rf"\.?\s?([abcd]){ENDED}")
TINT = re.compile(fold_text(r"(?<![а-яa-z])(?:баз[аы]?|base)") + rf"\.?\s?([abcdt]){ENDED}")
MOUNT = re.compile(r"(?<![0-9a-zа-я])(o|c)/y(?![0-9a-zа-я])")
DIAMETER = re.compile(FREE + fold_text(r"(?:dn|ду|ф|ø|d|д|диам\.?)") + rf"\s?=?{NUMBER}(?:\s?mm)?{ENDED}")
RAL = re.compile(r"ral\s?(\d{4})")
GROUND = re.compile(
    r"(?<![а-яa-z])"
    + fold_text(r"(без|б|without|with|со?)?[\s./]{0,2}(?:з/к|(?<=[с/])з(?![а-яa-z0-9])|заземл[а-яa-z]*|earth[a-z]*)")
)
SEX = fold_text(r"(вн|внутр|нар|наруж|в|н|г|ш)")
THREAD = re.compile(rf"(?<![а-яa-z]){SEX}\.?\s?[/-]\s?{SEX}(?![а-яa-z0-9])")
WITH = re.compile(
    r"(?<![а-яa-z/])(?:(" + fold_text(r"без|without|с|со|with") + r")\s+|(" + fold_text("б/") + r")\s?)([a-zа-я]{3,})"
)
