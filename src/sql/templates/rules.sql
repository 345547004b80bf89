{% call part('code_tests') %}
    -- Which of the conditions on codes each classification meets; rules combine them.
    SELECT classification
        {% for test in code_tests %}
        , bool_or(coalesce({{ test }}, false)) AS c{{ loop.index0 }}
        {% endfor %}
    FROM folded GROUP BY classification
{% endcall %}
{% call part('aged_records') %}
    -- Records with what else rules test: the bounds of age bands, the minute of the day.
    SELECT records.*{% for test in code_tests %}, c{{ loop.index0 }}{% endfor %},
        {% for who in ['person', 'victim', 'suspect'] %}
        TRY_CAST(replace(split_part({{ who }}_age_band, '-', 1), '+', '') AS INT) AS {{ who }}_low,
        CASE WHEN {{ who }}_age_band LIKE '%+' THEN 255
            ELSE TRY_CAST(split_part({{ who }}_age_band, '-', 2) AS INT) END AS {{ who }}_high,
        {% endfor %}
        "hour" * 60
            + CAST(floor({{ dialect.microseconds('occurred_from') }} / 6e7) % 60 AS INT)
            AS minute_of_day
    FROM records LEFT JOIN code_tests ON code_tests.classification = records.classification
{% endcall %}
