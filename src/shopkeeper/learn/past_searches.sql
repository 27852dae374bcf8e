-- Each actor's searches that led somewhere, and the words that the person has had forgotten, oldest first.
-- Reads searches (schema SEARCHES) and events (schema EVENTS). $forgotten: the path of the attribute that names the words.

SELECT actor, query, false AS forgotten, time
FROM searches
WHERE actor IS NOT NULL AND len(clicked) + len(carted) + len(bought) > 0

UNION ALL

SELECT person AS actor, json_extract_string(attributes, $forgotten) AS query, true AS forgotten, time
FROM events, unnest([user_id, 'session:' || session_id]) AS people(person)
WHERE type = 'search' AND json_extract_string(attributes, $forgotten) IS NOT NULL AND person IS NOT NULL

ORDER BY actor, time, forgotten
