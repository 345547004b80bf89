{# What DuckDB and Spark call differently, as Spark calls it in its ANSI mode. #}
{% macro days_between(from, to) %}datediff({{ from }}, {{ to }}){% endmacro %}
{% macro joined_distinct(column) -%}
array_join(array_sort(collect_set({{ column }})), ';')
{%- endmacro %}
{% macro joined_in_order(item, position) -%}
array_join(transform(array_sort(collect_list(CASE WHEN {{ item }} IS NOT NULL
        THEN struct({{ position }} AS position, {{ item }} AS item) END)), s -> s.item), ';')
{%- endmacro %}
{% macro ledger_rows(files, columns) %}{{ files }}{% endmacro %}
{% macro london_day(instant) %}CAST({{ london_time(instant) }} AS DATE){% endmacro %}
{% macro london_time(instant) -%}
convert_timezone(current_timezone(), 'Europe/London', CAST({{ instant }} AS TIMESTAMP_NTZ))
{%- endmacro %}
{% macro microseconds(instant) %}unix_micros({{ instant }}){% endmacro %}
{% macro numbered_rows_of_text(list) %}posexplode(split({{ list }}, ';')) AS (nth, item){% endmacro %}
{% macro rows_of_array(items) %}explode(array({{ items }})){% endmacro %}
{% macro rows_of_text(list) %}explode(split({{ list }}, ';')){% endmacro %}
{% macro weekday(day) %}weekday({{ day }}) + 1{% endmacro %}
