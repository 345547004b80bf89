{% set window_filter %}family <> 'month'{% endset %}
{% set series_filter = shared.split_series %}
{% set area_filter = shared.split_areas %}
{% set split_by -%}
, person_again, victim_again, suspect_again, "repeat", offender_again, victim_flagged
{%- endset %}
{% include 'cells.sql' %}
{% include 'split_counts.sql' %}
{% call part('definitions') %}
    -- The definitions that the contract of a kind has the fields for.
    SELECT h.partner_kind, d.definition
    FROM partner_kinds AS h
    CROSS JOIN (VALUES ('flag-repeat-offender'), ('flag-repeat-victim'), ('referral-repeat'),
        ('token-person'), ('token-suspect'), ('token-victim')) AS d(definition)
    WHERE NOT is_totals AND CASE definition
        WHEN 'referral-repeat' THEN kind = 'referral'
        WHEN 'token-person'
            THEN kind NOT IN ('crime', 'incident', 'antisocial-behaviour-case', 'noise-complaint')
        WHEN 'token-suspect' THEN kind IN ('crime', 'incident', 'antisocial-behaviour-case')
        WHEN 'token-victim' THEN kind IN ('crime', 'incident', 'antisocial-behaviour-case')
        ELSE true END
{% endcall %}
{% call part('repeat_answers') %}
    SELECT t.*, d.definition, CASE d.definition
        WHEN 'flag-repeat-offender' THEN offender_again
        WHEN 'flag-repeat-victim' THEN victim_flagged
        WHEN 'referral-repeat' THEN "repeat"
        WHEN 'token-person' THEN person_again
        WHEN 'token-suspect' THEN suspect_again
        ELSE victim_again END AS again
    FROM split_counts AS t JOIN definitions AS d ON d.partner_kind = t.partner_kind
{% endcall %}
{% call part('repeat_counts') %}
    SELECT series_key, partner_kind, area_key, first_month, months, definition,
        sum(CASE WHEN again THEN n ELSE 0 END) AS repeats, sum(n) AS cases
    FROM repeat_answers WHERE again IS NOT NULL
    GROUP BY series_key, partner_kind, area_key, first_month, months, definition
{% endcall %}
{% call part('known_definitions') %}
    -- The definitions for which a partner has sent an answer.
    SELECT d.partner_kind, d.definition
    FROM definitions AS d JOIN matched_records AS r ON r.partner_kind = d.partner_kind
    WHERE CASE d.definition
        WHEN 'flag-repeat-offender' THEN offender_again
        WHEN 'flag-repeat-victim' THEN victim_flagged
        WHEN 'referral-repeat' THEN "repeat"
        WHEN 'token-person' THEN person_again
        WHEN 'token-suspect' THEN suspect_again
        ELSE victim_again END IS NOT NULL
    GROUP BY d.partner_kind, d.definition
{% endcall %}
{% call part('repeat_cells') %}
    SELECT window_plan, series_key, partner_kind, area_key, first_month, months, definition, lo,
        cases, supply, reason, CASE WHEN supply = 0 AND more = 0 THEN lo END AS exact,
        CASE WHEN supply = 0 THEN lo + more END AS most
    FROM (
        SELECT c.window_plan, c.series_key, c.partner_kind, c.area_key, c.first_month, c.months,
            d.definition,
            CASE WHEN known_definitions.partner_kind IS NULL THEN 2 ELSE c.supply END AS supply,
            CASE WHEN known_definitions.partner_kind IS NULL THEN 0 ELSE c.reason END AS reason,
            c.hi - c.lo AS more,
            CAST(coalesce(repeat_counts.repeats, 0) AS BIGINT) AS lo,
            CASE WHEN known_definitions.partner_kind IS NOT NULL
                THEN CAST(coalesce(repeat_counts.cases, 0) AS BIGINT) END AS cases
        FROM cells AS c
        JOIN definitions AS d ON d.partner_kind = c.partner_kind
        LEFT JOIN known_definitions
            ON known_definitions.partner_kind = c.partner_kind
            AND known_definitions.definition = d.definition
        LEFT JOIN repeat_counts
            ON repeat_counts.series_key = c.series_key
            AND repeat_counts.partner_kind = c.partner_kind AND repeat_counts.area_key = c.area_key
            AND repeat_counts.first_month = c.first_month
            AND repeat_counts.months = c.months AND repeat_counts.definition = d.definition
        WHERE known_definitions.partner_kind IS NOT NULL OR split_part(c.area_key, '|', 2) = 'all-received'
    ) AS r
{% endcall %}
SELECT {{ shared.keys }}, definition, {{ shared.count }}, cases,
    1e2 * exact / nullif(cases, 0) AS repeat_pct
FROM repeat_cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
