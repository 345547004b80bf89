{# The keys of the plans' series that a record counts in; null where it does not. #}
{% set series_of_record %}
'*|total|total|'
            {% for plan in plans %}
            , CASE WHEN
                {%- for series in plan.series %} {{ 'OR ' if not loop.first }}{{ series.column }}
                {%- else %} false{% endfor %}

                THEN {{ plan.mapped | literal }}
                WHEN NOT {{ plan.column }}_possible THEN {{ plan.unmapped | literal }} END
            {% for series in plan.series %}
            , CASE WHEN {{ series.column }} THEN {{ series.key | literal }} END
            {% endfor %}
            {% endfor %}
{% endset %}
{# The keys of the further series that a record may count in, since a code of it is unknown. #}
{% set possible_series_of_record %}
CAST(NULL AS STRING)
            {% for plan in plans %}
            {% set is_unmapped -%}
            {{ plan.column }}_possible
                {%- for series in plan.series %} AND NOT {{ series.column }}{% endfor %}
            {%- endset %}
            , CASE WHEN {{ is_unmapped }} THEN {{ plan.mapped | literal }} END
            , CASE WHEN {{ is_unmapped }} THEN {{ plan.unmapped | literal }} END
            {% for series in plan.series %}
            , CASE WHEN unknown_schemes IS NOT NULL AND NOT {{ series.column }}
                AND coalesce({{ series.possible }}, false) THEN {{ series.key | literal }} END
            {% endfor %}
            {% endfor %}
{% endset %}
{% call part('matched_records', stored=true) %}
    -- Whether a record falls under each series: any rule matches, each with all its keys.
    SELECT *
        {% for plan in plans %}
        {% for series in plan.series %}
        , coalesce({{ series.condition }}, false) AS {{ series.column }}
        {% endfor %}
        , unknown_schemes IS NOT NULL AND (false
            {%- for series in plan.series %} OR coalesce({{ series.possible }}, false)
            {%- endfor %}) AS {{ plan.column }}_possible
        {% endfor %}
    FROM aged_records
{% endcall %}
{% call part('record_series', stored=true) %}
    -- The series each record counts in, as `plan|kind|id|scheme`; plan `*`: every plan.
    SELECT * FROM (
        SELECT id, source, partner_kind, is_total, classification, sent_area,
            month_number{{ split_by }}, {{ dialect.rows_of_array(series_of_record) }} AS series_key
        FROM matched_records
        UNION ALL
        SELECT id, source, partner_kind, is_total, records.classification, sent_area,
            month_number{{ split_by }},
            '*|' || c.series_kind || '|' || c.code || '|' || c.scheme AS series_key
        FROM matched_records AS records
        JOIN (SELECT DISTINCT classification, series_kind, code, scheme FROM coded) AS c
            ON c.classification = records.classification
    ) AS l WHERE series_key IS NOT NULL
{% endcall %}
{% call part('possible_series', stored=true) %}
    -- The further series each record may count in, since a code of it is unknown.
    SELECT * FROM (
        SELECT source, partner_kind, is_total, classification, sent_area, month_number,
            {{ dialect.rows_of_array(possible_series_of_record) }} AS series_key
        FROM matched_records WHERE unknown_schemes IS NOT NULL
    ) AS l WHERE series_key IS NOT NULL
{% endcall %}
