{% set window_filter = shared.months %}
{% set series_filter %}split_part(series_key, '|', 2) IN ('total', 'unmapped'){% endset %}
{% set area_filter %}(area_key = 'all-received|all-received||' OR area_key LIKE '%|set|%'){% endset %}
{% include 'cells.sql' %}
{% call part('quality') %}
    SELECT partner_kind, month_number, count(*) AS records,
        count(CASE WHEN unknown_code THEN 1 END) AS unknown_code,
        count(CASE WHEN NOT is_total AND date_basis = 'recorded' AND recorded_at IS NULL
            THEN 1 END) AS date_fallback,
        count(CASE WHEN area_code IS NULL THEN 1 END) AS no_location
    FROM records GROUP BY partner_kind, month_number
{% endcall %}
{% call part('sums') %}
    -- Records outside the plan: not mapped to a series, or outside every set of areas.
    SELECT partner_kind, first_month,
        sum(CASE WHEN series_key LIKE '%|unmapped|unmapped|' AND area_key = 'all-received|all-received||'
            THEN hi END) AS unmapped,
        CASE WHEN bool_or(area_key LIKE '%|set|%') THEN
            coalesce(sum(CASE WHEN series_key = '*|total|total|' AND area_key LIKE 'outside|set|%'
                THEN lo END), 0) END AS outside
    FROM cells WHERE split_part(partner_kind, '|', 3) NOT LIKE 'count:%'
    GROUP BY partner_kind, first_month
{% endcall %}
{% call part('months') %}
    SELECT *, concat_ws('|', partner, feed, kind) AS partner_kind,
        CAST(substr(window_id, 7, 4) AS INT) * 12 + CAST(substr(window_id, 12,
            2) AS INT) - 1 AS month_number,
        max(last_received) OVER (PARTITION BY partner, feed, kind) IS NOT NULL AS has_sent
    FROM {{ file('intake') }}
{% endcall %}
SELECT {{ shared.plan }} AS plan_id, i.partner, i.partner_name, i.feed, i.kind,
    i.kind_label, i.window_id, i.window_label,
    make_date(CAST(floor(i.month_number / 12) AS INT), CAST(i.month_number % 12 + 1 AS INT),
        1) AS window_from,
    last_day(make_date(CAST(floor(i.month_number / 12) AS INT),
        CAST(i.month_number % 12 + 1 AS INT), 1)) AS window_to,
    CASE WHEN has_sent THEN {{ shared.date_basis('i.partner_kind') }} END AS date_basis,
    coalesce(q.records, 0) AS records, i.late, i.revised, i.cancelled, i.rejected,
    CAST(s.unmapped AS BIGINT) AS unmapped, coalesce(q.unknown_code, 0) AS unknown_code,
    i.contradictions,
    coalesce(q.date_fallback, 0) AS date_fallback, coalesce(q.no_location, 0) AS no_location,
    CAST(s.outside AS BIGINT) AS outside,
    CAST(typical_months.median AS DOUBLE) AS reference,
        coalesce(r.records, 0) / CAST(typical_months.median AS DOUBLE) AS ratio,
    i.due, CASE span_status.status {{ shared.status_names }} END AS data_status, i.last_received
FROM months AS i
LEFT JOIN quality AS q ON q.partner_kind = i.partner_kind AND q.month_number = i.month_number
LEFT JOIN sums AS s ON s.partner_kind = i.partner_kind AND s.first_month = i.month_number
LEFT JOIN typical_months
    ON typical_months.partner_kind = i.partner_kind AND typical_months.month_number = i.month_number
LEFT JOIN kept_records AS r
    ON r.partner_kind = i.partner_kind AND r.month_number = i.month_number
LEFT JOIN month_status AS span_status
    ON span_status.partner_kind = i.partner_kind AND span_status.month_number = i.month_number
