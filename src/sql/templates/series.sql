{% set series_of_record %}
'*|total|total|'
            {% for plan in plans %}
            , CASE WHEN
                {%- for series in plan.series %} {{ 'OR ' if not loop.first }}{{ series.column }}{% else %} false{% endfor %}

                THEN {{ plan.mapped | literal }} ELSE {{ plan.unmapped | literal }} END
            {% for series in plan.series %}
            , CASE WHEN {{ series.column }} THEN {{ series.key | literal }} END
            {% endfor %}
            {% endfor %}
{% endset %}
{% call part('tests') %}
    -- Which codes of the rules a record has.
    SELECT what
        {% for test in code_tests %}
        , bool_or(coalesce({{ test }}, false)) AS c{{ loop.index0 }}
        {% endfor %}
    FROM folded GROUP BY what
{% endcall %}
{% call part('aged') %}
    -- Under which priorities and themes a record falls: any rule matches, each with all its keys.
    SELECT records.*{% for test in code_tests %}, c{{ loop.index0 }}{% endfor %},
        {% for who in ['person', 'victim', 'suspect'] %}
        TRY_CAST(replace(split_part({{ who }}_age_band, '-', 1), '+', '') AS INT) AS {{ who }}_low,
        CASE WHEN {{ who }}_age_band LIKE '%+' THEN 255 ELSE TRY_CAST(split_part({{ who }}_age_band, '-', 2) AS INT) END AS {{ who }}_high,
        {% endfor %}
        "hour" * 60 + CAST(floor({{ dialect.microseconds('occurred_from') }} / 6e7) % 60 AS INT) AS minute_of_day
    FROM records LEFT JOIN tests ON tests.what = records.what
{% endcall %}
{% call part('judged', stored=true) %}
    SELECT *
        {% for plan in plans %}
        {% for series in plan.series %}
        , coalesce({{ series.condition }}, false) AS {{ series.column }}
        {% endfor %}
        {% endfor %}
    FROM aged
{% endcall %}
{% call part('lined', stored=true) %}
    -- The series it counts in, each `plan|kind|id|scheme`; `*` = of every plan.
    SELECT * FROM (
        SELECT id, source, whose, is_total, what, sent, m{{ split_by }}, {{ dialect.rows_of_array(series_of_record) }} AS line
        FROM judged
        UNION ALL
        SELECT id, source, whose, is_total, records.what, sent, m{{ split_by }},
            '*|' || c.series_kind || '|' || c.code || '|' || c.scheme AS line
        FROM judged AS records
        JOIN (SELECT DISTINCT what, series_kind, code, scheme FROM coded) AS c ON c.what = records.what
    ) AS l WHERE line IS NOT NULL
{% endcall %}
