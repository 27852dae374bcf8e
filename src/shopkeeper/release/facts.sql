-- What the items say, one row for each thing said: facts(row, field, ordinal, text, number).
-- `row` is the item's; `text` is said as a label, `number` as a number, and either may be null.
-- Reads items(row, brand, categories, stock, available, attributes) and known(is_tree): null where these items are all
-- that there are, so that they show it. Items that are laid over others decide nothing that hangs on how many came at once.

CREATE TEMP TABLE levels AS
SELECT row, trim(categories[level]) AS label, level, array_to_string(categories[:level], ' > ') AS path
FROM (SELECT row, categories, unnest(range(1, len(categories) + 1)) AS level FROM items)
WHERE trim(categories[level]) <> '';

-- Categories are a tree where a label nearly always stands at one depth; else they are a set of labels, without paths.
CREATE TEMP TABLE tree AS
SELECT coalesce((SELECT is_tree FROM known), sum(usual) >= 0.9 * sum(uses) AND max(depth) > 1, false) AS is_tree
FROM (
    SELECT label, max(uses) AS usual, sum(uses) AS uses, max(level) AS depth
    FROM (SELECT label, level, count(*) AS uses FROM levels GROUP BY label, level)
    GROUP BY label
);

CREATE TEMP TABLE said AS
SELECT row, field, value, type
FROM (
    SELECT items.row, pair.key AS field, pair.value, pair.type
    FROM (SELECT row, attributes FROM items WHERE json_valid(attributes) AND json_type(attributes) = 'OBJECT') AS items,
        json_each(items.attributes) AS pair
);

CREATE TEMP TABLE attributes AS
SELECT row, field, 0 AS ordinal, value ->> '$' AS text, type, try_cast(value ->> '$' AS DOUBLE) AS number
FROM said
WHERE type NOT IN ('ARRAY', 'OBJECT', 'NULL')
UNION ALL
SELECT row, field, ordinal, value[ordinal] ->> '$' AS text, 'VARCHAR' AS type, NULL AS number
FROM (
    SELECT row, field, value, unnest(range(1, len(value) + 1)) AS ordinal
    FROM (SELECT row, field, from_json(value, '["JSON"]') AS value FROM said WHERE type = 'ARRAY')
);

-- A location ("48.85, 2.35", or an object with lat and lng) is two numbers.
INSERT INTO attributes
SELECT row, field || '.' || part, 0, NULL, 'LOCATION', degrees
FROM (
    SELECT row, field, unnest(['latitude', 'longitude']) AS part, unnest([latitude, longitude]) AS degrees
    FROM (
        SELECT
            row,
            field,
            try_cast(CASE WHEN type = 'OBJECT' THEN value ->> '$.lat' ELSE pair[1] END AS DOUBLE) AS latitude,
            try_cast(CASE WHEN type = 'OBJECT' THEN coalesce(value ->> '$.lng', value ->> '$.lon') ELSE pair[2] END
                AS DOUBLE) AS longitude
        FROM (
            SELECT row, field, value, type, regexp_extract_all(value ->> '$', '-?[0-9]+(?:\.[0-9]+)?') AS pair
            FROM said
            WHERE type = 'OBJECT' OR type = 'VARCHAR'
                AND regexp_full_match(value ->> '$', '\s*-?[0-9]{1,2}\.[0-9]+\s*,\s*-?[0-9]{1,3}\.[0-9]+\s*')
        )
    )
    WHERE abs(latitude) <= 90 AND abs(longitude) <= 180
);

-- A number is a label too where its field knows only a few (sizes, counts of ports).
CREATE TEMP TABLE few AS
SELECT field FROM attributes WHERE number IS NOT NULL GROUP BY field
HAVING count(DISTINCT number) <= 50 OR (SELECT is_tree FROM known) IS NOT NULL;

CREATE TEMP TABLE facts AS
SELECT row, 'brand' AS field, 0 AS ordinal, brand AS text, NULL::DOUBLE AS number FROM items WHERE trim(brand) <> ''
UNION ALL
SELECT row, 'category', level, label, NULL FROM levels
UNION ALL
SELECT row, 'category_path', level, path, NULL FROM levels WHERE (SELECT is_tree FROM tree)
UNION ALL
SELECT row, 'available', 0, available::VARCHAR, NULL FROM items
UNION ALL
SELECT row, 'stock', 0, NULL, stock FROM items WHERE stock IS NOT NULL
UNION ALL
SELECT
    row,
    -- The shop's own attribute never hides a field of the vocabulary.
    CASE WHEN fold(field) IN ('id', 'brand', 'category', 'category_path', 'price', 'stock', 'launched', 'available')
        THEN 'attributes.' || field ELSE field END,
    ordinal,
    CASE
        WHEN type IN ('VARCHAR', 'BOOLEAN') THEN text
        WHEN type = 'LOCATION' OR field NOT IN (SELECT field FROM few) THEN NULL
        WHEN number = floor(number) AND abs(number) < 1e15 THEN cast(cast(number AS BIGINT) AS VARCHAR)
        ELSE text
    END,
    CASE WHEN isfinite(number) THEN number END
FROM attributes
WHERE trim(field) <> '';
