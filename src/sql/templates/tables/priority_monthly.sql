{% set window_filter = shared.months %}
{% set series_filter = shared.without_codes %}
{% set area_filter = shared.use_of_feed_of_districts %}
{% include 'cells.sql' %}
SELECT {{ shared.keys }}, {{ shared.count }}
FROM cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
WHERE {{ shared.has_row }}
