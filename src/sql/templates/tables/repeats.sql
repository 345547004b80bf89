{% set window_filter %}family <> 'month'{% endset %}
{% set series_filter = shared.without_codes %}
{% set area_filter = shared.without_small_areas %}
{% set split_by %}, person_again, victim_again, suspect_again, "repeat", offender_again, victim_flagged{% endset %}
{% include 'cells.sql' %}
{% include 'split_counts.sql' %}
{% call part('definitions') %}
    -- Every definition that the contract of a kind has what it takes for.
    SELECT h.whose, d.definition
    FROM held AS h CROSS JOIN (VALUES ('flag-repeat-offender'), ('flag-repeat-victim'), ('referral-repeat'),
        ('token-person'), ('token-suspect'), ('token-victim')) AS d(definition)
    WHERE NOT of_totals AND CASE definition
        WHEN 'referral-repeat' THEN kind = 'referral'
        WHEN 'token-person' THEN kind NOT IN ('crime', 'incident', 'antisocial-behaviour-case', 'noise-complaint')
        WHEN 'token-suspect' THEN kind IN ('crime', 'incident', 'antisocial-behaviour-case')
        WHEN 'token-victim' THEN kind IN ('crime', 'incident', 'antisocial-behaviour-case')
        ELSE true END
{% endcall %}
{% call part('says') %}
    SELECT t.*, d.definition, CASE d.definition
        WHEN 'flag-repeat-offender' THEN offender_again
        WHEN 'flag-repeat-victim' THEN victim_flagged
        WHEN 'referral-repeat' THEN "repeat"
        WHEN 'token-person' THEN person_again
        WHEN 'token-suspect' THEN suspect_again
        ELSE victim_again END AS again
    FROM tallied AS t JOIN definitions AS d ON d.whose = t.whose
{% endcall %}
{% call part('again') %}
    SELECT line, whose, place, m0, months, definition, sum(CASE WHEN again THEN n ELSE 0 END) AS repeats, sum(n) AS cases
    FROM says WHERE again IS NOT NULL GROUP BY line, whose, place, m0, months, definition
{% endcall %}
{% call part('said') %}
    -- What a partner's kind has ever said.
    SELECT d.whose, d.definition
    FROM definitions AS d JOIN judged AS r ON r.whose = d.whose
    WHERE CASE d.definition
        WHEN 'flag-repeat-offender' THEN offender_again
        WHEN 'flag-repeat-victim' THEN victim_flagged
        WHEN 'referral-repeat' THEN "repeat"
        WHEN 'token-person' THEN person_again
        WHEN 'token-suspect' THEN suspect_again
        ELSE victim_again END IS NOT NULL
    GROUP BY d.whose, d.definition
{% endcall %}
{% call part('repeat_cells') %}
    SELECT frame, line, whose, place, m0, months, definition, lo, cases, supply,
        CASE WHEN supply = 0 THEN lo END AS exact, CASE WHEN supply = 0 THEN lo END AS most
    FROM (
        SELECT c.frame, c.line, c.whose, c.place, c.m0, c.months, d.definition,
            CASE WHEN said.whose IS NULL THEN 2 ELSE c.supply END AS supply,
            CAST(coalesce(again.repeats, 0) AS BIGINT) AS lo,
            CASE WHEN said.whose IS NOT NULL THEN CAST(coalesce(again.cases, 0) AS BIGINT) END AS cases
        FROM cells AS c
        JOIN definitions AS d ON d.whose = c.whose
        LEFT JOIN said ON said.whose = c.whose AND said.definition = d.definition
        LEFT JOIN again ON again.line = c.line AND again.whose = c.whose AND again.place = c.place AND again.m0 = c.m0
            AND again.months = c.months AND again.definition = d.definition
        WHERE said.whose IS NOT NULL OR split_part(c.place, '|', 2) = 'all'
    ) AS r
{% endcall %}
SELECT {{ shared.keys }}, definition, {{ shared.count }}, cases, 1e2 * exact / nullif(cases, 0) AS repeat_pct
FROM repeat_cells AS c {{ shared.joins }}
