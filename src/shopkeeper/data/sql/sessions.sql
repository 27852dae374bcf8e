-- Sessions as lists → events. Rows that say the same again must not double events:
--   a row goes on where the one before it ended (its list is the end of what that row holds): only its last item is new;
--   a row is the beginning of the one before it (its whole is that row's list): nothing is new.
-- Reads staged_sessions and ranked_sources (which source comes first in time).
WITH rows_in_order AS (
    SELECT
        sessions.*,
        COALESCE(user_id, session_id) AS owner,
        CASE WHEN target IS NULL THEN items ELSE LIST_CONCAT(COALESCE(items, []), [target]) END AS whole,
        ROW_NUMBER() OVER (ORDER BY ranked_sources.place, sessions.time, sessions.row) AS number
    FROM staged_sessions AS sessions
    INNER JOIN ranked_sources ON sessions.source = ranked_sources.source
),

beside AS (
    SELECT
        *,
        LEN(whole) AS length,
        LIST_SLICE(whole, 1, LEN(whole) - 1) AS past,
        LAG(whole) OVER (PARTITION BY owner ORDER BY number) AS before
    FROM rows_in_order
    WHERE LEN(whole) > 0
),

compared AS (
    SELECT
        *,
        CASE
            WHEN before IS NULL THEN 'first'
            WHEN whole = LIST_SLICE(before, 1, length) AND length < LEN(before) THEN 'beginning'
            WHEN length > 1 AND past = before THEN 'continuation'
            WHEN length > 1 AND owner IS NOT NULL AND past = LIST_SLICE(before, LEN(before) - length + 2, LEN(before)) THEN 'continuation'
            ELSE 'first'
        END AS relation
    FROM beside
),

chained AS (
    SELECT
        *,
        MAX(CASE WHEN relation = 'first' THEN number END)
            OVER (PARTITION BY owner ORDER BY number ROWS UNBOUNDED PRECEDING) AS head
    FROM compared
    WHERE relation <> 'beginning'
),

listed AS (
    SELECT
        source, type, time, user_id, session_id, attributes, owner, number, head, length,
        CASE WHEN relation = 'first' THEN whole ELSE [whole[length]] END AS news
    FROM chained
),

unnested AS (
    SELECT
        * EXCLUDE (news),
        UNNEST(news) AS item_id,
        UNNEST(RANGE(1, LEN(news) + 1)) AS place
    FROM listed
)

SELECT
    MD5(CONCAT_WS('|', COALESCE(user_id, ''), COALESCE(session_id, CONCAT(source, '#', head)), type,
        COALESCE(CAST(EPOCH_US(time) AS TEXT), ''), item_id, CAST(number AS TEXT), CAST(place AS TEXT))) AS event_id,
    type,
    time,
    ROW_NUMBER() OVER (PARTITION BY COALESCE(owner, CONCAT(source, '#', head)) ORDER BY number, place) AS ordinal,
    user_id,
    COALESCE(session_id, CASE WHEN user_id IS NULL THEN CONCAT(source, '#', head) END) AS session_id,
    item_id,
    attributes,
    source,
    COALESCE(YEAR(time) * 12 + MONTH(time) - 1, 0) AS month
FROM unnested
