-- Each event with what tells it from others: the source's own identifier, else a digest of what it says.
SELECT
    * EXCLUDE (event_id),
    COALESCE(
        event_id,
        MD5(CONCAT(
            type, '|', CAST(EPOCH_US(time) AS TEXT), '|', CAST(ordinal AS TEXT), '|', user_id, '|', session_id, '|',
            order_id, '|', item_id, '|', query, '|', CAST(quantity AS TEXT), '|', CAST(price AS TEXT), '|',
            CAST(value AS TEXT), '|', CAST(rating AS TEXT), '|', slate_id, '|', CAST(position AS TEXT), '|', attributes
        ))
    ) AS event_id
FROM {relation}
