{% set window_filter %}family <> 'month'{% endset %}
{% set series_filter %}split_part(series_key, '|', 2) IN ('priority', 'theme'){% endset %}
{% set area_filter = shared.split_areas %}
{% include 'cells.sql' %}
{% call part('part_counts') %}
    -- Records by series, area, span and each of their codes.
    SELECT series_key, h.partner_kind, area_key, s.first_month, s.months, part_kind, part,
        part_scheme, CAST(sum(n) AS BIGINT) AS n
    FROM (
        SELECT series_key, partner_kind, sent_area, month_number, part_kind, part, part_scheme,
            count(*) AS n
        FROM record_series AS r
        JOIN (SELECT DISTINCT classification, series_kind AS part_kind, code AS part,
            scheme AS part_scheme FROM coded) AS p
            ON p.classification = r.classification
        WHERE NOT is_total AND {{ series_filter }}
        GROUP BY series_key, partner_kind, sent_area, month_number, part_kind, part, part_scheme
    ) AS h
    JOIN counting_areas
        ON counting_areas.partner_kind = h.partner_kind AND counting_areas.sent_area = h.sent_area
    JOIN (SELECT DISTINCT first_month, months FROM month_spans) AS s
        ON month_number BETWEEN first_month AND first_month + months - 1
    CROSS JOIN month_range WHERE month_number >= from_month
    GROUP BY series_key, h.partner_kind, area_key, s.first_month, s.months, part_kind, part,
        part_scheme
{% endcall %}
{% call part('part_cells') %}
    SELECT c.window_plan, c.series_key, c.partner_kind, c.area_key, c.first_month, c.months,
        supply, reason, c.exact AS whole, part_kind, part, part_scheme, n AS lo,
        CASE WHEN supply = 0 THEN n END AS exact, CASE WHEN supply = 0 THEN n END AS most
    FROM cells AS c
    JOIN part_counts AS p
        ON p.series_key = c.series_key AND p.partner_kind = c.partner_kind
        AND p.area_key = c.area_key AND p.first_month = c.first_month AND p.months = c.months
{% endcall %}
SELECT {{ shared.keys }}, part_kind, part, part_labels.series_label AS part_label, part_scheme,
    {{ shared.count }}, 1e2 * exact / nullif(whole, 0) AS share_pct
FROM part_cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
LEFT JOIN series_labels AS part_labels
    ON part_labels.series_key = '*|' || part_kind || '|' || part || '|' || part_scheme
