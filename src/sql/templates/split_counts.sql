{% call part('split_counts') %}
    -- Records by series, area, span and the columns that split them.
    SELECT series_key, h.partner_kind, area_key, s.first_month, s.months{{ split_by }},
        CAST(sum(n) AS BIGINT) AS n
    FROM (
        SELECT series_key, partner_kind, sent_area, month_number{{ split_by }}, count(*) AS n
        FROM record_series WHERE NOT is_total AND {{ series_filter }}
        GROUP BY series_key, partner_kind, sent_area, month_number{{ split_by }}
    ) AS h
    JOIN counting_areas
        ON counting_areas.partner_kind = h.partner_kind AND counting_areas.sent_area = h.sent_area
    JOIN (SELECT DISTINCT first_month, months FROM month_spans) AS s
        ON month_number BETWEEN first_month AND first_month + months - 1
    CROSS JOIN month_range WHERE month_number >= from_month
    GROUP BY series_key, h.partner_kind, area_key, s.first_month, s.months{{ split_by }}
{% endcall %}
