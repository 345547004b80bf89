{% call part('tallied') %}
    SELECT line, h.whose, place, s.m0, s.months{{ split_by }}, CAST(sum(n) AS BIGINT) AS n
    FROM (
        SELECT line, whose, sent, m{{ split_by }}, count(*) AS n FROM lined WHERE NOT is_total AND {{ series_filter }}
        GROUP BY line, whose, sent, m{{ split_by }}
    ) AS h
    JOIN targets ON targets.whose = h.whose AND targets.sent = h.sent
    JOIN (SELECT DISTINCT m0, months FROM spans) AS s ON m BETWEEN m0 AND m0 + months - 1
    CROSS JOIN span WHERE m >= from_m
    GROUP BY line, h.whose, place, s.m0, s.months{{ split_by }}
{% endcall %}
