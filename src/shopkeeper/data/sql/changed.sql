-- Items as the shop changed them while it was open: what one more source says of them, before all others.
-- Reads changed_items (the whole of what is said of each), changed_figures, described (what each file says of an item).
-- Figures of items that nobody knows make no item. Of variants, only files tell.
WITH grouped AS (
    SELECT item_id, MIN(group_id) AS group_id
    FROM described
    GROUP BY item_id
)

SELECT
    changed.* EXCLUDE (group_id),
    grouped.group_id,
    'changes' AS role,
    1 AS seen
FROM changed_items AS changed
LEFT JOIN grouped ON changed.item_id = grouped.item_id
UNION ALL BY NAME
SELECT
    figures.*,
    'changes' AS role,
    1 AS seen
FROM changed_figures AS figures
INNER JOIN grouped ON figures.item_id = grouped.item_id
