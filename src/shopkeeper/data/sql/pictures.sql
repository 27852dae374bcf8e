-- Images: one for each item.
-- Reads staged_pictures.
SELECT item_id, ANY_VALUE(picture) AS image
FROM staged_pictures
WHERE item_id IS NOT NULL AND picture IS NOT NULL
GROUP BY item_id
