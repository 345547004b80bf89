{% set window_filter %}family <> 'month'{% endset %}
{% set series_filter = shared.split_series %}
{% set area_filter = shared.split_areas %}
{% set is_below_district %}split_part(a.area_key, '|', 2) IN ('ward', 'place'){% endset %}
{% set split_by %}, outcome_list, outcome_code{% endset %}
{% include 'cells.sql' %}
{% include 'split_counts.sql' %}
{% call part('outcome_split') %}
    SELECT t.*, coalesce(g.outcome_group, 'unknown') AS outcome_group
    FROM split_counts AS t
    LEFT JOIN ({{ shared.values(outcome_groups) }}) AS g(list, like_code, outcome_group)
        ON g.list = t.outcome_list AND g.like_code = upper(t.outcome_code)
{% endcall %}
{% call part('outcome_counts') %}
    SELECT series_key, partner_kind, area_key, first_month, months, outcome_group,
        CAST(NULL AS STRING) AS outcome, sum(n) AS n
    FROM outcome_split
    GROUP BY series_key, partner_kind, area_key, first_month, months, outcome_group
    UNION ALL
    SELECT series_key, partner_kind, area_key, first_month, months, outcome_group, outcome_code,
        sum(n)
    FROM outcome_split WHERE outcome_code IS NOT NULL
    GROUP BY series_key, partner_kind, area_key, first_month, months, outcome_group, outcome_code
{% endcall %}
{% call part('expected_outcomes') %}
    -- Every group of outcomes for each cell of partners that send outcomes.
    SELECT cells.*, g.outcome_group FROM cells
    CROSS JOIN (VALUES ('court'), ('evidential'), ('no-suspect'), ('other-body'), ('out-of-court'),
        ('public-interest'),
        ('taken-into-consideration'), ('unknown')) AS g(outcome_group)
    WHERE partner_kind IN (SELECT partner_kind FROM records
        WHERE type = 'crime' AND outcome_code IS NOT NULL)
{% endcall %}
{% call part('outcome_cells') %}
    SELECT *, CASE WHEN supply = 0 THEN lo + more END AS most,
        CASE WHEN supply = 0 AND more = 0 THEN lo END AS exact
    FROM (
        SELECT a.window_plan, a.series_key, a.partner_kind, a.area_key, a.first_month, a.months,
            a.supply, a.reason, a.hi - a.lo AS more, a.exact AS total, a.outcome_group, o.outcome,
            CAST(o.n AS BIGINT) AS lo
        FROM expected_outcomes AS a
        JOIN outcome_counts AS o
            ON o.series_key = a.series_key AND o.partner_kind = a.partner_kind
            AND o.area_key = a.area_key AND o.first_month = a.first_month
            AND o.months = a.months AND o.outcome_group = a.outcome_group
        UNION ALL
        SELECT a.window_plan, a.series_key, a.partner_kind, a.area_key, a.first_month, a.months,
            a.supply, a.reason, a.hi - a.lo, a.exact, a.outcome_group, NULL, 0
        FROM expected_outcomes AS a
        LEFT JOIN outcome_counts AS o
            ON o.series_key = a.series_key AND o.partner_kind = a.partner_kind
            AND o.area_key = a.area_key
            AND o.first_month = a.first_month AND o.months = a.months
                AND o.outcome_group = a.outcome_group
        WHERE o.n IS NULL
            AND NOT (a.exact IS NOT NULL AND {{ is_below_district }})
    ) AS cells_with_outcomes
{% endcall %}
{% call part('outcome_labels') %}
    SELECT like_code, min_by(label, list) AS label
    FROM ({{ shared.values(outcome_labels) }}) AS t(list, like_code, label)
    GROUP BY like_code
{% endcall %}
SELECT {{ shared.keys }}, outcome_group, outcome,
    CASE WHEN outcome IS NULL
        THEN upper(substr(outcome_group, 1, 1)) || replace(substr(outcome_group, 2), '-', ' ')
        ELSE coalesce(outcome_labels.label, outcome) END AS outcome_label, {{ shared.count }},
    1e2 * exact / nullif(total, 0) AS share_pct, as_of
FROM outcome_cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
LEFT JOIN outcome_labels ON like_code = upper(outcome)
CROSS JOIN (SELECT max(as_of) AS as_of FROM {{ file('intake') }}) AS t
