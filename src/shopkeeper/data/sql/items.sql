-- Items: one row for each product: what the shop said since before the catalogue's own word, that before what other files
-- say of it, and its first row before what later ones add.
-- Reads described (what each file says of an item, and how often), sold (median price in events), pictures, no_products.
WITH preferred AS (
    SELECT
        described.*,
        ROW_NUMBER() OVER (
            PARTITION BY item_id
            ORDER BY CASE role WHEN 'changes' THEN 0 WHEN 'items' THEN 1 ELSE 2 END, source, row, seen DESC, title, attributes
        ) AS preference
    FROM described
    WHERE item_id IS NOT NULL AND item_id NOT IN (SELECT item_id FROM no_products)
),

merged AS (
    SELECT
        item_id,
        ARG_MIN(title, preference) FILTER (WHERE title IS NOT NULL) AS title,
        ARG_MIN(description, preference) FILTER (WHERE description IS NOT NULL) AS description,
        ARG_MIN(brand, preference) FILTER (WHERE brand IS NOT NULL) AS brand,
        ARG_MIN(categories, preference) FILTER (WHERE LEN(categories) > 0) AS categories,
        ARG_MIN(price, preference) FILTER (WHERE price IS NOT NULL) AS price,
        ARG_MIN(currency, preference) FILTER (WHERE currency IS NOT NULL) AS currency,
        ARG_MIN(stock, preference) FILTER (WHERE stock IS NOT NULL) AS stock,
        ARG_MIN(available, preference) FILTER (WHERE available IS NOT NULL) AS available,
        ARG_MIN(image, preference) FILTER (WHERE image IS NOT NULL) AS image,
        ARG_MIN(url, preference) FILTER (WHERE url IS NOT NULL) AS url,
        ARG_MIN(launched, preference) FILTER (WHERE launched IS NOT NULL) AS launched,
        ARG_MIN(group_id, preference) FILTER (WHERE group_id IS NOT NULL) AS group_id,
        LIST_REDUCE(
            LIST(attributes ORDER BY preference DESC) FILTER (WHERE attributes IS NOT NULL),
            lambda later, earlier: CAST(JSON_MERGE_PATCH(later, earlier) AS TEXT)
        ) AS attributes
    FROM preferred
    GROUP BY item_id
)

SELECT
    merged.item_id,
    merged.title,
    merged.description,
    merged.brand,
    merged.categories,
    CASE WHEN merged.price >= 0 THEN merged.price ELSE sold.price END AS price,
    merged.currency,
    merged.stock,
    merged.available,
    CASE WHEN pictures.item_id IS NOT NULL THEN 'table:images' ELSE merged.image END AS image,
    merged.url,
    merged.launched,
    merged.group_id,
    merged.attributes
FROM merged
LEFT JOIN sold ON merged.item_id = sold.item_id
LEFT JOIN pictures ON merged.item_id = pictures.item_id
ORDER BY merged.item_id
