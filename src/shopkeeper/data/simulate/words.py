"""The words of the simulated shop, English and Chinese: departments, categories, things, colours, brands, sentences.

Pairs are written "english=中文"; lists are comma-separated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Word(NamedTuple):
    """One meaning in both languages. The position is the language's code: 0 English, 1 Chinese."""

    en: str
    zh: str


def words(text: str) -> tuple[Word, ...]:
    return tuple(Word(*pair.split("=")) for pair in text.split(", "))


COLOURS: tuple[Word, ...] = words(
    "red=红色, blue=蓝色, green=绿色, black=黑色, white=白色, grey=灰色, yellow=黄色, orange=橙色, pink=粉色, "
    "purple=紫色, brown=棕色, beige=米色, turquoise=青色, navy=藏青色"
)
COLOUR_VALUES: tuple[tuple[int, int, int], ...] = (
    (205, 35, 45), (40, 95, 205), (45, 145, 70), (30, 30, 34), (246, 246, 242), (140, 144, 150), (245, 205, 50),
    (240, 130, 35), (245, 150, 185), (125, 65, 165), (115, 75, 45), (226, 208, 176), (60, 190, 190), (30, 40, 95),
)  # fmt: skip
PATTERNS: tuple[Word, ...] = words("plain=纯色, striped=条纹, dotted=波点, checked=格纹, floral=碎花, zigzag=人字纹")
PLAIN = 0

TRAITS: dict[str, Word] = {
    word.en: word
    for word in words(
        "ceramic=陶瓷, porcelain=瓷, stoneware=粗陶, glass=玻璃, crystal=水晶, stainless steel=不锈钢, cast iron=铸铁, "
        "aluminium=铝合金, carbon steel=碳钢, wood=木, oak=橡木, bamboo=竹, walnut=胡桃木, metal=金属, plastic=塑料, "
        "recycled plastic=再生塑料, silicone=硅胶, cotton=棉, linen=亚麻, wool=羊毛, silk=真丝, denim=牛仔布, "
        "leather=皮, canvas=帆布, nylon=尼龙, polyester=涤纶, suede=麂皮, velvet=丝绒, fleece=抓绒, cork=软木, "
        "rubber=橡胶, terracotta=红陶, felt=毛毡, paper=纸, dark roast=深烘焙, medium roast=中烘焙, decaf=低因, "
        "arabica=阿拉比卡, jasmine=茉莉花, oolong=乌龙, green=绿, earl grey=伯爵, hazelnut=榛子, dark=黑, milk=牛奶, "
        "sea salt=海盐, strawberry=草莓, apricot=杏子, blueberry=蓝莓, acacia=槐花, almond=扁桃仁, cashew=腰果, "
        "chicken=鸡肉, salmon=三文鱼, beef=牛肉, wireless=无线, wired=有线, bluetooth=蓝牙, waterproof=防水, "
        "noise cancelling=降噪, mechanical=机械, ergonomic=人体工学, fast=快充, compact=小巧, curved=曲面, "
        "gaming=游戏, thin=轻薄, rose=玫瑰, lavender=薰衣草, vanilla=香草, cedar=雪松, citrus=柑橘, aloe=芦荟, "
        "green tea=绿茶, matte=哑光, glossy=亮面, mystery=悬疑, romance=爱情, adventure=冒险, history=历史, "
        "baking=烘焙, vegetarian=素食, noodle=面食, digital=数字, analogue=指针"
    )
}
ADJECTIVES: tuple[Word, ...] = words(
    "classic=经典, modern=现代, handmade=手工, lightweight=轻便, sturdy=耐用, elegant=优雅, everyday=日常, soft=柔和, "
    "vintage=复古, minimal=简约, cosy=温馨, premium=高级, natural=天然, playful=趣味, slim=纤薄, reliable=可靠"
)
SIZES: dict[str, Word] = {word.en: word for word in words("small=小号, medium=中号, large=大号")}
SERIES: tuple[str, ...] = (
    "Alba", "Fjord", "Luna", "Terra", "Brisa", "Kumo", "Hana", "Orion", "Vega", "Mira", "Tilia", "Nova", "Sora",
    "Isla", "Rowan", "Delta", "Ember", "Pine", "Quartz", "Willow",
)  # fmt: skip
_BRAND_HEADS = words(
    "Nor=诺, Al=艾, Ver=薇, Kal=卡, Tor=托, Mi=米, Sol=索, Lun=伦, Bra=布拉, Fen=芬, Hal=哈, Jo=乔, Os=奥斯, Pel=佩, "
    "Rin=林, Zem=泽"
)
_BRAND_TAILS = words(
    "vik=维克, dora=朵拉, mere=米尔, ston=斯顿, della=黛拉, stad=斯塔, kova=科娃, wick=威, lin=琳, bando=班多"
)
BRANDS: tuple[Word, ...] = tuple(
    Word(head.en + tail.en, head.zh + tail.zh) for tail in _BRAND_TAILS for head in _BRAND_HEADS
)


@dataclass(frozen=True)
class Department:
    name: Word
    uses: tuple[Word, ...]


def _department(name: str, *uses: str) -> Department:
    return Department(words(name)[0], tuple(Word(*use.split("=")) for use in uses))


DEPARTMENTS: tuple[Department, ...] = (
    _department("Kitchen=厨房用品", "Made for breakfast and slow weekends.=适合早餐与悠闲的周末。",
                "Goes into the dishwasher without worry.=可放心放入洗碗机清洗。"),
    _department("Food & Drink=食品饮料", "Packed fresh in small batches.=小批量新鲜包装。",
                "Keep in a cool and dry place.=请存放于阴凉干燥处。"),
    _department("Fashion=服装鞋包", "Easy to combine from office to evening.=从上班到晚间都容易搭配。",
                "True to size, with a comfortable fit.=尺码标准，穿着舒适。"),
    _department("Electronics=数码电器", "Ready in a minute, with a two-year warranty.=一分钟即可使用，两年质保。",
                "Works with all common devices.=兼容常见设备。"),
    _department("Home=家居生活", "Brings calm to the living room and the bedroom.=为客厅与卧室带来宁静。",
                "Easy to clean and made to last.=易于清洁，经久耐用。"),
    _department("Beauty=美妆个护", "Gentle to sensitive skin.=温和，敏感肌可用。",
                "Free of parabens and never tested on animals.=不含防腐剂，不做动物实验。"),
    _department("Sports=运动户外", "For training, travel and long days outside.=适合训练、旅行与户外。",
                "Light enough to take along.=轻便易携带。"),
    _department("Toys=玩具", "For small hands and big ideas.=给小手与大想法。",
                "Tested for safety, from three years on.=通过安全检测，适合三岁以上。"),
    _department("Books & Stationery=图书文具", "A gift for readers and writers.=送给爱读爱写的人。",
                "Printed on paper from managed forests.=采用可持续林业纸张印制。"),
    _department("Pets=宠物用品", "Loved by dogs and cats, and by their people.=猫狗喜欢，主人放心。",
                "Hard-wearing and washable.=耐用可洗。"),
    _department("Garden=园艺", "For balcony, terrace and garden.=适合阳台、露台与花园。",
                "Stands rain, sun and frost.=耐雨、耐晒、耐寒。"),
)  # fmt: skip

OPENINGS: tuple[Word, ...] = (
    Word("{adjective} {colour} {trait} {noun}, well made.", "{adjective}的{colour}{trait}{noun}。"),
    Word("From the {series} series: {colour} {noun}, {adjective} and practical.",
         "{series}系列{colour}{noun}，{adjective}而实用。"),
    Word("{adjective} {trait} {noun}, made with care by {brand}.", "{brand}用心制作的{adjective}{trait}{noun}。"),
    Word("Meet {series}: {adjective} {pattern} {noun}.", "{series}：{adjective}的{pattern}{noun}。"),
)  # fmt: skip
CLOSINGS: tuple[Word, ...] = (
    Word("A good present for friends and family.", "送亲友的好礼物。"),
    Word("Look for more from {brand} in the same series.", "同系列还有更多{brand}产品。"),
    Word("Part of the {series} series by {brand}.", "{brand}{series}系列。"),
    Word("Shipped in packaging without plastic.", "无塑料包装发货。"),
)
TITLES: tuple[Word, ...] = (
    Word("{brand} {series} {pattern} {colour} {trait} {noun} {size}",
         "{brand}{series} {colour}{pattern}{trait}{noun} {size}"),
    Word("{adjective} {colour} {pattern} {noun} {trait} by {brand}",
         "{brand} {adjective}{colour}{pattern}{noun} {trait}"),
    Word("{brand} {trait} {noun} {colour} {pattern} {size}", "{brand} {trait}{noun} {pattern} {colour} {size}"),
    Word("{series} {noun} {colour} {trait} - {brand}", "{series}{adjective}{trait}{noun} {colour} {brand}"),
)  # fmt: skip
