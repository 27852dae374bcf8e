-- Images: one for each item, the first.
-- Reads staged_pictures.
SELECT item_id, picture AS image
FROM staged_pictures
WHERE item_id IS NOT NULL AND picture IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY item_id ORDER BY source, part, row) = 1
