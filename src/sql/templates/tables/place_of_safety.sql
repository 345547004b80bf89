{% set window_filter = shared.months %}
{% set series_filter = shared.without_codes %}
{% include 'cells.sql' %}
{% call part('detained') %}
    SELECT r.whose, r.sent, r.m, p.legal_power,
        CASE WHEN {{ dialect.microseconds('occurred_from') }} >= 1512950400000000 THEN 'from-2017-12-11' ELSE 'before-2017-12-11' END AS regime,
        place_of_safety, transport,
        CASE WHEN person_low >= 18 THEN 'adult'
            WHEN TRY_CAST(split_part(person_age_band, '-', 2) AS INT) < 18 THEN 'under-18' ELSE 'unknown' END AS age_group
    FROM judged AS r
    JOIN (
        SELECT what, CASE min(code) WHEN '19' THEN 's135' ELSE 's136' END AS legal_power
        FROM coded WHERE scheme = 'mha-legal-status' AND code IN ('19', '20') GROUP BY what
    ) AS p ON p.what = r.what
    WHERE type IN ('detention', 'mental-health-detention')
{% endcall %}
{% call part('taken') %}
    SELECT d.whose, place, d.m AS m0, 1 AS months, legal_power, regime, place_of_safety, transport, age_group, count(*) AS n
    FROM detained AS d JOIN targets ON targets.whose = d.whose AND targets.sent = d.sent
    GROUP BY d.whose, place, d.m, legal_power, regime, place_of_safety, transport, age_group
{% endcall %}
SELECT {{ shared.plan }} AS plan, {{ shared.sender_keys }}, {{ shared.area_keys }}, {{ shared.window_keys }}, {{ shared.status_keys }}, legal_power, regime, place_of_safety, transport,
    age_group, n AS "count", n AS count_min, n AS count_max, 'exact' AS count_status
FROM taken AS c
JOIN (SELECT DISTINCT "window", window_from, window_to, m0 FROM wins WHERE family = 'month') AS w ON w.m0 = c.m0
LEFT JOIN (SELECT DISTINCT whose, m, status FROM usable) AS worst ON worst.whose = c.whose AND worst.m = c.m0
