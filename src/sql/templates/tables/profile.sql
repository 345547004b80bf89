{% set window_filter %}family NOT IN ('month', 'quarter'){% endset %}
{% set series_filter = shared.without_codes %}
{% set area_filter = shared.without_small_areas %}
{% set split_by %}, "weekday", "hour"{% endset %}
{% include 'cells.sql' %}
{% include 'split_counts.sql' %}
{% call part('weeks') %}
    SELECT c.frame, c.line, c.whose, c.place, c.m0, c.months, n AS lo, CASE WHEN supply = 0 THEN n END AS exact,
        CASE WHEN supply = 0 THEN n END AS most, supply, "weekday", "hour",
        sum(CASE WHEN "hour" IS NOT NULL THEN n END)
            OVER (PARTITION BY c.frame, c.line, c.whose, c.place, c.m0, c.months) AS known
    FROM cells AS c
    JOIN tallied AS t ON t.line = c.line AND t.whose = c.whose AND t.place = c.place AND t.m0 = c.m0 AND t.months = c.months
{% endcall %}
SELECT {{ shared.keys }}, {{ shared.count }}, CAST("weekday" AS BIGINT) AS "weekday", CAST("hour" AS BIGINT) AS "hour",
    CASE WHEN "hour" IS NOT NULL THEN CAST(exact AS DOUBLE) * 168 / known END AS "index"
FROM weeks AS c {{ shared.joins }}
