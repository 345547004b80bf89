{% call part('weighed') %}
    -- The weight of a record is that of the first of its codes that has one.
    SELECT f.what, min_by(weight, CASE series_kind WHEN 'category'
            THEN instr(';' || own_codes || ';', ';' || f.scheme || ':' || f.code || ';')
            ELSE 100000 + instr(';' || "groups" || ';', ';' || f.scheme || ':' || f.code || ';') END) AS weight
    FROM folded AS f JOIN (
        VALUES
        {% for scheme, code, weight in weights %}
        {{ ', ' if not loop.first }}({{ scheme | literal }}, {{ code | literal }}, CAST({{ weight }} AS DOUBLE))
        {% endfor %}
    ) AS t(scheme, like_code, weight) ON t.scheme = f.scheme AND like_code = folded
    JOIN whats ON whats.what = f.what
    GROUP BY f.what
{% endcall %}
{% call part('harmed') %}
    SELECT line, h.whose, place, s.m0, s.months, sum(harm) AS harm, CAST(sum(unweighted) AS BIGINT) AS unweighted
    FROM (
        SELECT line, whose, sent, m, sum(weight) AS harm, count(*) - count(weight) AS unweighted
        FROM lined LEFT JOIN weighed ON weighed.what = lined.what
        WHERE NOT is_total GROUP BY line, whose, sent, m
    ) AS h
    JOIN targets ON targets.whose = h.whose AND targets.sent = h.sent
    JOIN (SELECT DISTINCT m0, months FROM spans) AS s ON m BETWEEN m0 AND m0 + months - 1
    CROSS JOIN span WHERE m >= from_m
    GROUP BY line, h.whose, place, s.m0, s.months
{% endcall %}
