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
{% call part('definition_sources') %}
    -- The sources that have sent an answer to a definition.
    SELECT DISTINCT d.partner_kind, d.definition, r.source
    FROM definitions AS d JOIN matched_records AS r ON r.partner_kind = d.partner_kind
    WHERE CASE d.definition
        WHEN 'flag-repeat-offender' THEN offender_again
        WHEN 'flag-repeat-victim' THEN victim_flagged
        WHEN 'referral-repeat' THEN "repeat"
        WHEN 'token-person' THEN person_again
        WHEN 'token-suspect' THEN suspect_again
        ELSE victim_again END IS NOT NULL
{% endcall %}
{% call part('known_definitions') %}
    -- The definitions for which a partner has sent an answer.
    SELECT DISTINCT partner_kind, definition FROM definition_sources
{% endcall %}
{% call part('look_back') %}
    -- Why repeats by token are a lower bound: a part of a span or of the 12 months before it is
    -- missing.
    SELECT partner_kind, definition, first_month, months, min(reason) AS reason
    FROM (
        SELECT d.partner_kind, d.definition, b.first_month, b.months, b.month_number, CASE
            WHEN b.month_number < k.month_number THEN {{ shared.reason.not_kept }}
            WHEN count(m.source) = 0 THEN {{ reason_without_records }}
            WHEN count(t.source) < count(m.source) THEN {{ shared.reason.cannot_show }}
            END AS reason
        FROM known_definitions AS d
        CROSS JOIN (
            SELECT DISTINCT first_month, months, c.month_number - back AS month_number
            FROM month_spans
            JOIN calendar AS c ON c.month_number BETWEEN first_month AND first_month + months - 1
            CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12))
                AS n(back)
        ) AS b
        LEFT JOIN all_kept_from AS k ON k.partner_kind = d.partner_kind
        LEFT JOIN month_status AS h
            ON h.partner_kind = d.partner_kind AND h.month_number = b.month_number
        LEFT JOIN month_sources AS m
            ON m.partner_kind = d.partner_kind AND m.month_number = b.month_number
        LEFT JOIN definition_sources AS t
            ON t.partner_kind = m.partner_kind AND t.definition = d.definition
            AND t.source = m.source
        WHERE d.definition LIKE 'token-%'
        GROUP BY d.partner_kind, d.definition, b.first_month, b.months, b.month_number,
            k.month_number, h.status
    ) AS h
    GROUP BY partner_kind, definition, first_month, months
{% endcall %}
{% call part('repeat_cells') %}
    SELECT window_plan, series_key, partner_kind, area_key, first_month, months, definition, lo,
        cases, supply, reason, CASE WHEN supply = 0 AND more = 0 THEN lo END AS exact,
        CASE WHEN supply = 0 THEN lo + more END AS most
    FROM (
        SELECT c.window_plan, c.series_key, c.partner_kind, c.area_key, c.first_month, c.months,
            d.definition,
            CASE WHEN known_definitions.partner_kind IS NULL THEN 2
                WHEN y.reason IS NOT NULL THEN greatest(c.supply, 1) ELSE c.supply END AS supply,
            CASE WHEN known_definitions.partner_kind IS NULL THEN 0
                WHEN c.supply < 2 AND y.reason IS NOT NULL
                    THEN least(coalesce(c.reason, y.reason), y.reason)
                ELSE c.reason END AS reason,
            c.hi - c.lo AS more,
            CAST(coalesce(repeat_counts.repeats, 0) AS BIGINT) AS lo,
            CASE WHEN known_definitions.partner_kind IS NOT NULL
                THEN CAST(coalesce(repeat_counts.cases, 0) AS BIGINT) END AS cases
        FROM cells AS c
        JOIN definitions AS d ON d.partner_kind = c.partner_kind
        LEFT JOIN known_definitions
            ON known_definitions.partner_kind = c.partner_kind
            AND known_definitions.definition = d.definition
        LEFT JOIN look_back AS y
            ON y.partner_kind = c.partner_kind AND y.definition = d.definition
            AND y.first_month = c.first_month AND y.months = c.months
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
