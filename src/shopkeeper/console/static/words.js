// What the page says, in each language it speaks.

const WORDS = {
  en: {
    search: "Search the shop…", shopper: "Shopping as", newcomer: "a newcomer", other: "中文", cart: "Cart",
    home: "For you", recent: "You looked at", popular: "Popular now", new: "New in", similar: "Similar",
    goes: "Goes with it", yours: "Goes with your cart", results: (n) => (n === 1 ? "1 result" : `${n} results`), more: "Show more", why: "why?",
    add: "Add to cart", added: "In your cart", back: "← Back", price: "Price", from: "from", to: "to",
    relevance: "Best match", cheap: "Price, low first", dear: "Price, high first", latest: "Newest first",
    none: "Nothing matches. Try fewer words or fewer filters.", out: "not available", empty: "Nothing is here yet.",
    unreachable: "The shop does not answer. Is the server running?", events: (n) => `${n} events`,
  },
  zh: {
    search: "搜索商品…", shopper: "以此身份浏览", newcomer: "新顾客", other: "English", cart: "购物车",
    home: "为你推荐", recent: "最近看过", popular: "热门", new: "新品", similar: "相似商品",
    goes: "搭配购买", yours: "与购物车搭配", results: (n) => `${n} 件商品`, more: "显示更多", why: "为什么？",
    add: "加入购物车", added: "已在购物车", back: "← 返回", price: "价格", from: "最低", to: "最高",
    relevance: "综合排序", cheap: "价格从低到高", dear: "价格从高到低", latest: "最新上架",
    none: "没有找到商品。请减少关键词或筛选条件。", out: "暂时无货", empty: "这里还没有商品。",
    unreachable: "商店没有响应。服务是否在运行？", events: (n) => `${n} 个行为`,
  },
};

const wanted = stored() || (navigator.language || "en").slice(0, 2);

export const language = wanted in WORDS ? wanted : "en";
export const words = WORDS[language];

export function switchLanguage() {
  try { localStorage.setItem("language", language === "zh" ? "en" : "zh"); } catch { /* a private window keeps nothing */ }
  location.reload();
}

function stored() {
  try { return localStorage.getItem("language"); } catch { return null; }
}
