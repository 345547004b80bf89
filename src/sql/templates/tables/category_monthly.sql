{% set window_filter = shared.months %}
{% set series_filter %}split_part(line, '|', 4) <> ''{% endset %}
{% include 'cells.sql' %}
{% call part('editions') %}
    SELECT whose, line, {{ dialect.joined_distinct('edition') }} AS edition
    FROM records
    JOIN (SELECT what, edition, '*|' || series_kind || '|' || code || '|' || scheme AS line FROM coded) AS c ON c.what = records.what
    WHERE edition IS NOT NULL
    GROUP BY whose, line
{% endcall %}
{% call part('labels') %}
    SELECT DISTINCT '*|' || series_kind || '|' || code || '|' || f.scheme AS line, label
    FROM folded AS f JOIN ({{ shared.values(labels) }}) AS t(scheme, like_code, label) ON t.scheme = f.scheme AND like_code = folded
{% endcall %}
SELECT {{ shared.keys }}, {{ shared.count }}, labels.label, editions.edition
FROM cells AS c {{ shared.joins }}
LEFT JOIN labels ON labels.line = c.line
LEFT JOIN editions ON editions.whose = c.whose AND editions.line = c.line
WHERE NOT {{ shared.is_small_area }} OR exact IS NULL OR exact <> 0
