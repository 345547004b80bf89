{% set series_filter -%}
split_part(series_key, '|', 2) IN ('total', 'mapped', 'unmapped', 'category')
{%- endset %}
{% set controls_sent -%}
({{ shared.values(controls, shared.empty_control) }}) AS t(partner, kind, area, window_id,
    first_month, months, amount)
{%- endset %}
{% set more_spans %}
UNION SELECT window_plan, t.first_month, t.months FROM counted_windows
    CROSS JOIN {{ controls_sent }}
{% endset %}
{# A level, and its vintage where the level has several. #}
{% set tier -%}
CASE WHEN split_part(c.area_key, '|', 3) = '' OR split_part(c.area_key, '|', 2) = 'lsoa'
        THEN split_part(c.area_key, '|', 2)
        ELSE split_part(c.area_key, '|', 2) || ' ' || split_part(c.area_key, '|', 3) END
{%- endset %}
{% include 'cells.sql' %}
{% call part('record_totals') %}
    SELECT c.window_plan, c.partner_kind, w.window_id, exact FROM cells AS c {{ shared.joins }}
    WHERE c.series_key = '*|total|total|' AND c.area_key = 'all-received|all-received||' AND w.family = 'month'
{% endcall %}
{% call part('tier_sums') %}
    SELECT c.window_plan, c.partner_kind, w.window_id, {{ tier }} AS tier, sum(lo) AS lo
    FROM cells AS c {{ shared.joins }}
    WHERE c.series_key = '*|total|total|' AND w.family = 'month'
    GROUP BY c.window_plan, c.partner_kind, w.window_id, tier
{% endcall %}
{% call part('mapped_sums') %}
    SELECT c.window_plan, c.partner_kind, w.window_id, sum(exact) AS parts, count(exact) AS exacts
    FROM cells AS c {{ shared.joins }}
    WHERE split_part(series_key, '|', 2) IN ('mapped', 'unmapped') AND c.area_key = 'all-received|all-received||'
        AND w.family = 'month'
    GROUP BY c.window_plan, c.partner_kind, w.window_id
{% endcall %}
{% call part('record_months') %}
    SELECT partner_kinds.partner_kind, w.window_plan, w.window_id FROM partner_kinds
    CROSS JOIN counted_windows AS w WHERE NOT is_totals AND w.family = 'month'
{% endcall %}
{% call part('comparisons') %}
    -- By level and vintage; sets overlap, so their level has no sum.
    SELECT 'areas' AS check_id, 'areas + pseudo-areas of a level = total' AS "text", r.partner_kind,
        p.tier AS area_code,
        r.window_id, CASE WHEN t.exact IS NOT NULL THEN lo END AS counted, t.exact AS expected
    FROM record_months AS r
    JOIN (
        SELECT DISTINCT c.partner_kind, {{ tier }} AS tier FROM covered_areas AS c
        WHERE split_part(c.area_key, '|', 2) NOT IN ('all-received', 'set') AND coverage < 3
    ) AS p ON p.partner_kind = r.partner_kind
    LEFT JOIN tier_sums AS s
        ON s.window_plan = r.window_plan AND s.partner_kind = r.partner_kind
        AND s.window_id = r.window_id AND s.tier = p.tier
    LEFT JOIN record_totals AS t
        ON t.window_plan = r.window_plan AND t.partner_kind = r.partner_kind
        AND t.window_id = r.window_id
    UNION ALL
    SELECT 'mapped-unmapped', 'mapped + unmapped = total', r.partner_kind, 'all-received', r.window_id, CASE
        WHEN exacts = 2 THEN parts END, t.exact
    FROM record_months AS r
    LEFT JOIN mapped_sums AS u
        ON u.window_plan = r.window_plan AND u.partner_kind = r.partner_kind
        AND u.window_id = r.window_id
    LEFT JOIN record_totals AS t
        ON t.window_plan = r.window_plan AND t.partner_kind = r.partner_kind
        AND t.window_id = r.window_id
    WHERE r.window_plan <> ''
    UNION ALL
    SELECT 'categories', 'codes of a list whose codes exclude one another = total', partner_kind,
        scheme || ' ' || split_part(area_key, '|', 1),
        window_id, CASE WHEN part_exacts = parts AND parts > 0 THEN part_sum END, CASE
            WHEN sum_exacts = sums THEN sum_sum END
    FROM (
        SELECT c.partner_kind, c.area_key, w.window_id, scheme,
            count(CASE WHEN is_sum THEN 1 END) AS sums,
            count(CASE WHEN is_sum THEN exact END) AS sum_exacts,
                sum(CASE WHEN is_sum THEN exact END) AS sum_sum,
            count(CASE WHEN is_part THEN 1 END) AS parts,
                count(CASE WHEN is_part THEN exact END) AS part_exacts,
            sum(CASE WHEN is_part THEN exact END) AS part_sum
        FROM (
            SELECT *, {{ shared.is_sum }} AS is_sum, NOT ({{ shared.is_sum }})
                AND NOT (lower(code) LIKE 'total-%'
                OR lower(code) LIKE 'households-with-%') AS is_part
            FROM (SELECT *, split_part(series_key, '|', 3) AS code,
                split_part(series_key, '|', 4) AS scheme FROM cells
                WHERE split_part(series_key, '|', 2) = 'category') AS c
            WHERE {{ shared.is_exclusive }} AND split_part(partner_kind, '|', 3) LIKE 'count:%'
                AND split_part(area_key, '|', 1) NOT IN ('no-location', 'outside', 'unplaced')
        ) AS c {{ shared.joins }}
        GROUP BY c.window_plan, c.partner_kind, c.area_key, w.window_id, scheme
    ) AS p WHERE sums > 0
    UNION ALL
    SELECT 'control-total', 'our count = the partner''s own control total',
        t.partner || '||' || t.kind, t.area, t.window_id,
        ours.exact, t.amount
    FROM {{ controls_sent }}
    LEFT JOIN (
        SELECT partner_kind, first_month, months, split_part(area_key, '|', 1) AS area,
            min_by(exact, area_key) AS exact
        FROM cells WHERE series_key = '*|total|total|'
        GROUP BY window_plan, partner_kind, first_month, months, area
    ) AS ours
        ON split_part(ours.partner_kind, '|', 1) = t.partner
        AND split_part(ours.partner_kind, '|', 3) = t.kind AND ours.area = t.area
        AND ours.first_month = t.first_month AND ours.months = t.months
    WHERE t.partner IS NOT NULL
{% endcall %}
SELECT DISTINCT {{ shared.plan }} AS plan_id, check_id, split_part(partner_kind, '|', 1) AS partner,
    split_part(partner_kind, '|', 3) AS kind, area_code, window_id,
    CAST(counted AS BIGINT) AS counted, CAST(expected AS BIGINT) AS expected,
    CAST(counted - expected AS BIGINT) AS difference,
    CASE WHEN counted = expected THEN 'pass' WHEN counted <> expected THEN 'fail'
        ELSE 'not_tested' END AS result, "text"
FROM comparisons
