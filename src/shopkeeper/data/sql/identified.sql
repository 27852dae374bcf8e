-- Each event with what tells it from others: the source's own identifier (given), else a digest of all that it says.
SELECT
    * EXCLUDE (event_id),
    event_id IS NOT NULL AS given,
    COALESCE(event_id, MD5(CONCAT({content}, '|', attributes))) AS event_id
FROM {relation}
