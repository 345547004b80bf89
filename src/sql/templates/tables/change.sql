{% set area_filter = shared.without_codes_of_small_areas %}
{% set more_spans %}
UNION SELECT window_plan, base_first_month, months FROM ({{ shared.baselines }}) AS b
{% endset %}
{# The ids of the breaks between a base and a window. #}
{% set breaks_within %}
{% if breaks %}
concat_ws(';'
        {% for change in breaks %}
        , CASE WHEN {{ change.applies }} AND b.base_first_month <= {{ change.last_base }}
            AND {{ change.from }} <= w.first_month + w.months - 1
            THEN {{ change.id | literal }} END
        {% endfor %}
        )
{%- else %}
''
{%- endif %}
{% endset %}
{% include 'cells.sql' %}
{% include 'control_chart.sql' %}
{% call part('base_sums') %}
    -- What a window is compared with: the sum over the months of its baseline.
    SELECT r.window_plan, r.window_id, series_key, c.partner_kind, area_key, r.baseline,
        min(r.base_first_month) AS base_first_month, sum(lo) AS lo,
        CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi, count(*) AS n,
        CASE WHEN min(supply) = max(supply) THEN min(supply) ELSE 1 END AS supply,
        min(coalesce(span_status.status, 0)) AS status
    FROM ({{ shared.baselines }}) AS r
    JOIN cells AS c
        ON c.window_plan = r.window_plan AND c.first_month = r.base_first_month
        AND c.months = r.months
    LEFT JOIN span_status
        ON span_status.partner_kind = c.partner_kind AND span_status.first_month = c.first_month
        AND span_status.months = c.months
    GROUP BY r.window_plan, r.window_id, series_key, c.partner_kind, area_key, r.baseline
    HAVING count(*) = CASE WHEN r.baseline = 'mean-5-years' THEN 5 ELSE 1 END
{% endcall %}
{% call part('base_figures') %}
    SELECT window_plan, window_id, series_key, partner_kind, area_key, baseline, base_first_month,
        CAST(floor(lo / n) AS BIGINT) AS base_min,
        CASE WHEN supply = 0 THEN CAST(floor((hi + n - 1) / n) AS BIGINT) END AS base_max,
        CASE WHEN supply = 2 THEN 'not_supplied' WHEN supply = 1 THEN 'partial' WHEN lo = hi
            THEN 'exact'
            ELSE 'interval' END AS base_status,
        CASE WHEN supply = 0 AND lo = hi AND status >= 3 THEN CAST(lo AS DOUBLE) / n END AS base
    FROM base_sums
    UNION ALL
    SELECT p.window_plan, p.window_id, p.series_key, p.partner_kind, p.area_key, 'spc', NULL,
        CAST(floor(centre) AS BIGINT),
        CAST(ceil(centre) AS BIGINT), 'exact', centre
    FROM points AS p
    JOIN limits AS l
        ON l.window_plan = p.window_plan AND l.series_key = p.series_key
        AND l.partner_kind = p.partner_kind AND l.area_key = p.area_key
        AND l.family = p.family AND l.segment = p.segment
{% endcall %}
SELECT {{ shared.keys }}, {{ shared.count }}, baseline, base_min, base_max, base_status,
    CAST(round(exact - base) AS BIGINT) AS difference,
    1e2 * (exact - base) / nullif(base, 0) AS difference_pct,
    (exact - base) / w.days AS difference_per_day,
    coalesce(span_status.status, 0) >= 3 AND {{ breaks_within }} = ''
        AND exact - base IS NOT NULL AS comparable,
    nullif({{ breaks_within }}, '') AS breaks
FROM cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
JOIN base_figures AS b
    ON b.window_plan = c.window_plan AND b.window_id = w.window_id AND b.series_key = c.series_key
    AND b.partner_kind = c.partner_kind
    AND b.area_key = c.area_key
WHERE NOT ((exact IS NOT NULL AND exact = 0 OR supply = 2)
    AND (base_status = 'not_supplied' OR base_max IS NOT NULL AND base_max = 0 AND base_min = 0))
