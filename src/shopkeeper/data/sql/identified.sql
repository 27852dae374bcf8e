-- Each event with what tells it from others: the source's own identifier, else a digest of what it says.
SELECT
    * EXCLUDE (event_id),
    COALESCE(
        event_id,
        MD5(CONCAT_WS(
            '|',
            COALESCE(type, ''), COALESCE(CAST(EPOCH_US(time) AS TEXT), ''), COALESCE(CAST(ordinal AS TEXT), ''),
            COALESCE(user_id, ''), COALESCE(session_id, ''), COALESCE(order_id, ''), COALESCE(item_id, ''),
            COALESCE(query, ''), COALESCE(CAST(quantity AS TEXT), ''), COALESCE(CAST(price AS TEXT), ''),
            COALESCE(CAST(value AS TEXT), ''), COALESCE(CAST(rating AS TEXT), ''), COALESCE(slate_id, ''),
            COALESCE(CAST(position AS TEXT), ''), COALESCE(attributes, '')
        ))
    ) AS event_id
FROM {relation}
