{% call part('classification_weights') %}
    -- The weight of a record: that of the first of its codes that has one.
    SELECT f.classification, min_by(weight, CASE series_kind WHEN 'category'
            THEN instr(';' || own_codes || ';', ';' || f.scheme || ':' || f.code || ';')
            ELSE 100000 + instr(';' || "groups" || ';',
                ';' || f.scheme || ':' || f.code || ';') END) AS weight
    FROM folded AS f JOIN (
        VALUES
        {% for scheme, code, weight in weights %}
        {{ ', ' if not loop.first }}({{ scheme | literal }}, {{ code | literal }},
            CAST({{ weight }} AS DOUBLE))
        {% endfor %}
    ) AS t(scheme, like_code, weight) ON t.scheme = f.scheme AND like_code = folded
    JOIN classifications ON classifications.classification = f.classification
    GROUP BY f.classification
{% endcall %}
{% call part('harm_sums') %}
    SELECT series_key, h.partner_kind, area_key, s.first_month, s.months, sum(harm) AS harm,
        CAST(sum(unweighted) AS BIGINT) AS unweighted
    FROM (
        SELECT series_key, partner_kind, sent_area, month_number, sum(weight) AS harm,
            count(*) - count(weight) AS unweighted
        FROM record_series
        LEFT JOIN classification_weights
            ON classification_weights.classification = record_series.classification
        WHERE NOT is_total GROUP BY series_key, partner_kind, sent_area, month_number
    ) AS h
    JOIN counting_areas
        ON counting_areas.partner_kind = h.partner_kind AND counting_areas.sent_area = h.sent_area
    JOIN (SELECT DISTINCT first_month, months FROM month_spans) AS s
        ON month_number BETWEEN first_month AND first_month + months - 1
    CROSS JOIN month_range WHERE month_number >= from_month
    GROUP BY series_key, h.partner_kind, area_key, s.first_month, s.months
{% endcall %}
