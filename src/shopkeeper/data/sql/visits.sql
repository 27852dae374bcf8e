-- Visits: where the source has no sessions, a silence longer than {gap} minutes ends a visit.
-- Reads kept; the last day of the month before comes with it (early), so that a visit over midnight stays whole.
WITH silences AS (
    SELECT
        *,
        LAG(time) OVER (PARTITION BY actor, visit IS NULL ORDER BY time) AS before
    FROM kept
),

begun AS (
    SELECT
        *,
        MAX(CASE WHEN before IS NULL OR time > before + INTERVAL {gap} MINUTE THEN time END) OVER (
            PARTITION BY actor, visit IS NULL ORDER BY time ROWS UNBOUNDED PRECEDING
        ) AS beginning
    FROM silences
)

SELECT
    * EXCLUDE (visit),
    CASE
        WHEN visit IS NOT NULL THEN visit
        WHEN time IS NOT NULL AND actor IS NOT NULL
            THEN CONCAT(actor, '@', CAST(CAST(EPOCH(beginning) AS BIGINT) AS TEXT))
    END AS visit
FROM begun
