-- Lines that are no product: postage, fees, discounts, corrections.
-- Reads described. Two evidences together: the code is unlike the shop's other codes, and the words say so.
WITH codes AS (
    SELECT
        item_id,
        ARG_MAX(title, seen) FILTER (WHERE title IS NOT NULL) AS title,
        REGEXP_REPLACE(REGEXP_REPLACE(item_id, '[0-9]+', '9', 'g'), '[A-Za-z]+', 'A', 'g') AS shape,
        MAX(CASE WHEN role = 'order_lines' THEN 1 ELSE 0 END) AS sold,
        MAX(CASE WHEN role = 'items' THEN 1 ELSE 0 END) AS offered
    FROM described
    GROUP BY item_id
),

shapes AS (
    SELECT shape, COUNT(*) / SUM(COUNT(*)) OVER () AS share
    FROM codes
    GROUP BY shape
)

SELECT codes.item_id, COALESCE(codes.title, codes.item_id) AS title
FROM codes
INNER JOIN shapes ON codes.shape = shapes.shape
WHERE
    codes.sold = 1 AND codes.offered = 0 AND shapes.share < 0.1
    AND (
        REGEXP_MATCHES(LOWER(COALESCE(codes.title, '')), '{words}')
        OR REGEXP_MATCHES(LOWER(codes.item_id), '{words}')
    )
