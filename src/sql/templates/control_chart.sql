{# The number of the segment of a chart; a break begins a new one. #}
{% set segment %}
1
        {% for change in breaks %}
        + CASE WHEN {{ change.applies }} THEN CASE
            WHEN {{ change.from }} <= w.first_month + w.months - 1 THEN 1 ELSE 0 END
            {% if change.is_gradual %}
            + CASE WHEN {{ change.to }} < w.first_month THEN 1 ELSE 0 END
            {% endif %}
            ELSE 0 END
        {% endfor %}
{% endset %}
{% call part('points', stored=true) %}
    -- The months and quarters of a chart; only final figures are plotted.
    SELECT c.*, w.window_id, w.family, {{ segment }} AS segment, CASE WHEN {{ shared.area_status }} = 4
        THEN exact END AS plotted
    FROM cells AS c {{ shared.joins }}
    WHERE w.family IN ('month', 'quarter')
        AND split_part(c.area_key, '|', 2) IN ('all-received', 'district', 'set')
        AND split_part(c.area_key, '|', 1) NOT IN ('no-location', 'outside', 'unplaced')
{% endcall %}
{% call part('moving_ranges') %}
    SELECT *,
        abs(plotted - lag(plotted) OVER (PARTITION BY window_plan, series_key, partner_kind,
        area_key, family, segment ORDER BY first_month)) AS step
    FROM points WHERE plotted IS NOT NULL
{% endcall %}
{% call part('limits') %}
    -- The centre and the limits of a segment with at least 12 points and a mean of at least 5; never
    -- narrower than those of a Poisson count.
    SELECT window_plan, series_key, partner_kind, area_key, family, segment, centre,
        greatest(least(centre - spread, centre - 3 * sqrt(centre) + 4e0 / 3), 0e0) AS lower,
        greatest(centre + spread, centre + 3 * sqrt(centre) + 4e0 / 3) AS upper,
        spread / 3 AS sigma, points
    FROM (
        SELECT window_plan, series_key, partner_kind, area_key, family, segment,
            avg(plotted) AS centre,
            CAST(2.66 AS DOUBLE) * sum(step) / (count(*) - 1) AS spread, count(*) AS points
        FROM moving_ranges
        GROUP BY window_plan, series_key, partner_kind, area_key, family, segment
        HAVING count(*) >= 12 AND avg(plotted) >= 5
    ) AS m
{% endcall %}
