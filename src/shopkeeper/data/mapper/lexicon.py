"""The words of column, file and value names, in several languages, and the concepts they stand for.

A name is read as a set of concepts ("Customer ID" and "Kundennummer" are user + id) and a field is recognised by sets
of concepts. Words are written without accents, in lower case, as `words` leaves them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Concept → its words and phrases. "noise" is what makes a column something else: a customer's address is no customer.
# "" is what adds nothing to the meaning.
CONCEPTS: dict[str, str] = {
    "item": "item, product, prod, article, articulo, articolo, artigo, artikel, produkt, produit, producto, produto, "
    "prodotto, goods, movie, film, book, game, song, track, app, anime, doc, document, merchandise, ware, listing, "
    "stock code, 商品, 产品, 宝贝, 货品, 物品, 製品, アイテム, 상품, business, venue, poi, recipe",
    "place": "location, place, spot",
    "sku": "sku, asin, stock keeping unit, artikelnr, artnr, art nr, mpn sku, 货号, 品番, 商品コード, isbn10",
    "barcode": "ean, ean13, ean 13, upc, gtin, barcode, isbn, jan, 条码, 条形码, codigo de barras, code barre, strichcode",
    "variant": "variant, variation, variante",
    "group": "parent, item group, spu, 款号, configurable, style code, master product",
    "handle": "handle",
    "id": "id, ids, no, nr, num, number, code, key, uid, uuid, guid, identifier, identifiant, ref, reference, "
    "referencia, riferimento, nummer, kennung, numero, codigo, codice, cod, 编号, 编码, 号, 号码, 序号, 番号, コード, kod, "
    "pk, fk, bianhao",
    "user": "user, customer, client, member, buyer, shopper, visitor, household, account, reviewer, person, kunde, "
    "kunden, benutzer, kaufer, kaeufer, nutzer, mitglied, utilisateur, acheteur, usager, usuario, cliente, comprador, "
    "utente, acquirente, 用户, 会员, 顾客, 客户, 买家, 消费者, ユーザー, ユーザ, 顧客, 会員, 購入者, consumer, subscriber, author, "
    "profile, player, full visitor, user pseudo, usr, cust, 고객, 회원",
    "device": "device, cookie, browser, fingerprint, ip",
    "email": "email, e mail, mail, 邮箱, メール, correo, courriel",
    "order": "order, invoice, basket, transaction, receipt, purchase, bestellung, bestell, rechnung, rechnungs, "
    "auftrag, auftrags, bon, commande, facture, pedido, factura, fatura, ordine, fattura, encomenda, 订单, 交易, 注文, "
    "受注, checkout, trans, txn, kauf, achat, compra, acquisto, ticket, 주문, 下单, 购买, 購入",
    "session": "session, visit, sitzung, sitzungs, 会话, セッション, sesion, sessione, seance, sessao, besuch, visita",
    "event": "event, action, behavior, behaviour, activity, interaction, ereignis, aktion, evento, evenement, azione, "
    "accion, acao, 行为, 事件, 行動, 操作, 动作, イベント, hit",
    "type": "type, typ, tipo, kind, 类型, 種別, タイプ, 种类",
    "time": "time, timestamp, datetime, ts, zeit, zeitpunkt, zeitstempel, uhrzeit, heure, hora, ora, horodatage, 时间, "
    "时间戳, 日時, 時刻, 時間, time stamp, date time, when, utc, event time, 시간",
    "date": "date, datum, fecha, data, jour, 日期, 日付, dat, day, dt, giorno, tag, 날짜, fecha hora",
    "created": "created, created at, create, added, date added, creation, erstellt, erstellt am, placed at, "
    "submitted, 创建, 创建时间, 登録日, angelegt, cree le",
    "launched": "launch, launched, release, released, introduced, available from, available since, "
    "availability date, erscheinungsdatum, erscheinungs, verfugbar ab, sortie, parution, lanzamiento, lancamento, "
    "uscita, 上架, 上架时间, 上市, 发布, 発売日, 発売, published at, publication, publish, year released, first available",
    "title": "title, titel, titulo, titre, titolo, 标题, タイトル, 品名, bezeichnung, designation, libelle, denominacion, "
    "denominazione, headline, caption, 제목, 商品名, 商品名称, 产品名称",
    "name": "name, nom, nombre, nome, 名称, 名字, 名, 이름, 名前, label name",
    "description": "description, desc, descr, beschreibung, descripcion, descrizione, descricao, 描述, 简介, 详情, 説明, "
    "商品説明, body html, body, long text, overview, 介绍, produktbeschreibung, content, plot, synopsis, kuvaus, 설명",
    "brand": "brand, vendor, supplier, maker, marke, marque, marca, 品牌, ブランド, 브랜드, label brand",
    "maker": "manufacturer, hersteller, fabricant, fabricante, produttore, 厂商, 厂家, 制造商, メーカー, producer, "
    "lieferant, fournisseur, proveedor, fornitore, 供应商, publisher, marchio",
    "category": "category, categories, cat, cate, categ, kategorie, kategorien, warengruppe, warengruppen, "
    "produktgruppe, categorie, categoria, rubrique, rubrik, department, dept, genre, genres, class, classification, "
    "类目, 分类, 品类, 类别, カテゴリ, カテゴリー, section, aisle, item group name, garment group, famille, familia, "
    "famiglia, sortiment, rayon, 카테고리, product type, item type, product group, product class, taxonomy, "
    "index group, subcategory, sub category, subcat, unterkategorie, sparte",
    "price": "price, preis, prix, precio, prezzo, preco, 价格, 单价, 售价, 价, 価格, 値段, 単価, 가격, unit price, "
    "unitprice, einzelpreis, stuckpreis, prix unitaire, prix unit, precio unitario, prezzo unitario, 现价, 零售价, "
    "verkaufspreis, vk preis, vk, prix de vente, pvp, price each, 税込価格, price gross, regular price",
    "was": "compare at, msrp, rrp, uvp, list, old, original, 原价, 市场价, 吊牌价, 定价, before, strike, barre, streichpreis",
    "sale": "sale, special, promo price, angebot, oferta, soldes, 促销价, 特价",
    "cost": "cost, cost per item, einkaufspreis, ek, 成本, 进价, wholesale",
    "value": "value, amount, revenue, sales value, line total, extended price, gesamtpreis, gesamtbetrag, umsatz, "
    "betrag, montant, importe, importo, valor, valore, 金额, 实付, 实付金额, 支付金额, 付款金额, 总价, 总金额, 小計, 合計, 金額, "
    "payment, paid, gmv, spend, sales, turnover, total price, total amount, sum price, prix total, precio total, "
    "importe total, 成交金额, 消费金额",
    "total": "total, gesamt, sum, subtotal, 总, 合计, summe, totale, grand",
    "quantity": "quantity, qty, menge, anzahl, quantite, cantidad, quantita, quantidade, 数量, 件数, 个数, 数, units, "
    "pieces, stuck, stueck, stk, 個数, purchase quantity, 购买数量, 购买件数, qte, cant, 수량, antal, qta",
    "stock": "stock, inventory, inventory qty, bestand, lager, lagerbestand, lagermenge, existencias, giacenza, "
    "scorte, estoque, 库存, 库存量, 库存数量, 在庫, 在庫数, stock quantity, on hand, stock level, stock qty, "
    "inventory level, inventory quantity, voorraad, 재고, current stock, qty on hand, stock disponible",
    "available": "available, availability, in stock, is in stock, verfugbar, verfugbarkeit, lieferbar, disponible, "
    "disponibilite, disponibilita, disponibilidad, disponibilidade, 是否在售, 是否上架, 上架状态, 在售, published, purchasable, "
    "is available, availability status, stock status, active, is active, enabled, is enabled, aktiv, is visible, "
    "product visible, 販売中, sellable",
    "image": "image, img, picture, photo, bild, produktbild, imagen, immagine, imagem, 图片, 主图, 图, 画像, pic, foto, "
    "image link, image url, image src, img url, cover, poster, bild url, 商品图片, 이미지",
    "small": "thumb, thumbnail, small, low, mini, icon, vignette, vorschau",
    "large": "high, large, big, hires, high res, full size",
    "url": "url, link, permalink, href, uri, lien, enlace, product url, 链接, 网址, リンク, web, 商品链接, page url",
    "attributes": "attributes, attribute, attrs, properties, props, features, specs, specification, specifications, "
    "params, parameters, eigenschaften, merkmale, caracteristiques, caracteristicas, attributi, 属性, 参数, 规格参数, "
    "仕様, metadata, extra, additional attributes, event params, user properties, custom fields, details",
    "rating": "rating, stars, star, score, bewertung, sterne, note, puntuacion, calificacion, avaliacao, voto, "
    "valutazione, 评分, 星级, 打分, 評価, 評点, overall, punktzahl, rate, 평점, nota, etoiles",
    "review": "review, comment, rezension, kommentar, commentaire, avis, resena, opinion, comentario, recensione, "
    "评论, 评价, レビュー, feedback, kundenbewertung, 口コミ, commento",
    "summary": "summary, subject, zusammenfassung, resume, kurzfassung",
    "text": "text, message, texte, texto, testo, 内容, 正文, 文, 本文, inhalt",
    "query": "query, search, search term, searchterm, keyword, keywords, search query, suchbegriff, suchanfrage, suche, "
    "such, recherche, mot cle, requete, busqueda, consulta, ricerca, 搜索, 搜索词, 查询, 查询词, 关键词, 检索词, 検索, 検索語, "
    "検索キーワード, search string, search phrase, search keyword, search text, termino",
    "grade": "grade, relevance, judgement, judgment, gain, esci, relevanz, pertinence, relevancia, 相关性, 相关度, 関連度, "
    "rel, qrel",
    "label": "label, y",
    "final": "final, mean, median, consensus, aggregated, overall score",
    "history": "history, prefix, clicked, past, verlauf, historique, historial, 历史, 序列, 履歴, previous",
    "sequence": "sequence, seq, step, ordinal, index in, 顺序, 順番, sequenz, reihenfolge, secuencia",
    "target": "target, next, answer, ground truth, ziel, 目标, 下一个, positive",
    "lines": "lines, line items, order items, order lines, positionen, lignes",
    "coupon": "coupon, voucher, promo, promo code, promotion code, discount code, gutschein, gutscheincode, "
    "code promo, bon de reduction, cupon, cupom, buono, 优惠券, 优惠码, クーポン, rabattcode",
    "campaign": "campaign, kampagne, campagne, campana, campanha, campagna, 活动, キャンペーン",
    "start": "start, begin, valid from, from, beginn, debut, inicio, inizio, 开始, 生效, 開始, starts, gultig ab, von",
    "end": "end, until, expiry, expires, expire, expiration, valid to, valid until, valid through, ende, fin, fine, "
    "结束, 失效, 过期, 到期, 終了, ends, gultig bis, bis, fecha fin",
    "discount": "discount, disc, rabatt, remise, descuento, sconto, desconto, reduction, 折扣, 优惠, 优惠金额, 割引, rebate, "
    "nachlass, markdown, savings, discount value",
    "currency": "currency, wahrung, waehrung, devise, moneda, valuta, moeda, 货币, 币种, 通貨, currency code, monnaie",
    "slate": "slate, impression, serp, result list, page view id, rec list, 曝光, recommendation, request",
    "position": "position, rank, pos, slot, platz, 位置, 排名, 順位, rang, posicion, posizione",
    "elapsed": "timeframe, elapsed, offset, time offset, since start, 经过",
    "changed": "updated, updated at, modified, modified at, last modified, changed, paid at, fulfilled at, cancelled at, "
    "shipped, delivered, approved, estimated, processed, 更新, 发货, 付款, 支付, 确认",
    "noise": "status, state, address, phone, tel, telephone, mobile, shipping, versand, delivery, tax, steuer, taxable, "
    "vat, seller, merchant, store, shop, filiale, warehouse, zip, postal, postcode, city, country, region, age, gender, sex, "
    "weight, gewicht, poids, peso, width, height, depth, length, lenght, size, color, colour, couleur, farbe, material, "
    "count, cnt, photos, seo, meta, first, last, middle, street, channel, platform, source, medium, referrer, method, "
    "card, bank, installments, avg, average, birth, holiday, week, month, year, hour, dow, weekday, "
    "option, additional, alt, google, facebook, income, marital, kids, comp, ownership, display, mailer, package, unit of, "
    "risk, notes, tags, private, fulfillment, fulfilled, service, policy, tracker, refunded, outstanding, helpful, "
    "votes, verified, useful, funny, cool, reply, rate limit, intent, entity, agent, "
    "click, propensity, click through, probability, prob, ctr, views, pageviews, duration, freight, lat, lon, lng, "
    "latitude, longitude, prior, days since, since, reordered, eval, pattern, appearance, shape, spec, 规格, 型号, 颜色, "
    "尺码, 状态, 收货, 地址, 电话, 手机, 性别, 年龄, 城市, 省份, 店铺, 卖家, 配送, 物流, 备注, 方式, 渠道, 设备, 浏览, 销量, 月销量, 月, 年, 体积, 重量, "
    "性別, 年齢, 都道府県, 色, ort, plz, strasse, geschlecht, alter, pais, ciudad, ville, pays, land, telefono, sexe, "
    "genero, edad, lieferung, livraison, envio, zahlung, zahlungsart, mode",
    "": "unix, raw, full, the, of, de, du, des, la, le, les, el, los, del, di, da, do, der, die, das, des, our, main, "
    "primary, base, 的, line, retail, at, on, in, is, short, long, current, a, d, l, fur, pour, per, unit, "
    "external, 主, number of, by, was, and, ymd, local, our",
}


# Field → the sets of concepts that name it, strongest first, with how surely each does.
PATTERNS: dict[str, dict[str, float]] = {
    "item_id": {
        "item id": 1.0,
        "item sku": 1.0,
        "sku": 0.95,
        "variant sku": 1.0,
        "variant id": 0.9,
        "sku id": 1.0,
        "item": 0.75,
        "place id": 0.7,
        "item barcode": 0.8,
        "barcode": 0.5,
        "group sku": 0.75,
        "sku barcode": 0.8,
    },
    "user_id": {
        "user id": 1.0,
        "user": 0.85,
        "email": 0.7,
        "user email": 0.8,
        "user name": 0.55,
        "device id": 0.55,
        "review user id": 1.0,
        "order user id": 0.9,
    },
    "session_id": {
        "session id": 1.0,
        "session": 0.9,
        "user session": 0.95,
        "user session id": 1.0,
        "event session id": 0.9,
    },
    "order_id": {"order id": 1.0, "order": 0.8, "order name": 0.7, "order item id": 0.35},
    "event_id": {"event id": 1.0},
    "event_type": {"event type": 1.0, "event name": 0.95, "event": 0.8, "user event": 0.85, "user event type": 0.95},
    "time": {
        "time": 1.0,
        "event time": 1.0,
        "order time": 1.0,
        "session time": 0.9,
        "review time": 1.0,
        "created": 0.9,
        "created time": 0.95,
        "order created": 0.95,
        "order created time": 0.95,
        "time date": 1.0,
        "rating time": 1.0,
        "date": 0.9,
        "event date": 0.9,
        "order date": 0.9,
        "review date": 0.9,
        "session date": 0.85,
        "created date": 0.9,
        "query time": 0.9,
        "query date": 0.85,
        "coupon date": 0.7,
        "review created date": 0.85,
        "review created": 0.85,
        "rating date": 0.9,
        "order changed time": 0.5,
        "available date": 0.3,
        "user time": 0.5,
        "item time": 0.5,
    },
    "elapsed_ms": {"elapsed": 1.0, "elapsed time": 0.9},
    "ordinal": {
        "sequence": 1.0,
        "order sequence": 0.95,
        "item sequence": 0.9,
        "position": 0.6,
        "order id": 0.35,
        "order": 0.4,
        "event sequence": 1.0,
        "user sequence": 1.0,
        "session sequence": 1.0,
        "event order": 0.9,
        "sequence id": 1.0,
    },
    "title": {
        "title": 1.0,
        "item title": 1.0,
        "item name": 1.0,
        "name": 0.85,
        "title name": 0.95,
        "item": 0.45,
        "item description": 0.6,
        "sku name": 0.85,
        "item label": 0.7,
        "variant title": 0.4,
        "group name": 0.4,
        "group title": 0.4,
        "item description name": 0.7,
    },
    "description": {"description": 1.0, "item description": 1.0, "item text": 0.8, "summary": 0.55, "text": 0.5},
    "brand": {
        "brand": 1.0,
        "brand name": 1.0,
        "item brand": 1.0,
        "maker": 0.85,
        "maker name": 0.85,
        "brand id": 0.75,
        "item brand name": 1.0,
        "maker id": 0.6,
        "item maker": 0.85,
    },
    "category": {
        "category": 1.0,
        "item category": 1.0,
        "category name": 1.0,
        "category id": 0.85,
        "item type": 0.85,
        "category type": 0.9,
        "item category name": 1.0,
        "item category id": 0.85,
        "sku category": 0.9,
        "group category": 0.8,
        "item type name": 0.85,
        "category title": 0.9,
    },
    "price": {
        "price": 1.0,
        "item price": 1.0,
        "sale price": 0.7,
        "variant price": 1.0,
        "sku price": 0.9,
        "was price": 0.5,
        "price value": 0.8,
        "cost price": 0.3,
        "total price": 0.3,
        "order price": 0.7,
        "price currency": 0.7,
        "item value": 0.5,
    },
    "currency": {
        "currency": 1.0,
        "price currency": 0.9,
        "order currency": 0.9,
        "currency id": 1.0,
        "item currency": 0.9,
    },
    "stock": {
        "stock": 1.0,
        "item stock": 1.0,
        "stock total": 0.9,
        "variant stock": 1.0,
        "quantity stock": 1.0,
        "variant quantity": 0.8,
    },
    "available": {"available": 1.0, "item available": 1.0, "stock available": 0.9, "stock": 0.4},
    "image": {
        "image": 0.95,
        "image url": 1.0,
        "image large": 1.0,
        "item image": 1.0,
        "image small": 0.75,
        "item image url": 1.0,
        "image id": 0.5,
        "variant image": 0.6,
        "image large url": 1.0,
        "image small url": 0.75,
        "item image small": 0.75,
    },
    "url": {"url": 1.0, "item url": 1.0, "handle": 0.4, "group url": 0.7},
    "launched": {
        "launched": 1.0,
        "launched date": 1.0,
        "launched time": 1.0,
        "item launched date": 1.0,
        "item date": 0.6,
        "available date": 0.9,
        "created": 0.6,
        "created date": 0.65,
        "date": 0.6,
        "item created": 0.7,
        "launched created": 0.8,
        "created time": 0.6,
    },
    "group_id": {
        "group id": 1.0,
        "group": 0.9,
        "group sku": 1.0,
        "handle": 0.9,
        "group item id": 1.0,
        "item group id": 1.0,
        "variant id": 0.3,
        "item group": 0.9,
    },
    "attributes": {"attributes": 1.0, "item attributes": 1.0, "event attributes": 0.95, "user attributes": 0.7},
    "quantity": {"quantity": 1.0, "item quantity": 1.0, "order quantity": 0.95, "quantity total": 0.7},
    "value": {
        "value": 0.85,
        "total": 0.6,
        "total price": 0.9,
        "total value": 0.9,
        "item value": 0.8,
        "order value": 0.75,
        "item total": 0.8,
        "sale value": 0.8,
        "event value": 0.7,
        "order total": 0.5,
        "price value": 0.7,
    },
    "discount": {
        "discount": 1.0,
        "item discount": 1.0,
        "discount value": 1.0,
        "discount total": 0.9,
        "order discount": 0.7,
        "coupon value": 0.6,
        "coupon discount": 0.65,
        "discount type": 0.2,
    },
    "rating": {
        "rating": 1.0,
        "review rating": 1.0,
        "user rating": 1.0,
        "item rating": 0.9,
        "rating value": 1.0,
        "review value": 0.5,
    },
    "text": {
        "review text": 1.0,
        "review": 0.85,
        "text": 0.8,
        "review description": 0.9,
        "description": 0.5,
        "user review": 0.85,
        "review item description": 0.6,
    },
    "query": {"query": 1.0, "query text": 1.0, "query name": 0.7, "user query": 0.9},
    "grade": {
        "grade": 1.0,
        "label": 0.8,
        "grade label": 1.0,
        "rating": 0.75,
        "final rating": 1.0,
        "final grade": 1.0,
        "grade rating": 1.0,
        "query grade": 1.0,
        "item grade": 1.0,
    },
    "items": {
        "item": 0.8,
        "history": 1.0,
        "history item id": 1.0,
        "history item": 1.0,
        "sequence": 0.9,
        "item sequence": 1.0,
        "item id": 0.8,
        "item history": 1.0,
        "session item": 0.9,
        "order": 0.5,
        "event": 0.5,
        "item id sequence": 1.0,
        "user history": 0.9,
        "session": 0.4,
        "order item": 0.8,
    },
    "target": {
        "target": 1.0,
        "target item": 1.0,
        "target item id": 1.0,
        "item id": 0.7,
        "label": 0.6,
        "sku": 0.7,
        "item": 0.6,
    },
    "lines": {
        "lines": 1.0,
        "item": 0.9,
        "event": 0.9,
        "order item": 0.9,
        "item lines": 1.0,
        "order": 0.6,
        "item id": 0.6,
    },
    "coupon_id": {
        "coupon id": 1.0,
        "coupon": 0.9,
        "coupon barcode": 1.0,
        "coupon name": 0.6,
        "coupon discount": 0.5,
        "order coupon id": 0.8,
    },
    "campaign_id": {"campaign id": 1.0, "campaign": 0.8, "campaign name": 0.5},
    "starts": {"start": 0.8, "start date": 1.0, "start time": 1.0, "coupon start": 0.9, "campaign start date": 1.0},
    "ends": {"end": 0.8, "end date": 1.0, "end time": 1.0, "coupon end": 0.9, "campaign end date": 1.0},
    "slate_id": {"slate id": 1.0, "slate": 0.6},
    "position": {"position": 1.0, "item position": 1.0, "slate position": 1.0, "position id": 0.8},
}
PATTERNS["date"] = PATTERNS["time"]  # told apart by the values
# What a name also means, given what the file is.
ROLE_PATTERNS: dict[str, dict[str, dict[str, float]]] = {
    "items": {
        "item_id": {"id": 0.95},
        "stock": {"quantity": 0.85, "available quantity": 0.9},
        "category": {"type": 0.7},
        "price": {"value": 0.4},
    },
    "users": {"user_id": {"id": 0.95}},
    "order_lines": {
        "title": {"description": 0.85},
        "order_id": {"id": 0.8, "name": 0.7},
        "value": {"order price": 0.5},
    },
    "events": {"event_id": {"id": 0.9}, "event_type": {"type": 0.8, "name": 0.4}, "title": {"description": 0.6}},
    "ratings": {"rating": {"value": 0.6, "label": 0.6}, "event_id": {"id": 0.7}},
    "reviews": {
        "title": {"summary": 1.0, "review title": 1.0, "review summary": 1.0},
        "event_id": {"review id": 1.0, "id": 0.8},
        "rating": {"grade": 0.5, "value": 0.5},
        "text": {"summary": 0.5},
    },
    "coupons": {"coupon_id": {"id": 0.8}, "discount": {"value": 0.7}, "starts": {"created": 0.3}},
    "images": {"item_id": {"id": 0.8}},
}
UNKNOWN, DIGITS = "?", "#"
# What each concept that a pattern leaves over takes from its sureness.
LEFT_OVER = {UNKNOWN: 0.75, DIGITS: 0.95}
OTHER_LEFT_OVER = 0.5
GENERIC = {"id", "name", "type"}  # concepts that say what they are of only by what stands beside them

# What a file's name says of its role, and of what its rows are.
ROLE_CONCEPTS: dict[str, frozenset[str]] = {
    "items": frozenset({"item", "sku", "catalogue", "variant"}),
    "users": frozenset({"user", "demographics"}),
    "events": frozenset({"event", "view", "slate", "session", "cart", "favourite", "log", "redeem"}),
    "order_lines": frozenset({"order", "lines", "value"}),
    "ratings": frozenset({"rating"}),
    "sessions": frozenset({"session", "sequence", "history"}),
    "coupons": frozenset({"coupon"}),
    "images": frozenset({"image"}),
    "reviews": frozenset({"review"}),
    "judgements": frozenset({"grade", "query"}),
    "other": frozenset({"noise", "campaign", "category", "promotion"}),
}
FILE_CONCEPTS: dict[str, str] = {
    "catalogue": "catalog, catalogue, katalog, feed, inventory, meta, metadata, assortment, sortiment, catalogo, 目录, stock",
    "demographics": "demographics, demographic, crm, people",
    "view": "view, views, click, clicks, pageview, pageviews, browse, browsing, pv, visits, 点击, 浏览, 閲覧, "
    "klicks, clics, clickstream, clic",
    "cart": "cart, carts, basket adds, add to cart, 加购, 购物车, warenkorb, panier",
    "favourite": "favourite, favorite, favourites, wishlist, wish, like, likes, 收藏, merkzettel, saves, bookmark",
    "log": "log, logs, tracking, behavior, behaviour, interactions, interaction, stream, checkins, 日志, 行为",
    "return": "return, returns, refund, refunds, retoure, retouren, retour, devolucion, 退货, 返品, credit",
    "purchase": "purchase, purchases, buy, buys, bought, sale, sales, order, orders, transaction, transactions, invoice, "
    "购买, 订单, 成交, 下单, 交易, 注文, 購入, kauf, kaufe, verkauf, achats, ventas, bestellungen, bestellung, commandes, pedidos, "
    "receipts, basket, baskets, checkout",
    "redeem": "redeem, redemption, redemptions, redeemed, einlosung, 核销",
    "impression": "impression, impressions, exposure, exposures, shown, slate, 曝光",
    "search": "search, searches, query, queries, 搜索, 検索, suche",
    "rating": "rating, ratings, scores, stars",
    "promotion": "promotion, promotions, mailer, display, forecast, holiday, weather",
}
# What a value of the event_type column means, by its words; longer phrases first.
EVENT_WORDS: dict[str, str] = {
    "uncart": "remove from cart, removefromcart, remove cart, uncart, cart remove, delete from cart, 移出购物车, 取消加购, "
    "aus warenkorb entfernt, retrait panier, eliminar del carrito, remove from basket",
    "impression": "impression, view item list, impressions, exposure, shown, show, expose, 曝光, 展示, list view, "
    "product list viewed, anzeige, view promotion",
    "search": "search, view search results, query, searched, 搜索, 検索, suche, recherche, busqueda, products searched",
    "favourite": "favourite, favorite, fav, wishlist, add to wishlist, addtowishlist, like, liked, collect, bookmark, save, 收藏, 喜欢, "
    "お気に入り, merken, merkzettel, wunschzettel, favori, favoris, favorito, add to favorites, addtofavorites, wish, heart, star",
    "cart": "cart, carts, add to cart, addtocart, add cart, basket, add to basket, addtobasket, 加购, 加购物车, 加入购物车, "
    "购物车, カート, カート追加, warenkorb, in den warenkorb, panier, ajout panier, ajout au panier, carrito, anadir al carrito, carrello, "
    "cart add, product added, carrinho",
    "return": "return, returned, refund, refunded, 退货, 退款, 返品, retoure, retour, devolucion, credit, reso, rucksendung",
    "purchase": "purchase, purchases, purchased, buy, buys, bought, order, orders, ordered, transaction, checkout complete, sale, 购买, 下单, "
    "成交, 支付, 付款, 買う, 購入, kauf, gekauft, bestellung, achat, commande, compra, acquisto, pedido, order completed, conversion, "
    "paid, complete purchase, alipay",
    "rating": "rating, rate, rated, 评分, 评价, bewertung, review",
    "redeem": "redeem, redeemed, redemption, 核销, 使用优惠券, coupon used",
    "view": "view, views, viewed, pv, click, clicks, clicked, view item, select item, detail, detail view, product view, productview, "
    "product viewed, item view, browse, 点击, 浏览, 查看, 閲覧, クリック, ansicht, angesehen, klick, vue, consultation, clic, vista, "
    "ver, visto, visualizzazione, view product, page product, product page, impression click, open, view content, play, "
    "watch, listen, stream, produktansicht, clique, view detail, click item",
}
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
LINKS = ("s", "n", "en", "es", "e")  # what German puts between the parts of a word


def words(name: str) -> list[str]:
    """The words of a name: camel case and runs of digits or Chinese split off, accents and punctuation gone, lower case.

    >>> words("prixUnitaire_2")
    ['prix', 'unitaire', '2']
    """
    text = unicodedata.normalize("NFKC", name)
    text = CAMEL.sub(" ", text)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not "\u0300" <= c <= "\u036f")
    text = unicodedata.normalize("NFC", text).casefold()
    text = CJK.sub(lambda run: f" {run[0]} ", text)
    text = re.sub(r"(?<=\d)(?=[^\W\d])|(?<=[^\W\d])(?=\d)", " ", text)
    return re.findall(r"[^\W_]+", text)


def _dictionary(concepts: dict[str, str]) -> dict[str, str]:
    """Phrase (its words joined by blanks) → concept; the first concept that claims a phrase keeps it."""
    found: dict[str, str] = {}
    for concept, phrases in concepts.items():
        for phrase in phrases.split(","):
            found.setdefault(" ".join(words(phrase)), concept)
    return found


COLUMN_WORDS = _dictionary(CONCEPTS)
FILE_WORDS = _dictionary(FILE_CONCEPTS)
EVENT_VALUES = _dictionary(EVENT_WORDS)


@lru_cache(maxsize=4096)
def concepts(name: str) -> tuple[str, ...]:
    """The concepts of a column's name, in order, "?" for a word that is not known and "#" for digits.

    >>> concepts("Kundennummer")
    ('user', 'id')
    """
    return tuple(concept for concept in _read(words(name), COLUMN_WORDS) if concept)


def file_concepts(name: str) -> tuple[list[str], list[str]]:
    """What a file's name says, by the words of columns and by those of files."""
    stem = words(re.sub(r"\.[A-Za-z0-9]{1,8}(\.gz|\.zip)?$", "", name))
    return _read(stem, COLUMN_WORDS), _read(stem, FILE_WORDS)


def _read(tokens: list[str], dictionary: dict[str, str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(tokens):
        for length in range(min(4, len(tokens) - at), 0, -1):
            phrase = tokens[at : at + length]
            concept = dictionary.get(" ".join(phrase))
            if concept is None and length > 1 and not CJK.search(phrase[0]):
                concept = dictionary.get("".join(phrase))
            if concept is not None:
                found.append(concept)
                at += length
                break
        else:
            found += _split(tokens[at], dictionary)
            at += 1
    return found


def _split(token: str, dictionary: dict[str, str]) -> list[str]:
    """The concepts of one word that the dictionary lacks: a plural, or a compound such as "ordernumber"."""
    if token.isdigit():
        return [DIGITS]
    for ending in ("s", "es", "en", "n"):
        if token.endswith(ending) and len(token) > len(ending) + 2 and token[: -len(ending)] in dictionary:
            return [dictionary[token[: -len(ending)]]]
    if CJK.fullmatch(token):
        return _split_cjk(token, dictionary)
    return _compound(token, dictionary) or [UNKNOWN]


def _compound(token: str, dictionary: dict[str, str]) -> list[str] | None:
    """The fewest known parts, the longest first, that make up all of the word."""
    for end in range(len(token) - 1, 2, -1):
        if token[:end] not in dictionary:
            continue
        rest = token[end:]
        for link in ("", *LINKS):
            tail = rest.removeprefix(link) if rest.startswith(link) else None
            if tail is None or len(tail) < 2:
                continue
            if tail in dictionary:
                return [dictionary[token[:end]], dictionary[tail]]
            if inner := _compound(tail, dictionary):
                return [dictionary[token[:end]], *inner]
    return None


def _split_cjk(token: str, dictionary: dict[str, str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(token):
        end = next((end for end in range(len(token), at, -1) if token[at:end] in dictionary), None)
        found.append(dictionary[token[at:end]] if end else UNKNOWN)
        at = end or at + 1
    return [
        concept for place, concept in enumerate(found) if concept != UNKNOWN or found[place - 1 : place] != [UNKNOWN]
    ]


def name_affinity(name: str, field: str, role: str) -> float:
    """How surely a column's name means a field in a file of a role, 0 to 1."""
    read = set(concepts(name))
    best = 0.0
    for patterns in (PATTERNS.get(field, {}), ROLE_PATTERNS.get(role, {}).get(field, {})):
        for pattern, sureness in patterns.items():
            wanted = set(pattern.split())
            extras = read - wanted
            if wanted <= read and not (wanted <= GENERIC and extras - LEFT_OVER.keys()):
                for extra in extras:
                    sureness *= LEFT_OVER.get(extra, OTHER_LEFT_OVER)
                best = max(best, sureness)
    return best


def event_type_of(value: str) -> str | None:
    """The EventType that a value of an event_type column names, if any: "pv" is a view.

    >>> event_type_of("add_to_cart")
    'cart'
    """
    tokens = words(value)
    phrase, joined = " ".join(tokens), "".join(tokens)
    return EVENT_VALUES.get(phrase) or EVENT_VALUES.get(joined)
