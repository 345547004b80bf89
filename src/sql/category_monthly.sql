,
editions AS (
    SELECT whose, line, array_join(array_sort(collect_set(edition)), ';') AS edition
    FROM records
    JOIN (SELECT what, edition, '*|' || series_kind || '|' || code || '|' || scheme AS line FROM coded) AS c ON c.what = records.what
    WHERE edition IS NOT NULL
    GROUP BY whose, line
),
labels AS (
    SELECT DISTINCT '*|' || series_kind || '|' || code || '|' || f.scheme AS line, label
    FROM folded AS f JOIN (VALUES {labels}) AS t(scheme, like_code, label) ON t.scheme = f.scheme AND like_code = folded
)
SELECT {keys}, {block}, labels.label, editions.edition
FROM cells AS c {joins}
LEFT JOIN labels ON labels.line = c.line
LEFT JOIN editions ON editions.whose = c.whose AND editions.line = c.line
WHERE NOT {sparse} OR exact IS NULL OR exact <> 0
