-- The reviews that say something, equal ones numbered.
-- Reads identified_reviews.
SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY event_id, title, text ORDER BY source, part, row, attributes) AS occurrence
FROM identified_reviews
WHERE COALESCE(text, title) IS NOT NULL AND type IS DISTINCT FROM 'ignore'
