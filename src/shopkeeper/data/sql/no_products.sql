-- Lines that are no product: postage, fees, discounts, corrections.
-- Reads described, staged_events. The code is unlike the shop's other codes, and the title says nothing else; or one word
-- of it says so, the code is without a digit, and its price varies as no product's does or hardly anybody is named.
WITH codes AS (
    SELECT
        item_id,
        ARG_MAX(title, seen) FILTER (WHERE title IS NOT NULL) AS title,
        REGEXP_REPLACE(REGEXP_REPLACE(item_id, '[0-9]+', '9', 'g'), '[A-Za-z]+', 'A', 'g') AS shape,
        MAX(CASE WHEN role = 'order_lines' THEN 1 ELSE 0 END) AS sold,
        MAX(CASE WHEN role IN ('items', 'changes') THEN 1 ELSE 0 END) AS offered
    FROM described
    GROUP BY item_id
),

shapes AS (
    SELECT shape, COUNT(*) / SUM(COUNT(*)) OVER () AS share
    FROM codes
    GROUP BY shape
),

suspects AS (
    SELECT
        codes.item_id,
        COALESCE(codes.title, codes.item_id) AS title,
        LOWER(TRIM(REGEXP_REPLACE(COALESCE(codes.title, codes.item_id), '<[^>]*>', ' ', 'g'))) AS name,
        LOWER(codes.item_id) AS code
    FROM codes
    INNER JOIN shapes ON codes.shape = shapes.shape
    WHERE codes.sold = 1 AND codes.offered = 0 AND shapes.share < 0.1
),

worded AS (
    SELECT
        *,
        REGEXP_MATCHES(name, '{titles}') OR (REGEXP_MATCHES(code, '{titles}') AND REGEXP_MATCHES(code, '{words}')) AS whole
    FROM suspects
    WHERE REGEXP_MATCHES(name, '{words}') OR REGEXP_MATCHES(code, '{words}')
),

signs AS (
    SELECT
        events.item_id,
        COUNT(events.user_id) / COUNT(*) AS named,
        APPROX_QUANTILE(ABS(events.price), [0.1, 0.9]) AS prices
    FROM staged_events AS events
    INNER JOIN worded ON events.item_id = worded.item_id
    GROUP BY events.item_id
)

SELECT worded.item_id, worded.title
FROM worded
LEFT JOIN signs ON worded.item_id = signs.item_id
WHERE
    worded.whole
    OR (
        NOT REGEXP_MATCHES(worded.code, '[0-9]')
        AND (
            signs.prices[2] >= 5 * GREATEST(signs.prices[1], 0.01)
            OR signs.named < 0.5 * (SELECT COUNT(user_id) / COUNT(*) FROM staged_events)
        )
    )
