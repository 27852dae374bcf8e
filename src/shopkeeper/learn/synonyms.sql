-- Pairs of queries that seem to mean the same, with the evidence. Reads searches (schema SEARCHES, and `number`, their
-- order). $people: by how many different people each piece of evidence must be given.

WITH asked AS (
    SELECT
        number, actor, session_id, lower(trim(query)) AS query,
        list_distinct(list_concat(list_concat(clicked, carted), bought)) AS items
    FROM searches
),

chosen AS (
    SELECT query, item, count(DISTINCT actor) AS people
    FROM (SELECT actor, query, unnest(items) AS item FROM asked) AS each_item
    GROUP BY query, item
),

known AS (
    SELECT query, sqrt(sum(people * people)) AS length
    FROM chosen
    WHERE query IN (SELECT query FROM asked WHERE len(items) > 0 GROUP BY query HAVING count(DISTINCT actor) >= $people)
    GROUP BY query
),

alike AS (
    SELECT
        one.query AS query, other.query AS other,
        sum(one.people * other.people) / any_value(known_one.length * known_other.length) AS likeness,
        count(*) AS items
    FROM chosen AS one
    JOIN chosen AS other ON one.item = other.item AND one.query < other.query
    JOIN known AS known_one ON known_one.query = one.query
    JOIN known AS known_other ON known_other.query = other.query
    GROUP BY one.query, other.query
),

-- What was asked next in the visit, and found something, where the first question did not.
followed AS (
    SELECT
        actor, query, items, lead(query) OVER visit AS other, lead(items) OVER visit AS others_items
    FROM asked
    WHERE session_id IS NOT NULL
    WINDOW visit AS (PARTITION BY session_id ORDER BY number)
),

again AS (
    SELECT least(query, other) AS query, greatest(query, other) AS other, count(DISTINCT actor) AS people
    FROM followed
    WHERE len(items) = 0 AND len(others_items) > 0 AND query <> other
    GROUP BY ALL
    HAVING count(DISTINCT actor) >= $people
)

SELECT
    coalesce(alike.query, again.query) AS query,
    coalesce(alike.other, again.other) AS other,
    coalesce(alike.likeness, 0.0) AS likeness,
    coalesce(alike.items, 0) AS items,
    coalesce(again.people, 0) AS people
FROM alike
FULL JOIN again ON alike.query = again.query AND alike.other = again.other
ORDER BY ALL
