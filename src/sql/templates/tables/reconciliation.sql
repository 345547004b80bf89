{% set series_filter %}split_part(line, '|', 2) IN ('total', 'mapped', 'unmapped', 'category'){% endset %}
{% set controls_sent -%}
({{ shared.values(controls, shared.empty_control) }}) AS t(partner, kind, area, "window", m0, months, amount)
{%- endset %}
{% set more_spans %}
UNION SELECT frame, t.m0, t.months FROM wins CROSS JOIN {{ controls_sent }}
{% endset %}
{% include 'cells.sql' %}
{% call part('wholes_of') %}
    SELECT c.frame, c.whose, w."window", exact FROM cells AS c {{ shared.joins }}
    WHERE c.line = '*|total|total|' AND c.place = 'all|all||' AND w.family = 'month'
{% endcall %}
{% call part('tier_sums') %}
    SELECT c.frame, c.whose, w."window", CASE WHEN split_part(c.place, '|', 3) = '' OR split_part(c.place, '|', 2) = 'lsoa'
        THEN split_part(c.place, '|', 2) ELSE split_part(c.place, '|', 2) || ' ' || split_part(c.place, '|', 3) END AS tier, sum(lo) AS lo, sum(hi) AS hi, max(supply) AS supply
    FROM cells AS c {{ shared.joins }}
    WHERE c.line = '*|total|total|' AND w.family = 'month' GROUP BY c.frame, c.whose, w."window", tier
{% endcall %}
{% call part('mappings') %}
    SELECT c.frame, c.whose, w."window", sum(exact) AS parts, count(exact) AS exacts
    FROM cells AS c {{ shared.joins }}
    WHERE split_part(line, '|', 2) IN ('mapped', 'unmapped') AND c.place = 'all|all||' AND w.family = 'month'
    GROUP BY c.frame, c.whose, w."window"
{% endcall %}
{% call part('of_records') %}
    SELECT held.whose, w.frame, w."window" FROM held CROSS JOIN wins AS w WHERE NOT of_totals AND w.family = 'month'
{% endcall %}
{% call part('sides') %}
    -- At each level and vintage; sets overlap, so that their level has no sum.
    SELECT 'areas' AS "check", 'areas + pseudo-areas of a level = total' AS "text", r.whose, p.tier AS area_code,
        r."window", CASE WHEN supply = 0 AND lo = hi THEN lo END AS left_side, t.exact AS right_side
    FROM of_records AS r
    JOIN (
        SELECT DISTINCT c.whose, CASE WHEN split_part(c.place, '|', 3) = '' OR split_part(c.place, '|', 2) = 'lsoa'
        THEN split_part(c.place, '|', 2) ELSE split_part(c.place, '|', 2) || ' ' || split_part(c.place, '|', 3) END AS tier FROM places AS c WHERE split_part(c.place, '|', 2) NOT IN ('all', 'set')
    ) AS p ON p.whose = r.whose
    LEFT JOIN tier_sums AS s ON s.frame = r.frame AND s.whose = r.whose AND s."window" = r."window" AND s.tier = p.tier
    LEFT JOIN wholes_of AS t ON t.frame = r.frame AND t.whose = r.whose AND t."window" = r."window"
    UNION ALL
    SELECT 'mapped-unmapped', 'mapped + unmapped = total', r.whose, 'all', r."window", CASE WHEN exacts = 2 THEN parts END, t.exact
    FROM of_records AS r
    LEFT JOIN mappings AS m ON m.frame = r.frame AND m.whose = r.whose AND m."window" = r."window"
    LEFT JOIN wholes_of AS t ON t.frame = r.frame AND t.whose = r.whose AND t."window" = r."window"
    WHERE r.frame <> ''
    UNION ALL
    SELECT 'categories', 'codes of a list whose codes exclude one another = total', whose, scheme || ' ' || split_part(place, '|', 1),
        "window", CASE WHEN part_exacts = parts AND parts > 0 THEN part_sum END, CASE WHEN sum_exacts = sums THEN sum_sum END
    FROM (
        SELECT c.whose, c.place, w."window", scheme, count(CASE WHEN is_sum THEN 1 END) AS sums,
            count(CASE WHEN is_sum THEN exact END) AS sum_exacts, sum(CASE WHEN is_sum THEN exact END) AS sum_sum,
            count(CASE WHEN is_part THEN 1 END) AS parts, count(CASE WHEN is_part THEN exact END) AS part_exacts,
            sum(CASE WHEN is_part THEN exact END) AS part_sum
        FROM (
            SELECT *, {{ shared.is_sum }} AS is_sum, NOT ({{ shared.is_sum }}) AND NOT (lower(code) LIKE 'total-%' OR lower(code) LIKE 'households-with-%') AS is_part
            FROM (SELECT *, split_part(line, '|', 3) AS code, split_part(line, '|', 4) AS scheme FROM cells
                WHERE split_part(line, '|', 2) = 'category') AS c
            WHERE {{ shared.is_exclusive }} AND split_part(whose, '|', 3) LIKE 'count:%' AND split_part(place, '|', 1) NOT IN ('no-location', 'outside', 'unplaced')
        ) AS c {{ shared.joins }}
        GROUP BY c.frame, c.whose, c.place, w."window", scheme
    ) AS p WHERE sums > 0
    UNION ALL
    SELECT 'control-total', 'our count = the partner''s own control total', t.partner || '||' || t.kind, t.area, t."window",
        ours.exact, t.amount
    FROM {{ controls_sent }}
    LEFT JOIN (
        SELECT whose, m0, months, split_part(place, '|', 1) AS area, min_by(exact, place) AS exact
        FROM cells WHERE line = '*|total|total|' GROUP BY frame, whose, m0, months, area
    ) AS ours ON split_part(ours.whose, '|', 1) = t.partner AND split_part(ours.whose, '|', 3) = t.kind AND ours.area = t.area
        AND ours.m0 = t.m0 AND ours.months = t.months
    WHERE t.partner IS NOT NULL
{% endcall %}
SELECT DISTINCT {{ shared.plan }} AS plan, "check", split_part(whose, '|', 1) AS partner, split_part(whose, '|', 3) AS kind, area_code, "window",
    CAST(left_side AS BIGINT) AS "left", CAST(right_side AS BIGINT) AS "right",
    CAST(left_side - right_side AS BIGINT) AS difference,
    CASE WHEN left_side = right_side THEN 'pass' WHEN left_side <> right_side THEN 'fail' ELSE 'not_tested' END AS result, "text"
FROM sides
