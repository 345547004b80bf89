{% set window_filter %}family IN ('month', 'quarter'){% endset %}
{% set series_filter = shared.without_use_of_feed %}
{% set area_filter = shared.without_small_areas %}
{% include 'cells.sql' %}
{% include 'control_chart.sql' %}
{% call part('point_sides') %}
    SELECT s.window_plan, s.series_key, s.partner_kind, s.area_key, s.family, s.segment,
        s.first_month, s.months, plotted, lower, upper,
        CASE WHEN plotted > centre THEN 1 WHEN plotted < centre THEN -1 ELSE 0 END AS side,
        row_number() OVER (PARTITION BY s.window_plan, s.series_key, s.partner_kind, s.area_key,
            s.family, s.segment ORDER BY s.first_month) AS number
    FROM moving_ranges AS s
    JOIN limits AS l
        ON l.window_plan = s.window_plan AND l.series_key = s.series_key
        AND l.partner_kind = s.partner_kind AND l.area_key = s.area_key
        AND l.family = s.family AND l.segment = s.segment
{% endcall %}
{% call part('point_runs') %}
    -- Points in a row on one side of the centre have one run number.
    SELECT *,
        number - row_number() OVER (PARTITION BY window_plan, series_key, partner_kind, area_key,
        family, segment, side ORDER BY first_month) AS run_number
    FROM point_sides
{% endcall %}
{% call part('signals') %}
    -- The eighth point of a run is a signal.
    SELECT window_plan, series_key, partner_kind, area_key, family, first_month, CASE
        WHEN plotted > upper THEN 'above' WHEN plotted < lower THEN 'below'
        WHEN side <> 0 AND row_number() OVER (
            PARTITION BY window_plan, series_key, partner_kind, area_key, family, segment, side,
                run_number ORDER BY first_month) = 8 THEN 'run'
        ELSE 'none' END AS signal
    FROM point_runs
{% endcall %}
{% call part('charted_points') %}
    SELECT p.*,
        count(plotted) OVER (PARTITION BY window_plan, series_key, partner_kind, area_key, family,
        segment) AS points
    FROM points AS p
{% endcall %}
SELECT {{ shared.keys }}, {{ shared.count }}, l.centre, l.lower, l.upper, c.points,
    CASE WHEN plotted IS NULL THEN 'excluded' WHEN l.centre IS NULL THEN 'insufficient'
        ELSE signals.signal END AS signal,
    CAST(c.segment AS BIGINT) AS segment
FROM charted_points AS c {{ shared.joins }} AND w.window_id = c.window_id
{{ shared.labels_of_cells }}
LEFT JOIN limits AS l
    ON l.window_plan = c.window_plan AND l.series_key = c.series_key
    AND l.partner_kind = c.partner_kind AND l.area_key = c.area_key
    AND l.family = c.family AND l.segment = c.segment
LEFT JOIN signals
    ON signals.window_plan = c.window_plan AND signals.series_key = c.series_key
    AND signals.partner_kind = c.partner_kind
    AND signals.area_key = c.area_key AND signals.family = c.family
        AND signals.first_month = c.first_month
-- A code without limits has no chart.
LEFT JOIN (SELECT DISTINCT window_plan, series_key, partner_kind, area_key FROM limits) AS charted
    ON charted.window_plan = c.window_plan AND charted.series_key = c.series_key
    AND charted.partner_kind = c.partner_kind AND charted.area_key = c.area_key
WHERE charted.area_key IS NOT NULL OR NOT {{ shared.has_code }}
