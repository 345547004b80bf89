,
points AS (
    SELECT c.*, w."window", w.family, {segment} AS segment, CASE WHEN worst.status = 4 THEN exact END AS v
    FROM cells AS c {joins}
    WHERE w.family IN ('month', 'quarter') AND split_part(c.place, '|', 2) IN ('all', 'district', 'set')
        AND split_part(c.place, '|', 1) NOT IN ('no-location', 'outside', 'unplaced')
),
stepped AS (
    SELECT *, abs(v - lag(v) OVER (PARTITION BY frame, line, whose, place, family, segment ORDER BY m0)) AS step
    FROM points WHERE v IS NOT NULL
),
limits AS (
    SELECT frame, line, whose, place, family, segment, avg(v) AS centre,
        greatest(avg(v) - CAST(2.66 AS DOUBLE) * sum(step) / (count(*) - 1), 0e0) AS lower,
        avg(v) + CAST(2.66 AS DOUBLE) * sum(step) / (count(*) - 1) AS upper
    FROM stepped GROUP BY frame, line, whose, place, family, segment HAVING count(*) >= 12
)
