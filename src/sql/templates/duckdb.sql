{# What DuckDB and Spark call differently, as DuckDB calls it. #}
{% macro days_between(from, to) %}date_diff('day', {{ from }}, {{ to }}){% endmacro %}
{% macro joined_distinct(column) -%}
array_to_string(list_sort(list(DISTINCT {{ column }})), ';')
{%- endmacro %}
{% macro london_day(instant) %}CAST(timezone('Europe/London', {{ instant }}) AS DATE){% endmacro %}
{% macro microseconds(instant) %}epoch_us({{ instant }}){% endmacro %}
{% macro rows_of_array(items) %}unnest(list_value({{ items }})){% endmacro %}
{% macro rows_of_text(list) %}unnest(split({{ list }}, ';')){% endmacro %}
