{% set area_filter = shared.without_codes_of_small_areas %}
{% set more_spans %}
UNION SELECT frame, base_m0, months FROM ({{ shared.baselines }}) AS b
{% endset %}
{# The ids of the breaks between a base and a window. #}
{% set breaks_within %}
{% if breaks %}
concat_ws(';'
        {% for change in breaks %}
        , CASE WHEN {{ change.applies }} AND b.base_m0 <= {{ change.last_base }} AND {{ change.from }} <= w.m0 + w.months - 1
            THEN {{ change.id | literal }} END
        {% endfor %}
        )
{%- else %}
''
{%- endif %}
{% endset %}
{% include 'cells.sql' %}
{% include 'control_chart.sql' %}
{% call part('bases') %}
    SELECT r.frame, r."window", line, c.whose, place, r.baseline, min(r.base_m0) AS base_m0, sum(lo) AS lo,
        CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi, count(*) AS n,
        CASE WHEN min(supply) = max(supply) THEN min(supply) ELSE 1 END AS supply,
        min(coalesce(worst.status, 0)) AS status
    FROM ({{ shared.baselines }}) AS r
    JOIN cells AS c ON c.frame = r.frame AND c.m0 = r.base_m0 AND c.months = r.months
    LEFT JOIN worst ON worst.whose = c.whose AND worst.m0 = c.m0 AND worst.months = c.months
    GROUP BY r.frame, r."window", line, c.whose, place, r.baseline
    HAVING count(*) = CASE WHEN r.baseline = 'mean-5-years' THEN 5 ELSE 1 END
{% endcall %}
{% call part('compared') %}
    SELECT frame, "window", line, whose, place, baseline, base_m0, CAST(floor(lo / n) AS BIGINT) AS base_min,
        CASE WHEN supply = 0 THEN CAST(floor((hi + n - 1) / n) AS BIGINT) END AS base_max,
        CASE WHEN supply = 2 THEN 'not_supplied' WHEN supply = 1 THEN 'partial' WHEN lo = hi THEN 'exact'
            ELSE 'interval' END AS base_status,
        CASE WHEN supply = 0 AND lo = hi AND status >= 3 THEN CAST(lo AS DOUBLE) / n END AS base
    FROM bases
    UNION ALL
    SELECT p.frame, p."window", p.line, p.whose, p.place, 'spc', NULL, CAST(floor(centre) AS BIGINT),
        CAST(ceil(centre) AS BIGINT), 'exact', centre
    FROM points AS p
    JOIN limits AS l ON l.frame = p.frame AND l.line = p.line AND l.whose = p.whose AND l.place = p.place
        AND l.family = p.family AND l.segment = p.segment
{% endcall %}
SELECT {{ shared.keys }}, {{ shared.count }}, baseline, base_min, base_max, base_status,
    CAST(round(exact - base) AS BIGINT) AS diff,
    1e2 * (exact - base) / nullif(base, 0) AS diff_pct,
    (exact - base) / w.days AS diff_per_day,
    coalesce(worst.status, 0) >= 3 AND {{ breaks_within }} = '' AND exact - base IS NOT NULL AS comparable,
    nullif({{ breaks_within }}, '') AS breaks
FROM cells AS c {{ shared.joins }}
JOIN compared AS b ON b.frame = c.frame AND b."window" = w."window" AND b.line = c.line AND b.whose = c.whose
    AND b.place = c.place
WHERE NOT ((exact IS NOT NULL AND exact = 0 OR supply = 2)
    AND (base_status = 'not_supplied' OR base_max IS NOT NULL AND base_max = 0 AND base_min = 0))
