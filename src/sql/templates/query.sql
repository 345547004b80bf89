{% import dialect_file as dialect %}
{% import 'shared.sql' as shared %}
{# What a table sets as it needs: conditions on the windows, series and areas it counts, columns
   that split its counts, and more months to count. #}
{% set window_filter = 'true' %}
{% set series_filter = 'true' %}
{% set area_filter = 'true' %}
{% set split_by = '' %}
{% set more_spans = '' %}
{% include 'tables/' ~ table ~ '.sql' %}
