-- The queries that enough people typed and that led somewhere: key, text, people, score, trending, items.
-- Reads searches (schema SEARCHES), events (schema EVENTS), and keys (query, key): the queries that may be suggested, and
-- what those have in common that differ in case, accents, width and blanks alone.
-- $people: how many must have typed it; $count_visits: whether a visit of nobody in particular is one of them;
-- $now: seconds; $half_life: seconds; $kept: items of a query.
--
-- Somebody who signed in during a visit is one person with all that was done in it, and in every other visit. On one day
-- a person counts once for a query, by the most that came of it. Visits in which nobody did may all be of one person: as
-- many as there are, they are one of the people who must have typed a query.

WITH visitors AS (
    SELECT session_id, min(user_id) AS person
    FROM events
    WHERE session_id IS NOT NULL AND user_id IS NOT NULL
    GROUP BY session_id
),

asked AS (
    SELECT
        keys.key,
        regexp_replace(trim(searches.query), '\s+', ' ', 'g') AS text,
        CASE  -- sources may number the visits of each person anew, so a visit names only who is nameless
            WHEN starts_with(actor, 'session:') THEN coalesce(visitors.person, actor) ELSE actor
        END AS person,
        searches.time,
        CASE
            WHEN len(bought) > 0 THEN 4.0 WHEN len(carted) > 0 THEN 3.0 WHEN len(clicked) > 0 THEN 1.0 ELSE 0.0
        END AS gain,
        list_distinct(list_concat(clicked, list_concat(carted, bought))) AS items
    FROM searches
    JOIN keys ON searches.query = keys.query
    LEFT JOIN visitors ON searches.session_id = visitors.session_id
    WHERE searches.actor IS NOT NULL
),

daily AS (
    SELECT
        key,
        CASE WHEN NOT $count_visits AND regexp_matches(person, '^(session|order):') THEN '' ELSE person END AS known_as,
        greatest(0.0, $now - max(epoch(time))) AS age,
        max(gain) AS gain
    FROM asked
    GROUP BY key, person, date_trunc('day', time)
),

wanted AS (
    SELECT
        key,
        count(DISTINCT known_as) AS people,
        sum(gain * pow(0.5, coalesce(age, 0.0) / $half_life)) AS score,
        sum(gain * pow(0.5, coalesce(age, 0.0) / ($half_life / 8.0))) AS trending
    FROM daily
    GROUP BY key
    HAVING count(DISTINCT known_as) >= $people AND sum(gain) > 0.0
),

spelt AS (
    SELECT key, text, row_number() OVER (PARTITION BY key ORDER BY count(DISTINCT person) DESC, text) AS place
    FROM asked
    GROUP BY key, text
),

led AS (
    SELECT asked.key, item_id, count(DISTINCT person) AS people
    FROM asked
    JOIN wanted ON asked.key = wanted.key, unnest(items) AS led(item_id)
    GROUP BY asked.key, item_id
),

best AS (
    SELECT *, row_number() OVER (PARTITION BY key ORDER BY people DESC, item_id) AS place
    FROM led
),

first_items AS (
    SELECT key, list(item_id ORDER BY place) AS items
    FROM best
    WHERE place <= $kept
    GROUP BY key
)

SELECT wanted.key, spelt.text, wanted.people, wanted.score, wanted.trending, first_items.items
FROM wanted
JOIN first_items ON wanted.key = first_items.key
JOIN spelt ON wanted.key = spelt.key AND spelt.place = 1
ORDER BY wanted.key
