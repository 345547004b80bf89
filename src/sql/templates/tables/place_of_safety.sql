{% set window_filter = shared.months %}
{% set series_filter = shared.without_codes %}
{% include 'cells.sql' %}
{% call part('detentions') %}
    -- Detentions under section 135 or 136 of the Mental Health Act.
    SELECT r.partner_kind, r.sent_area, r.month_number, p.legal_power,
        CASE WHEN {{ dialect.microseconds('occurred_from') }} >= 1512950400000000
            THEN 'from-2017-12-11' ELSE 'before-2017-12-11' END AS regime,
        place_of_safety, transport,
        CASE WHEN person_low >= 18 THEN 'adult'
            WHEN TRY_CAST(split_part(person_age_band, '-', 2) AS INT) < 18 THEN 'under-18'
                ELSE 'unknown' END AS age_group
    FROM matched_records AS r
    JOIN (
        SELECT classification, CASE min(code) WHEN '19' THEN 's135' ELSE 's136' END AS legal_power
        FROM coded WHERE scheme = 'mha-legal-status' AND code IN ('19', '20')
        GROUP BY classification
    ) AS p ON p.classification = r.classification
    WHERE type IN ('detention', 'mental-health-detention')
{% endcall %}
{% call part('detention_counts') %}
    SELECT d.partner_kind, area_key, d.month_number AS first_month, 1 AS months, legal_power,
        regime, place_of_safety, transport, age_group, count(*) AS n
    FROM detentions AS d
    JOIN counting_areas
        ON counting_areas.partner_kind = d.partner_kind AND counting_areas.sent_area = d.sent_area
    GROUP BY d.partner_kind, area_key, d.month_number, legal_power, regime, place_of_safety,
        transport, age_group
{% endcall %}
SELECT {{ shared.plan }} AS plan_id, {{ shared.partner_kind_keys }}, {{ shared.area_keys }},
    {{ shared.window_keys }}, {{ shared.status_keys }}, legal_power, regime, place_of_safety,
    transport,
    age_group, n AS count_value, n AS count_min, n AS count_max, 'exact' AS count_status
FROM detention_counts AS c
JOIN (SELECT DISTINCT window_id, window_label, window_from, window_to, first_month FROM counted_windows
    WHERE family = 'month') AS w ON w.first_month = c.first_month
{{ shared.status_joins }}
{{ shared.names_of_cells }}
