{% set window_filter %}family IN ('month', 'quarter'){% endset %}
{% set area_filter = shared.without_small_areas %}
{% include 'cells.sql' %}
{% include 'control_chart.sql' %}
{% call part('sided') %}
    SELECT s.frame, s.line, s.whose, s.place, s.family, s.segment, s.m0, s.months, v, lower, upper,
        CASE WHEN v > centre THEN 1 WHEN v < centre THEN -1 ELSE 0 END AS side,
        row_number() OVER (PARTITION BY s.frame, s.line, s.whose, s.place, s.family, s.segment ORDER BY s.m0) AS number
    FROM stepped AS s
    JOIN limits AS l ON l.frame = s.frame AND l.line = s.line AND l.whose = s.whose AND l.place = s.place
        AND l.family = s.family AND l.segment = s.segment
{% endcall %}
{% call part('islands') %}
    SELECT *, number - row_number() OVER (PARTITION BY frame, line, whose, place, family, segment, side ORDER BY m0) AS island
    FROM sided
{% endcall %}
{% call part('signals') %}
    SELECT frame, line, whose, place, family, m0, CASE
        WHEN v > upper THEN 'above' WHEN v < lower THEN 'below'
        WHEN side <> 0 AND row_number() OVER (
            PARTITION BY frame, line, whose, place, family, segment, side, island ORDER BY m0) = 8 THEN 'run'
        ELSE 'none' END AS signal
    FROM islands
{% endcall %}
{% call part('drawn') %}
    SELECT p.*, count(v) OVER (PARTITION BY frame, line, whose, place, family, segment) AS points,
        bool_or(exact IS NULL OR exact <> 0) OVER (PARTITION BY frame, line, whose, place) AS is_told
    FROM points AS p
{% endcall %}
SELECT {{ shared.keys }}, {{ shared.count }}, l.centre, l.lower, l.upper, c.points,
    CASE WHEN v IS NULL THEN 'excluded' WHEN l.centre IS NULL THEN 'insufficient' ELSE signals.signal END AS signal,
    CAST(c.segment AS BIGINT) AS segment
FROM drawn AS c {{ shared.joins }} AND w."window" = c."window"
LEFT JOIN limits AS l ON l.frame = c.frame AND l.line = c.line AND l.whose = c.whose AND l.place = c.place
    AND l.family = c.family AND l.segment = c.segment
LEFT JOIN signals ON signals.frame = c.frame AND signals.line = c.line AND signals.whose = c.whose
    AND signals.place = c.place AND signals.family = c.family AND signals.m0 = c.m0
WHERE is_told OR NOT {{ shared.has_code }}
