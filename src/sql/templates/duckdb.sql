{# What DuckDB and Spark call differently, as DuckDB calls it. #}
{% macro days_between(from, to) %}date_diff('day', {{ from }}, {{ to }}){% endmacro %}
{% macro joined_distinct(column) -%}
array_to_string(list_sort(list(DISTINCT {{ column }})), ';')
{%- endmacro %}
{% macro joined_in_order(item, position) -%}
string_agg({{ item }}, ';' ORDER BY {{ position }})
{%- endmacro %}
{% macro ledger_rows(files, columns) -%}
(
        SELECT * FROM read_parquet({{ files }}, union_by_name = true, hive_partitioning = false)
        UNION ALL BY NAME
        SELECT {% for column in columns %}{{ ', ' if not loop.first }}CAST(NULL AS {{ column.sql_type }}) AS "{{ column.name }}"
            {%- endfor %}

        WHERE false
    )
{%- endmacro %}
{% macro london_day(instant) %}CAST({{ london_time(instant) }} AS DATE){% endmacro %}
{% macro london_time(instant) %}timezone('Europe/London', {{ instant }}){% endmacro %}
{% macro microseconds(instant) %}epoch_us({{ instant }}){% endmacro %}
{% macro numbered_rows_of_text(list) -%}
unnest(split({{ list }}, ';')) AS item, generate_subscripts(split({{ list }}, ';'), 1) AS nth
{%- endmacro %}
{% macro rows_of_array(items) %}unnest(list_value({{ items }})){% endmacro %}
{% macro rows_of_text(list) %}unnest(split({{ list }}, ';')){% endmacro %}
{% macro weekday(day) %}CAST(isodow({{ day }}) AS INT){% endmacro %}
