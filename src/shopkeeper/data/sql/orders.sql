-- Order lines with what only the header of their order says: who, when, in which visit.
-- Reads staged_lines, staged_headers. Without a clock, the order's place in the person's history comes before the line's.
WITH orders AS (
    SELECT
        order_id,
        MIN(time) AS time,
        MIN(ordinal) AS ordinal,
        MIN(user_id) AS user_id,
        MIN(session_id) AS session_id,
        MIN(attributes) AS attributes
    FROM staged_headers
    WHERE order_id IS NOT NULL AND type IS DISTINCT FROM 'ignore'
    GROUP BY order_id
),

joined AS (
    SELECT
        lines.* EXCLUDE (time, ordinal, user_id, session_id, attributes),
        COALESCE(lines.time, orders.time) AS time,
        CASE
            WHEN orders.ordinal IS NULL THEN lines.ordinal
            ELSE orders.ordinal * 10000 + COALESCE(lines.ordinal, 0)
        END AS ordinal,
        COALESCE(lines.user_id, orders.user_id) AS user_id,
        COALESCE(lines.session_id, orders.session_id) AS session_id,
        '{' || NULLIF(
            CONCAT_WS(
                ',',
                SUBSTRING(lines.attributes, 2, LENGTH(lines.attributes) - 2),
                SUBSTRING(orders.attributes, 2, LENGTH(orders.attributes) - 2)
            ), ''
        ) || '}' AS attributes
    FROM staged_lines AS lines
    LEFT JOIN orders ON lines.order_id = orders.order_id
)

SELECT *, COALESCE(YEAR(time) * 12 + MONTH(time) - 1, 0) AS month
FROM joined
