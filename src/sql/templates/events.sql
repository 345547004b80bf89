{% import dialect_file as dialect %}
{% import 'shared.sql' as shared %}
{% set empty_crosswalk %}(CAST(NULL AS STRING), '', '', '', ''){% endset %}
{% include 'current_records.sql' %}
{% include 'record_codes.sql' %}
{% include 'repeated_people.sql' %}
{% macro is_flagged(column) -%}
({% for flag in ['mental_health', 'mental_health_suspect', 'mental_health_victim'] %}
{{ ' OR ' if not loop.first }}instr(';' || {{ column }} || ';', ';{{ flag }};') > 0
{%- endfor %})
{%- endmacro %}
{% call part('events', stored=true) %}
    -- Each record with what is worked out, but for its plan.
    SELECT *,
        CAST(date_trunc('month', {{ dialect.london_day('counted_at') }}) AS DATE) AS "month"
    FROM (
        SELECT c.*, k.scheme, k.code, coalesce(k.codes, '') AS codes,
            coalesce(k."groups", '') AS "groups", k.offence_class, k.unknown_schemes,
            k.unknown_schemes IS NOT NULL OR o.code IS NOT NULL AS unknown_code,
            p.person_again, p.victim_again, p.suspect_again,
            CASE WHEN {{ is_flagged('flags_true') }} THEN true
                WHEN {{ is_flagged('flags_false') }} THEN false END AS mental_health,
            CASE WHEN occurred_from_precision <> 'month' THEN local_day END AS occurred_date,
            {{ dialect.london_time('occurred_from') }} AS occurred_local,
            CASE WHEN occurred_from_precision <> 'month'
                THEN {{ dialect.weekday('local_day') }} END AS "weekday",
            CASE WHEN occurred_from_precision = 'instant'
                THEN CAST(hour({{ dialect.london_time('occurred_from') }}) AS INT) END AS "hour",
            {{ dialect.london_time('recorded_at') }} AS recorded_local,
            coalesce(CASE WHEN c.kind = 'count' THEN period_from
                WHEN date_basis = 'recorded' THEN coalesce(recorded_at, occurred_from)
                ELSE occurred_from END, revision_at) AS counted_at
        FROM (
            SELECT *, {{ dialect.london_day('occurred_from') }} AS local_day,
                CASE WHEN kind = 'count' THEN own_date_basis
                    ELSE {{ shared.setting(date_bases, 'partner', 'kind', 'occurred') }} END
                    AS date_basis
            FROM current_records
        ) AS c
        LEFT JOIN coded_combinations AS k ON k.combination = c.combination
        LEFT JOIN unknown_codes AS o
            ON o.scheme = outcome_list AND o.code = outcome_code AND o.edition = ''
        LEFT JOIN repeated_people AS p ON p.source = c.source AND p.subject = c.subject
    ) AS e
{% endcall %}
{% include 'records.sql' %}
{% include 'rules.sql' %}
{# The ids of a plan's series of one kind that a record falls under. #}
{% macro ids_of_series(kind) %}
CASE plan_id
        {% for plan in plans %}
        WHEN {{ plan.id | literal }} THEN concat_ws(';', CAST(NULL AS STRING)
            {%- for series in plan.series if series.kind == kind %},
            CASE WHEN {{ series.condition }} THEN {{ series.id | literal }} END
            {%- endfor %})
        {% endfor %}
        ELSE CAST(NULL AS STRING) END
{%- endmacro %}
{% call part('planned_records') %}
    -- Each record with the plan in force in its month.
    SELECT *,
        CASE
            {% for id, first, last in plans_in_force %}
            WHEN "month" BETWEEN DATE '{{ first }}' AND DATE '{{ last }}' THEN {{ id | literal }}
            {% endfor %}
            ELSE CAST(NULL AS STRING) END AS plan_id
    FROM aged_records
{% endcall %}
{% call part('labelled_records') %}
    -- Each record with the series of that plan it falls under.
    SELECT *, {{ ids_of_series('priority') }} AS priorities,
        {{ ids_of_series('theme') }} AS themes
    FROM planned_records
{% endcall %}
SELECT
    {% for column in columns %}
    {{ ', ' if not loop.first }}"{{ column }}"
    {% endfor %}
FROM labelled_records
{% if feed %}
WHERE feed = {{ feed | literal }}
{% endif %}
ORDER BY source, subject
