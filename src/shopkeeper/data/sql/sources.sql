-- What is usual in each source: its span of time, its quantities and prices.
-- Reads staged_events. The bounds of time are robust: five times the span that holds 90 % of the events, to either side;
-- the shop's own log (whose sources begin with {live}) has none, as what is late there is no mistake.
WITH usual AS (
    SELECT
        source,
        COUNT(*) AS events,
        COUNT(session_id) AS in_sessions,
        COUNT(order_id) AS in_orders,
        COUNT(time) AS timed,
        COUNT(CASE WHEN time <> DATE_TRUNC('day', time) THEN 1 END) AS with_hours,
        APPROX_QUANTILE(EPOCH(time), [0.05, 0.95]) AS span,
        APPROX_QUANTILE(ABS(quantity), 0.95) AS quantity,
        APPROX_QUANTILE(ABS(price), 0.95) AS price
    FROM staged_events
    WHERE type IS DISTINCT FROM 'ignore'
    GROUP BY source
)

SELECT
    source,
    timed / events AS timed_share,
    in_sessions = 0 AND in_orders = events AS is_orders,
    timed > 0 AS has_clock,
    with_hours > 0 AS has_hours,
    CASE WHEN NOT STARTS_WITH(source, '{live}') THEN span[1] - 5 * GREATEST(span[2] - span[1], 86400) END AS earliest,
    CASE WHEN NOT STARTS_WITH(source, '{live}') THEN span[2] + 5 * GREATEST(span[2] - span[1], 86400) END AS latest,
    50 * GREATEST(quantity, 1) AS unusual_quantity,
    10000 * GREATEST(quantity, 10) AS absurd_quantity,
    50 * GREATEST(price, 1) AS unusual_price,
    10000 * GREATEST(price, 10) AS absurd_price
FROM usual
