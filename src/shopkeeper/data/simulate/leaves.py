"""The leaf categories of the simulated shop: what is sold, what it is made of, what goes with it, when it sells."""

from __future__ import annotations

from dataclasses import dataclass

from shopkeeper.data.simulate.words import Word, words


@dataclass(frozen=True)
class Leaf:
    """A category that holds products.

    nouns: what its products are called; price: the median; trait: the attribute that tells its products apart, with
    the `traits` it takes; goes_with: the leaf that is bought along; peak: the day of the year on which it sells best,
    0 for none; returns: the share of purchases sent back.
    """

    department: int
    group: Word
    name: Word
    nouns: tuple[Word, ...]
    shape: str
    price: float
    trait: str
    traits: tuple[str, ...]
    sizes: tuple[str, ...] = ()
    goes_with: str = ""
    peak: int = 0
    returns: float = 0.05
    coloured: bool = True


_CLOTHES, _SHOES = ("S", "M", "L", "XL"), ("37", "39", "41", "43", "45")
_CUPS, _BOTTLES = ("250 ml", "350 ml", "450 ml"), ("500 ml", "750 ml", "1 l")
_PACKS, _TUBES, _SIZES = ("250 g", "500 g", "1 kg"), ("50 ml", "100 ml", "200 ml"), ("small", "medium", "large")
_CLAY, _CLOTH, _WOOD = "ceramic, porcelain, stoneware", "cotton, linen, wool", "oak, walnut, bamboo"


def _leaf(
    department: int, group: str, name: str, nouns: str, shape: str, price: float, traits: str, goes_with: str = "",
    *, trait: str = "material", sizes: tuple[str, ...] = (), peak: int = 0, returns: float = 0.05,
    coloured: bool = True,
) -> Leaf:  # fmt: skip
    return Leaf(
        department, words(group)[0], words(name)[0], words(nouns), shape, price, trait, tuple(traits.split(", ")),
        sizes, goes_with, peak, returns, coloured,
    )  # fmt: skip


# A small shop holds the first leaves alone, so that a mug and its coffee are never missing.
LEAVES: tuple[Leaf, ...] = (
    _leaf(0, "Drinkware=杯壶", "Mugs=马克杯", "mug=马克杯, cup=杯子, coffee cup=咖啡杯", "mug", 14, _CLAY, "Coffee",
          sizes=_CUPS, returns=0.04),
    _leaf(1, "Hot Drinks=冲饮", "Coffee=咖啡", "coffee beans=咖啡豆, ground coffee=咖啡粉, espresso=意式浓缩咖啡",
          "packet", 11, "dark roast, medium roast, decaf, arabica", "Mugs", trait="flavour", sizes=_PACKS,
          returns=0.01, coloured=False),
    _leaf(2, "Clothing=服装", "T-Shirts=T恤", "t-shirt=T恤, tee=短袖, top=上衣", "shirt", 19,
          "cotton, linen, polyester", "Jeans", sizes=_CLOTHES, peak=190, returns=0.18),
    _leaf(3, "Audio=音频", "Headphones=耳机", "headphones=耳机, headset=头戴耳机, earphones=入耳式耳机", "headphones",
          79, "wireless, wired, noise cancelling, bluetooth", "Smartphones", trait="feature", returns=0.09),
    _leaf(4, "Lighting=灯具", "Desk Lamps=台灯", "desk lamp=台灯, reading lamp=阅读灯, table lamp=桌灯", "lamp", 45,
          "metal, oak, glass", "Desks", peak=320),
    _leaf(0, "Drinkware=杯壶", "Glasses=玻璃杯", "drinking glass=玻璃杯, wine glass=红酒杯, tumbler=平底杯",
          "glass", 9, "glass, crystal", "Plates", sizes=_CUPS),
    _leaf(0, "Drinkware=杯壶", "Teapots=茶壶", "teapot=茶壶, tea kettle=烧水壶", "teapot", 32,
          "ceramic, porcelain, cast iron, glass", "Tea", sizes=_BOTTLES),
    _leaf(0, "Cookware=锅具", "Frying Pans=平底锅", "frying pan=平底锅, skillet=煎锅, wok=炒锅", "pan", 39,
          "cast iron, stainless steel, aluminium, carbon steel", "Knives", sizes=("20 cm", "24 cm", "28 cm")),
    _leaf(0, "Cookware=锅具", "Knives=刀具", "kitchen knife=厨刀, chef's knife=主厨刀, bread knife=面包刀", "knife",
          34, "carbon steel, stainless steel, ceramic", "Frying Pans"),
    _leaf(0, "Tableware=餐具", "Plates=盘子", "plate=盘子, dinner plate=餐盘, dessert plate=甜品盘", "plate", 12,
          _CLAY, "Bowls", sizes=("18 cm", "22 cm", "27 cm")),
    _leaf(0, "Tableware=餐具", "Bowls=碗", "bowl=碗, soup bowl=汤碗, rice bowl=饭碗", "bowl", 11,
          "ceramic, porcelain, bamboo", "Plates", sizes=_SIZES),
    _leaf(1, "Hot Drinks=冲饮", "Tea=茶叶", "loose tea=散茶, tea=茶, tea bags=袋泡茶", "packet", 9,
          "jasmine, oolong, green, earl grey", "Teapots", trait="flavour", sizes=_PACKS, peak=350, returns=0.01,
          coloured=False),
    _leaf(1, "Sweets=甜食", "Chocolate=巧克力", "chocolate=巧克力, chocolate bar=巧克力排, pralines=夹心巧克力",
          "box", 6, "dark, milk, hazelnut, sea salt", "Coffee", trait="flavour", sizes=("100 g", "250 g"), peak=45,
          returns=0.01, coloured=False),
    _leaf(1, "Sweets=甜食", "Jam & Honey=果酱蜂蜜", "jam=果酱, honey=蜂蜜, fruit spread=果泥", "jar", 7,
          "strawberry, apricot, blueberry, acacia", "Tea", trait="flavour", sizes=("250 g", "450 g"), returns=0.01,
          coloured=False),
    _leaf(1, "Snacks=零食", "Nuts=坚果", "nuts=坚果, roasted nuts=烤坚果, nut mix=混合坚果", "packet", 8,
          "almond, cashew, hazelnut", "Chocolate", trait="flavour", sizes=_PACKS, returns=0.01, coloured=False),
    _leaf(2, "Clothing=服装", "Dresses=连衣裙", "dress=连衣裙, summer dress=夏裙, evening dress=礼服", "dress", 59,
          "cotton, silk, linen, polyester", "Handbags", sizes=_CLOTHES, peak=170, returns=0.28),
    _leaf(2, "Clothing=服装", "Jeans=牛仔裤", "jeans=牛仔裤, denim trousers=牛仔长裤", "trousers", 55,
          "denim, cotton", "T-Shirts", sizes=_CLOTHES, returns=0.22),
    _leaf(2, "Clothing=服装", "Jackets=外套", "jacket=夹克, coat=大衣, parka=派克大衣", "jacket", 95,
          "wool, leather, nylon, denim", "Scarves", sizes=_CLOTHES, peak=320, returns=0.2),
    _leaf(2, "Clothing=服装", "Jumpers=毛衣", "jumper=毛衣, sweater=针织衫, cardigan=开衫", "shirt", 49,
          "wool, cotton, fleece", "Scarves", sizes=_CLOTHES, peak=335, returns=0.17),
    _leaf(2, "Clothing=服装", "Skirts=半身裙", "skirt=半身裙, pleated skirt=百褶裙", "skirt", 39,
          "cotton, denim, silk", "T-Shirts", sizes=_CLOTHES, peak=160, returns=0.21),
    _leaf(2, "Shoes=鞋", "Sneakers=运动鞋", "sneakers=运动鞋, trainers=休闲鞋, running shoes=跑鞋", "shoe", 75,
          "canvas, leather, suede", "Socks", sizes=_SHOES, returns=0.2),
    _leaf(2, "Shoes=鞋", "Boots=靴子", "boots=靴子, ankle boots=短靴, rain boots=雨靴", "boot", 110,
          "leather, suede, rubber", "Socks", sizes=_SHOES, peak=310, returns=0.2),
    _leaf(2, "Shoes=鞋", "Socks=袜子", "socks=袜子, wool socks=羊毛袜", "sock", 9, "cotton, wool", "Sneakers",
          sizes=_SHOES, returns=0.05),
    _leaf(2, "Bags=箱包", "Backpacks=双肩包", "backpack=双肩包, rucksack=登山包, school bag=书包", "backpack", 62,
          "canvas, nylon, leather", "Water Bottles", peak=240, returns=0.08),
    _leaf(2, "Bags=箱包", "Handbags=手提包", "handbag=手提包, shoulder bag=单肩包, tote bag=托特包", "handbag", 85,
          "leather, canvas, suede", "Scarves", returns=0.12),
    _leaf(2, "Accessories=配饰", "Scarves=围巾", "scarf=围巾, shawl=披肩", "scarf", 27, "wool, silk, cotton",
          "Hats", peak=340, returns=0.09),
    _leaf(2, "Accessories=配饰", "Hats=帽子", "hat=帽子, cap=鸭舌帽, beanie=毛线帽", "hat", 22,
          "wool, cotton, felt", "Scarves", returns=0.09),
    _leaf(2, "Accessories=配饰", "Watches=手表", "watch=手表, wristwatch=腕表", "watch", 140,
          "digital, analogue, waterproof", "Handbags", trait="feature", peak=350, returns=0.1),
    _leaf(2, "Accessories=配饰", "Umbrellas=雨伞", "umbrella=雨伞, folding umbrella=折叠伞", "umbrella", 24,
          "nylon, polyester", "Boots", peak=100),
    _leaf(3, "Audio=音频", "Speakers=音箱", "speaker=音箱, bookshelf speaker=书架音箱", "speaker", 99,
          "bluetooth, wireless, waterproof", "Smartphones", trait="feature", returns=0.08),
    _leaf(3, "Computing=电脑", "Laptops=笔记本电脑", "laptop=笔记本电脑, notebook computer=手提电脑", "laptop", 850,
          "thin, gaming, compact", "Mice", trait="feature", peak=240, returns=0.08),
    _leaf(3, "Computing=电脑", "Keyboards=键盘", "keyboard=键盘, computer keyboard=电脑键盘", "keyboard", 65,
          "mechanical, wireless, compact, ergonomic", "Mice", trait="feature", returns=0.07),
    _leaf(3, "Computing=电脑", "Mice=鼠标", "mouse=鼠标, computer mouse=电脑鼠标", "mouse", 32,
          "wireless, gaming, ergonomic", "Keyboards", trait="feature", returns=0.07),
    _leaf(3, "Computing=电脑", "Monitors=显示器", "monitor=显示器, screen=屏幕", "monitor", 230,
          "curved, gaming, thin", "Keyboards", trait="feature", returns=0.08),
    _leaf(3, "Phones=手机通讯", "Smartphones=手机", "smartphone=智能手机, mobile phone=手机", "phone", 520,
          "compact, waterproof, thin", "Phone Cases", trait="feature", returns=0.07),
    _leaf(3, "Phones=手机通讯", "Phone Cases=手机壳", "phone case=手机壳, phone cover=手机保护套", "phone", 16,
          "silicone, leather, recycled plastic", "Chargers", returns=0.06),
    _leaf(3, "Phones=手机通讯", "Chargers=充电器", "charger=充电器, charging plug=充电头, power adapter=电源适配器",
          "plug", 25, "fast, wireless, compact", "Smartphones", trait="feature"),
    _leaf(4, "Lighting=灯具", "Floor Lamps=落地灯", "floor lamp=落地灯, standing lamp=立灯", "floorlamp", 120,
          "metal, oak, bamboo", "Sofas", peak=320),
    _leaf(4, "Textiles=家纺", "Cushions=抱枕", "cushion=抱枕, pillow=靠垫, throw pillow=沙发靠枕", "cushion", 22,
          "cotton, linen, velvet", "Sofas", sizes=("40 cm", "50 cm")),
    _leaf(4, "Textiles=家纺", "Blankets=毛毯", "blanket=毛毯, throw=盖毯", "cloth", 48, "wool, cotton, fleece",
          "Cushions", sizes=_SIZES, peak=345),
    _leaf(4, "Textiles=家纺", "Towels=毛巾", "towel=毛巾, bath towel=浴巾, hand towel=擦手巾", "cloth", 17,
          "cotton, linen, bamboo", "Shampoo", sizes=_SIZES),
    _leaf(4, "Textiles=家纺", "Bed Linen=床品", "duvet cover=被套, bed sheet=床单, bedding set=四件套", "bed", 69,
          "cotton, linen, silk", "Blankets", sizes=_SIZES),
    _leaf(4, "Textiles=家纺", "Curtains=窗帘", "curtain=窗帘, blackout curtain=遮光帘", "curtain", 44, _CLOTH,
          "Floor Lamps", sizes=_SIZES),
    _leaf(4, "Decoration=装饰", "Vases=花瓶", "vase=花瓶, flower vase=插花瓶", "vase", 29,
          "ceramic, glass, porcelain, stoneware", "Candles", sizes=_SIZES, peak=120),
    _leaf(4, "Decoration=装饰", "Candles=蜡烛", "candle=蜡烛, scented candle=香薰蜡烛", "candle", 15,
          "rose, lavender, vanilla, cedar", "Vases", trait="scent", peak=350),
    _leaf(4, "Decoration=装饰", "Clocks=时钟", "wall clock=挂钟, alarm clock=闹钟", "clock", 33,
          "wood, metal, recycled plastic", "Vases"),
    _leaf(4, "Furniture=家具", "Chairs=椅子", "chair=椅子, dining chair=餐椅, stool=凳子", "chair", 89, _WOOD,
          "Desks", returns=0.07),
    _leaf(4, "Furniture=家具", "Desks=书桌", "desk=书桌, writing table=写字台", "desk", 240, _WOOD, "Chairs",
          returns=0.07),
    _leaf(4, "Furniture=家具", "Sofas=沙发", "sofa=沙发, couch=长沙发, armchair=单人沙发", "sofa", 690,
          "velvet, leather, linen", "Cushions", returns=0.08),
    _leaf(4, "Furniture=家具", "Shelves=书架", "bookshelf=书架, wall shelf=置物架", "shelf", 75,
          "oak, walnut, metal", "Novels", returns=0.06),
    _leaf(5, "Skin Care=护肤", "Face Creams=面霜", "face cream=面霜, moisturiser=保湿霜", "jar", 28,
          "aloe, rose, green tea", "Sunscreen", trait="scent", sizes=_TUBES, coloured=False),
    _leaf(5, "Skin Care=护肤", "Sunscreen=防晒霜", "sunscreen=防晒霜, sun lotion=防晒乳", "tube", 19,
          "aloe, citrus, vanilla", "Hats", trait="scent", sizes=_TUBES, peak=185, coloured=False),
    _leaf(5, "Hair Care=护发", "Shampoo=洗发水", "shampoo=洗发水, conditioner=护发素", "bottle", 11,
          "lavender, citrus, green tea", "Towels", trait="scent", sizes=("200 ml", "400 ml"), coloured=False),
    _leaf(5, "Make-up=彩妆", "Lipsticks=口红", "lipstick=口红, lip balm=润唇膏", "lipstick", 21, "matte, glossy",
          "Face Creams", trait="feature", peak=45),
    _leaf(5, "Perfume=香水", "Perfumes=香水", "perfume=香水, eau de toilette=淡香水", "perfume", 64,
          "rose, cedar, citrus, vanilla", "Lipsticks", trait="scent", sizes=_TUBES, peak=345, coloured=False),
    _leaf(6, "Fitness=健身", "Yoga Mats=瑜伽垫", "yoga mat=瑜伽垫, exercise mat=健身垫", "mat", 35,
          "rubber, cork, recycled plastic", "Water Bottles", peak=10),
    _leaf(6, "Fitness=健身", "Dumbbells=哑铃", "dumbbell=哑铃, hand weights=手持哑铃", "dumbbell", 29,
          "cast iron, rubber", "Yoga Mats", sizes=("2 kg", "5 kg", "10 kg"), peak=10),
    _leaf(6, "Fitness=健身", "Water Bottles=运动水壶", "water bottle=水壶, sports bottle=运动水杯, flask=保温杯",
          "bottle", 18, "stainless steel, glass, recycled plastic", "Backpacks", sizes=_BOTTLES, peak=180),
    _leaf(6, "Camping=露营", "Tents=帐篷", "tent=帐篷, dome tent=圆顶帐篷", "tent", 160, "nylon, polyester, cotton",
          "Sleeping Bags", peak=165, returns=0.07),
    _leaf(6, "Camping=露营", "Sleeping Bags=睡袋", "sleeping bag=睡袋, mummy bag=木乃伊睡袋", "sleepingbag", 80,
          "nylon, fleece, cotton", "Tents", peak=165),
    _leaf(6, "Cycling=骑行", "Helmets=头盔", "bike helmet=自行车头盔, helmet=头盔", "helmet", 49,
          "recycled plastic, aluminium", "Water Bottles", sizes=_SIZES, peak=120, returns=0.09),
    _leaf(6, "Ball Games=球类", "Footballs=足球", "football=足球, soccer ball=英式足球", "ball", 24,
          "leather, rubber", "Sneakers", peak=160),
    _leaf(7, "Building=拼搭", "Building Blocks=积木", "building blocks=积木, brick set=拼装积木", "blocks", 34,
          "wood, plastic", "Puzzles", peak=350),
    _leaf(7, "Soft Toys=毛绒玩具", "Plush Toys=毛绒玩具", "plush bear=毛绒熊, soft toy=毛绒玩具, cuddly toy=布偶",
          "bear", 20, "cotton, fleece, velvet", "Picture Books", peak=350),
    _leaf(7, "Games=游戏", "Puzzles=拼图", "puzzle=拼图, jigsaw=七巧拼图", "puzzle", 16, "paper, wood, cork",
          "Building Blocks", peak=350),
    _leaf(8, "Books=图书", "Novels=小说", "novel=小说, paperback=平装小说", "book", 12,
          "mystery, romance, adventure, history", "Mugs", trait="topic", coloured=False, returns=0.02),
    _leaf(8, "Books=图书", "Cookbooks=食谱", "cookbook=食谱, recipe book=菜谱", "book", 24,
          "baking, vegetarian, noodle", "Frying Pans", trait="topic", coloured=False, returns=0.02),
    _leaf(8, "Books=图书", "Picture Books=绘本", "picture book=绘本, children's book=童书", "book", 14,
          "adventure, history, mystery", "Plush Toys", trait="topic", coloured=False, returns=0.02),
    _leaf(8, "Stationery=文具", "Notebooks=笔记本", "notebook=笔记本, journal=手账本, diary=日记本", "book", 10,
          "paper, leather, linen", "Pens", peak=240, returns=0.02),
    _leaf(8, "Stationery=文具", "Pens=钢笔", "fountain pen=钢笔, ballpoint pen=圆珠笔, pen=笔", "pen", 18,
          "metal, wood, plastic", "Notebooks", peak=240, returns=0.03),
    _leaf(9, "Dogs=狗狗", "Dog Food=狗粮", "dog food=狗粮, dog treats=狗零食", "packet", 22,
          "chicken, salmon, beef", "Pet Beds", trait="flavour", sizes=("1 kg", "3 kg", "10 kg"), coloured=False,
          returns=0.01),
    _leaf(9, "Cats=猫咪", "Cat Toys=猫玩具", "cat toy=猫玩具, toy mouse for cats=玩具老鼠", "mouse", 8,
          "felt, cotton, wool", "Pet Beds"),
    _leaf(9, "Sleeping=宠物睡窝", "Pet Beds=宠物窝", "pet bed=宠物窝, dog bed=狗窝, cat cave=猫窝", "bowl", 46,
          "cotton, fleece, felt", "Dog Food", sizes=_SIZES, returns=0.07),
    _leaf(10, "Planting=种植", "Plant Pots=花盆", "plant pot=花盆, flower pot=花钵, planter=种植箱", "pot", 19,
          "terracotta, ceramic, metal, recycled plastic", "Watering Cans", sizes=_SIZES, peak=115),
    _leaf(10, "Planting=种植", "Watering Cans=洒水壶", "watering can=洒水壶, plant sprayer=喷壶", "can", 21,
          "metal, recycled plastic", "Plant Pots", sizes=_BOTTLES, peak=120),
)  # fmt: skip
