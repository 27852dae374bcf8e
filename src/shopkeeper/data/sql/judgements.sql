-- Judgements: how well an item answers a query; where several judged the same, their mean.
-- Reads staged_judgements.
SELECT query, item_id, AVG(grade) AS grade
FROM staged_judgements
WHERE query IS NOT NULL AND item_id IS NOT NULL AND grade IS NOT NULL
GROUP BY query, item_id
ORDER BY query, item_id
