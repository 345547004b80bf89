{% set window_filter %}(months = 12 OR family = 'own'){% endset %}
{% set series_filter = shared.split_series %}
{% set area_filter = shared.split_areas %}
{% set split_by %}, "weekday", "hour"{% endset %}
{% include 'cells.sql' %}
{% include 'split_counts.sql' %}
{% call part('hour_counts') %}
    SELECT c.window_plan, c.series_key, c.partner_kind, c.area_key, c.first_month, c.months,
        n AS lo, CASE WHEN supply = 0 AND c.hi = c.lo THEN n END AS exact,
        CASE WHEN supply = 0 THEN n + c.hi - c.lo END AS most, supply, reason, "weekday", "hour",
        sum(CASE WHEN "hour" IS NOT NULL THEN n END)
            OVER (PARTITION BY c.window_plan, c.series_key, c.partner_kind, c.area_key,
                c.first_month, c.months) AS known
    FROM cells AS c
    JOIN split_counts AS t
        ON t.series_key = c.series_key AND t.partner_kind = c.partner_kind
        AND t.area_key = c.area_key AND t.first_month = c.first_month AND t.months = c.months
{% endcall %}
SELECT {{ shared.keys }}, {{ shared.count }}, CAST("weekday" AS BIGINT) AS "weekday",
    CAST("hour" AS BIGINT) AS "hour",
    CASE WHEN "hour" IS NOT NULL THEN CAST(exact AS DOUBLE) * 168 / known END AS times_mean
FROM hour_counts AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
