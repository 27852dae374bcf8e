-- What people did with items, in the words of UBI's event schema (1.3), oldest first. Reads events (schema EVENTS) and
-- origin (application): what the lines name as their origin.
SELECT
    origin.application,
    CASE type
        WHEN 'view' THEN 'click'
        WHEN 'cart' THEN 'add_to_cart'
        WHEN 'uncart' THEN 'remove_from_cart'
        WHEN 'favourite' THEN 'add_to_wishlist'
        ELSE type
    END AS action_name,
    slate_id AS query_id,
    session_id,
    actor AS client_id,
    user_id,
    strftime(time, '%Y-%m-%dT%H:%M:%S.%gZ') AS timestamp,
    query AS user_query,
    {
        'object': {'object_id': item_id, 'object_id_field': 'item_id'},
        'position': {'ordinal': position},
        'order_id': order_id,
        'quantity': quantity,
        'price': price
    } AS event_attributes
FROM events CROSS JOIN origin
WHERE item_id IS NOT NULL
ORDER BY time, ordinal, event_id
