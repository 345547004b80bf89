{# The number of the segment of a chart: breaks begin new ones. #}
{% set segment %}
1
        {% for change in breaks %}
        + CASE WHEN {{ change.applies }} THEN CASE WHEN {{ change.from }} <= w.m0 + w.months - 1 THEN 1 ELSE 0 END
            {% if change.is_gradual %}
            + CASE WHEN {{ change.to }} < w.m0 THEN 1 ELSE 0 END
            {% endif %}
            ELSE 0 END
        {% endfor %}
{% endset %}
{% call part('points', stored=true) %}
    SELECT c.*, w."window", w.family, {{ segment }} AS segment, CASE WHEN worst.status = 4 THEN exact END AS v
    FROM cells AS c {{ shared.joins }}
    WHERE w.family IN ('month', 'quarter') AND split_part(c.place, '|', 2) IN ('all', 'district', 'set')
        AND split_part(c.place, '|', 1) NOT IN ('no-location', 'outside', 'unplaced')
{% endcall %}
{% call part('stepped') %}
    SELECT *, abs(v - lag(v) OVER (PARTITION BY frame, line, whose, place, family, segment ORDER BY m0)) AS step
    FROM points WHERE v IS NOT NULL
{% endcall %}
{% call part('limits') %}
    SELECT frame, line, whose, place, family, segment, avg(v) AS centre,
        greatest(avg(v) - CAST(2.66 AS DOUBLE) * sum(step) / (count(*) - 1), 0e0) AS lower,
        avg(v) + CAST(2.66 AS DOUBLE) * sum(step) / (count(*) - 1) AS upper
    FROM stepped GROUP BY frame, line, whose, place, family, segment HAVING count(*) >= 12
{% endcall %}
