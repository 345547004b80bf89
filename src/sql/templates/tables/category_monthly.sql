{% set window_filter = shared.months %}
{% set series_filter %}split_part(series_key, '|', 4) <> ''{% endset %}
{% include 'cells.sql' %}
{% call part('editions') %}
    -- The editions of the code list that a partner used.
    SELECT partner_kind, series_key, {{ dialect.joined_distinct('edition') }} AS edition
    FROM records
    JOIN (SELECT classification, edition,
        '*|' || series_kind || '|' || code || '|' || scheme AS series_key FROM coded) AS c
        ON c.classification = records.classification
    WHERE edition IS NOT NULL
    GROUP BY partner_kind, series_key
{% endcall %}
SELECT {{ shared.keys }}, {{ shared.count }}, editions.edition
FROM cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
LEFT JOIN editions ON editions.partner_kind = c.partner_kind AND editions.series_key = c.series_key
WHERE {{ shared.has_row }}
