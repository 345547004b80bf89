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
    AND split_part(area_key, '|', 3) = {{ compared_wards | literal }}
    AND {{ shared.without_use_of_feed }})
{%- endset %}
{% include 'comparisons.sql' %}
{{ select_compared }}
LEFT JOIN verdicts AS v
    {{ is_verdict }}
    AND v.baseline = 'year-before'
WHERE w.window_id = {{ year }} AND split_part(c.area_key, '|', 1)
    NOT IN ('all-received', 'no-location', 'outside', 'unplaced')
