{# Of the windows of 12 months that have ended, the last one inside the plan's years, or else the last
   one. #}
{% set year %}
(SELECT window_id FROM all_windows
    CROSS JOIN (SELECT max(first_month) AS to_month FROM all_windows WHERE family = 'month') AS m
    WHERE months = 12 AND first_month + 11 <= to_month
    ORDER BY {% if plan_from is not none -%}
    CASE WHEN window_from >= DATE {{ plan_from | literal }}
        AND window_to <= DATE {{ plan_to | literal }} THEN 0 ELSE 1 END,
        {% endif -%}
    first_month DESC, window_id LIMIT 1)
{%- endset %}
{% set window_filter %}family IN ('month', 'quarter') OR window_id = {{ year }}{% endset %}
{% set series_filter = shared.without_codes %}
{% set area_filter -%}
(split_part(area_key, '|', 1) = {{ plan_area | literal }}
    OR split_part(area_key, '|', 1) IN ('all-received', 'no-location')
    OR split_part(area_key, '|', 2) = 'ward'
    AND split_part(area_key, '|', 3) = {{ newest_wards | literal }})
{%- endset %}
{% set more_spans %}
UNION SELECT window_plan, base_first_month, months FROM ({{ shared.baselines }}) AS b
{% endset %}
{% include 'cells.sql' %}
{% include 'comparisons.sql' %}
SELECT {{ shared.keys }}, {{ shared.count }}, baseline, base_min, base_max, base_status, difference,
    difference_pct, difference_per_day, difference_low, difference_high, verdict, comparable,
    why_not, why_months, breaks
FROM cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
LEFT JOIN verdicts AS v
    ON v.window_plan = c.window_plan AND v.window_id = w.window_id AND v.series_key = c.series_key
    AND v.partner_kind = c.partner_kind AND v.area_key = c.area_key
    AND v.baseline = 'year-before'
WHERE w.window_id = {{ year }} AND split_part(c.area_key, '|', 1)
    NOT IN ('all-received', 'no-location', 'outside', 'unplaced')
