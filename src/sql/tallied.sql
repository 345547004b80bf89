,
tallied AS (
    SELECT line, h.whose, place, s.m0, s.months{key}, CAST(sum(n) AS BIGINT) AS n
    FROM (
        SELECT line, whose, sent, m{key}, count(*) AS n FROM lined WHERE NOT is_total AND {lines}
        GROUP BY line, whose, sent, m{key}
    ) AS h
    JOIN targets ON targets.whose = h.whose AND targets.sent = h.sent
    JOIN (SELECT DISTINCT m0, months FROM spans) AS s ON m BETWEEN m0 AND m0 + months - 1
    CROSS JOIN span WHERE m >= from_m
    GROUP BY line, h.whose, place, s.m0, s.months{key}
)
