-- Reviews: what people wrote of an item.
-- Reads identified_reviews.
SELECT event_id AS review_id, item_id, user_id, time, rating, title, text, attributes
FROM identified_reviews
WHERE COALESCE(text, title) IS NOT NULL AND type IS DISTINCT FROM 'ignore'
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY source) = 1
ORDER BY time, review_id
