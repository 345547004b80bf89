-- Which codes of the rules a record has.
tests AS (
    SELECT what{tests}
    FROM folded GROUP BY what
),
-- Under which priorities and themes a record falls: any rule matches, each with all its keys.
aged AS (
    SELECT records.*{test_names},{ages}
        "hour" * 60 + CAST(floor({epoch_us} / 6e7) % 60 AS INT) AS minute_of_day
    FROM records LEFT JOIN tests ON tests.what = records.what
),
judged AS (
    SELECT *{judged}
    FROM aged
),
-- The series it counts in, each `plan|kind|id|scheme`; `*` = of every plan.
lined AS (
    SELECT * FROM (
        SELECT id, source, whose, is_total, what, sent, m{key}, explode(array('*|total|total|'{lines})) AS line
        FROM judged
        UNION ALL
        SELECT id, source, whose, is_total, records.what, sent, m{key},
            '*|' || c.series_kind || '|' || c.code || '|' || c.scheme AS line
        FROM judged AS records
        JOIN (SELECT DISTINCT what, series_kind, code, scheme FROM coded) AS c ON c.what = records.what
    ) AS l WHERE line IS NOT NULL
),
