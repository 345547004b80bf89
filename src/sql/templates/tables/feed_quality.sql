{% set window_filter = shared.months %}
{% set series_filter %}split_part(line, '|', 2) IN ('total', 'unmapped'){% endset %}
{% set area_filter %}(place = 'all|all||' OR place LIKE '%|set|%'){% endset %}
{% include 'cells.sql' %}
{% call part('quality') %}
    SELECT whose, m, count(*) AS records, count(CASE WHEN unknown_code THEN 1 END) AS unknown_code,
        count(CASE WHEN NOT is_total AND date_basis = 'recorded' AND recorded_at IS NULL THEN 1 END) AS date_fallback,
        count(CASE WHEN area_code IS NULL THEN 1 END) AS no_location
    FROM records GROUP BY whose, m
{% endcall %}
{% call part('sums') %}
    SELECT whose, m0,
        sum(CASE WHEN line LIKE '%|unmapped|unmapped|' AND place = 'all|all||' THEN lo END) AS unmapped,
        CASE WHEN bool_or(place LIKE '%|set|%') THEN
            coalesce(sum(CASE WHEN line = '*|total|total|' AND place LIKE 'outside|set|%' THEN lo END), 0) END AS outside
    FROM cells WHERE split_part(whose, '|', 3) NOT LIKE 'count:%' GROUP BY whose, m0
{% endcall %}
{% call part('months') %}
    SELECT *, concat_ws('|', partner, feed, kind) AS whose,
        CAST(substr("window", 7, 4) AS INT) * 12 + CAST(substr("window", 12, 2) AS INT) - 1 AS m,
        max(last_received) OVER (PARTITION BY partner, feed, kind) IS NOT NULL AS has_sent
    FROM {{ file('intake') }}
{% endcall %}
SELECT {{ shared.plan }} AS plan, i.partner, i.feed, i.kind, i."window",
    make_date(CAST(floor(i.m / 12) AS INT), CAST(i.m % 12 + 1 AS INT), 1) AS window_from,
    last_day(make_date(CAST(floor(i.m / 12) AS INT), CAST(i.m % 12 + 1 AS INT), 1)) AS window_to,
    CASE WHEN has_sent THEN {{ shared.date_basis('i.whose') }} END AS date_basis,
    coalesce(q.records, 0) AS records, i.late, i.revised, i.cancelled, i.rejected,
    CAST(s.unmapped AS BIGINT) AS unmapped, coalesce(q.unknown_code, 0) AS unknown_code,
    coalesce(q.date_fallback, 0) AS date_fallback, coalesce(q.no_location, 0) AS no_location,
    CAST(s.outside AS BIGINT) AS outside,
    CAST(around.median AS DOUBLE) AS reference, coalesce(r.records, 0) / CAST(around.median AS DOUBLE) AS ratio,
    i.due, CASE worst.status {{ shared.status_names }} END AS data_status, i.last_received
FROM months AS i
LEFT JOIN quality AS q ON q.whose = i.whose AND q.m = i.m
LEFT JOIN sums AS s ON s.whose = i.whose AND s.m0 = i.m
LEFT JOIN around ON around.whose = i.whose AND around.m = i.m
LEFT JOIN month_records AS r ON r.whose = i.whose AND r.m = i.m
LEFT JOIN usable AS worst ON worst.whose = i.whose AND worst.m = i.m
