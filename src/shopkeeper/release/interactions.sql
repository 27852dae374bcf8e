-- The events that name a known item, one row each, in the order of (actor, time, ordinal).
-- Reads events (schema EVENTS) and known(item_id, item); keeps the types in wanted(type, code).

CREATE TEMP TABLE happened AS
SELECT
    coalesce(actor, user_id, 'event:' || event_id) AS actor,
    known.item,
    wanted.code,
    epoch_us(time) / 1e6 AS seconds,
    coalesce(ordinal, 0) AS ordinal,
    session_id,
    quantity,
    event_id
FROM events
JOIN known USING (item_id)
JOIN wanted USING (type);

-- A shop has a clock where most events have a time; then the few without one cannot be placed, and are left out.
CREATE TEMP TABLE clock AS
SELECT coalesce(2 * count(seconds) > count(*), false) AS runs FROM happened;

CREATE TEMP TABLE placed AS
SELECT * REPLACE (CASE WHEN runs THEN seconds END AS seconds)
FROM happened, clock
WHERE seconds IS NOT NULL OR NOT runs;

CREATE TEMP TABLE actors AS
SELECT actor, row_number() OVER (ORDER BY actor) - 1 AS user_row FROM placed GROUP BY actor;

CREATE TEMP TABLE sessions AS
SELECT actor, session_id, row_number() OVER (ORDER BY actor, min(seconds), min(ordinal), session_id) - 1 AS session
FROM placed
WHERE session_id IS NOT NULL
GROUP BY actor, session_id;
