{% set area_filter = shared.without_codes_of_small_areas %}
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
JOIN verdicts AS v
    ON v.window_plan = c.window_plan AND v.window_id = w.window_id AND v.series_key = c.series_key
    AND v.partner_kind = c.partner_kind AND v.area_key = c.area_key
