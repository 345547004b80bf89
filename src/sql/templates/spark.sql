{# What DuckDB and Spark call differently, as Spark calls it in its ANSI mode. #}
{% macro days_between(from, to) %}datediff({{ from }}, {{ to }}){% endmacro %}
{% macro joined_distinct(column) -%}
array_join(array_sort(collect_set({{ column }})), ';')
{%- endmacro %}
{% macro london_day(instant) -%}
CAST(convert_timezone(current_timezone(), 'Europe/London',
    CAST({{ instant }} AS TIMESTAMP_NTZ)) AS DATE)
{%- endmacro %}
{% macro microseconds(instant) %}unix_micros({{ instant }}){% endmacro %}
{% macro rows_of_array(items) %}explode(array({{ items }})){% endmacro %}
{% macro rows_of_text(list) %}explode(split({{ list }}, ';')){% endmacro %}
