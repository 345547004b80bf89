{% set window_filter %}family <> 'month'{% endset %}
{% set series_filter = shared.without_codes %}
{% set area_filter = shared.without_small_areas %}
{% set split_by %}, outcome_list, outcome_code{% endset %}
{% include 'cells.sql' %}
{% include 'split_counts.sql' %}
{% call part('grouped') %}
    SELECT t.*, coalesce(o.outcome_group, 'unknown') AS outcome_group
    FROM tallied AS t
    LEFT JOIN ({{ shared.values(outcome_groups) }}) AS o(list, like_code, outcome_group)
        ON o.list = t.outcome_list AND o.like_code = upper(t.outcome_code)
{% endcall %}
{% call part('mixed') %}
    SELECT line, whose, place, m0, months, outcome_group, CAST(NULL AS STRING) AS outcome, sum(n) AS n
    FROM grouped GROUP BY line, whose, place, m0, months, outcome_group
    UNION ALL
    SELECT line, whose, place, m0, months, outcome_group, outcome_code, sum(n)
    FROM grouped WHERE outcome_code IS NOT NULL GROUP BY line, whose, place, m0, months, outcome_group, outcome_code
{% endcall %}
{% call part('asked') %}
    SELECT cells.*, g.outcome_group FROM cells
    CROSS JOIN (VALUES ('court'), ('evidential'), ('no-suspect'), ('other-body'), ('out-of-court'), ('public-interest'),
        ('taken-into-consideration'), ('unknown')) AS g(outcome_group)
    WHERE whose IN (SELECT whose FROM records WHERE type = 'crime' AND outcome_code IS NOT NULL)
{% endcall %}
{% call part('outcome_cells') %}
    SELECT *, lo AS hi, CASE WHEN supply = 0 THEN lo END AS most, CASE WHEN supply = 0 THEN lo END AS exact
    FROM (
        SELECT a.frame, a.line, a.whose, a.place, a.m0, a.months, a.supply, a.exact AS whole, a.outcome_group, m.outcome,
            CAST(m.n AS BIGINT) AS lo
        FROM asked AS a JOIN mixed AS m ON m.line = a.line AND m.whose = a.whose AND m.place = a.place AND m.m0 = a.m0
            AND m.months = a.months AND m.outcome_group = a.outcome_group
        UNION ALL
        SELECT a.frame, a.line, a.whose, a.place, a.m0, a.months, a.supply, a.exact, a.outcome_group, NULL, 0
        FROM asked AS a LEFT JOIN mixed AS m ON m.line = a.line AND m.whose = a.whose AND m.place = a.place
            AND m.m0 = a.m0 AND m.months = a.months AND m.outcome_group = a.outcome_group
        WHERE m.n IS NULL
    ) AS o
{% endcall %}
SELECT {{ shared.keys }}, outcome_group, outcome, {{ shared.count }}, 1e2 * exact / nullif(whole, 0) AS share_pct, as_of
FROM outcome_cells AS c {{ shared.joins }}
CROSS JOIN (SELECT max(as_of) AS as_of FROM {{ file('intake') }}) AS t
