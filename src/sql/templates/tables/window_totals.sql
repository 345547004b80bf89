{% set area_filter = shared.without_codes_of_small_areas %}
{% set of_records %}split_part(c.whose, '|', 3) NOT LIKE 'count:%'{% endset %}
{# Whether a rate is per 1,000 persons or per 1,000 households. #}
{% set rate_unit %}
{% if rate_units %}
CASE split_part(c.whose, '|', 3)
    {% for kind, unit in rate_units %}
    WHEN {{ kind | literal }} THEN {{ unit | literal }}
    {% endfor %}
    ELSE 'persons' END
{%- else %}
'persons'
{%- endif %}
{% endset %}
{% include 'cells.sql' %}
{% call part('near') %}
    -- Of the populations held the nearest to the middle of the window.
    SELECT * FROM (
        SELECT p.area_code, p.population_unit, "window", p.population, p.population_date, row_number() OVER (
            PARTITION BY p.area_code, p.population_unit, "window"
            ORDER BY abs({{ dialect.days_between('p.population_date', 'window_from + CAST(floor(days / 2) AS INT)') }}), p.population_date) AS place
        FROM {{ file('populations') }} AS p CROSS JOIN wins
    ) AS p WHERE place = 1
{% endcall %}
{% call part('peers') %}
    SELECT DISTINCT p.whose, p.place, split_part(p.place, '|', 1) AS area_code, a.rank_set,
        concat_ws('|', split_part(p.place, '|', 2), split_part(p.place, '|', 3), split_part(p.place, '|', 4)) AS tier
    FROM places AS p
    JOIN {{ file('areas') }} AS a ON a.area_code = split_part(p.place, '|', 1) AND a.area_level = split_part(p.place, '|', 2)
    WHERE a.rank_set IS NOT NULL
{% endcall %}
{% call part('by_rate') %}
    -- Whether every area of a tier has a population.
    SELECT p.whose, p.tier, wins."window", count(*) AS peers, count(near.population) = count(*) AS by_rate
    FROM (SELECT c.*, {{ rate_unit }} AS unit FROM peers AS c) AS p
    CROSS JOIN wins
    LEFT JOIN near ON near.area_code = p.area_code AND near.population_unit = unit AND near."window" = wins."window"
    GROUP BY p.whose, p.tier, wins."window"
{% endcall %}
{% call part('told', stored=true) %}
    SELECT c.*, w."window", coalesce(worst.best, 0) AS best, peers.rank_set, peers.tier, n.population,
        n.population_unit, n.population_date,
        max(CASE WHEN c.line = '*|total|total|' THEN exact END)
            OVER (PARTITION BY c.frame, c.whose, c.place, w."window") AS total
    FROM cells AS c {{ shared.joins }}
    LEFT JOIN peers ON peers.whose = c.whose AND peers.place = c.place
    LEFT JOIN near AS n ON n.area_code = split_part(c.place, '|', 1) AND n."window" = w."window"
        AND n.population_unit = {{ rate_unit }}
{% endcall %}
{% call part('measured') %}
    SELECT t.*, r.peers, r.by_rate, CASE WHEN r.by_rate THEN 1e3 * lo / population ELSE CAST(lo AS DOUBLE) END AS least_value,
        CASE WHEN r.by_rate THEN 1e3 * most / population ELSE CAST(most AS DOUBLE) END AS most_value
    FROM told AS t JOIN by_rate AS r ON r.whose = t.whose AND r.tier = t.tier AND r."window" = t."window"
    WHERE best >= 3
{% endcall %}
{% call part('ordered') %}
    -- Where all are exact a rank is one; where they are not, each is held against each.
    SELECT *, rank() OVER (PARTITION BY frame, line, whose, tier, "window" ORDER BY least_value DESC) AS place_of,
        count(*) OVER (PARTITION BY frame, line, whose, tier, "window") AS here,
        count(exact) OVER (PARTITION BY frame, line, whose, tier, "window") AS exacts,
        count(most) OVER (PARTITION BY frame, line, whose, tier, "window") AS supplied
    FROM measured
{% endcall %}
{% call part('ranked') %}
    SELECT frame, line, whose, place, "window", place_of AS rank_min, place_of AS rank_max, supplied, by_rate
    FROM ordered WHERE exacts = peers
    UNION ALL
    SELECT a.frame, a.line, a.whose, a.place, a."window",
        1 + count(CASE WHEN b.least_value > a.most_value THEN 1 END),
        1 + count(CASE WHEN b.most_value IS NULL OR b.most_value > a.least_value THEN 1 END) + max(a.peers - a.here)
            - max(CASE WHEN a.most_value > a.least_value THEN 1 ELSE 0 END),
        a.supplied, a.by_rate
    FROM (SELECT * FROM ordered WHERE exacts < peers AND most IS NOT NULL) AS a
    JOIN (SELECT * FROM ordered WHERE exacts < peers) AS b ON b.frame = a.frame AND b.line = a.line
        AND b.whose = a.whose AND b.tier = a.tier AND b."window" = a."window"
    GROUP BY a.frame, a.line, a.whose, a.place, a."window", a.supplied, a.by_rate
{% endcall %}
{% if harm_set is not none %}
{% include 'harm.sql' %}
{% endif %}
SELECT {{ shared.keys }}, {{ shared.count }}, CAST(w.days AS BIGINT) AS days,
    1e2 * exact / nullif(c.total, 0) AS share_pct,
    c.population, c.population_unit, c.population_date, 1e3 * exact / c.population AS rate_per_1000,
    rank_min, rank_max, supplied AS rank_of, CASE WHEN rank_min IS NOT NULL THEN c.rank_set END AS rank_set,
    CASE WHEN rank_min IS NULL THEN NULL WHEN by_rate THEN 'rate_per_1000' ELSE 'count' END AS rank_measure,
{% if harm_set is none %}
    CAST(NULL AS DOUBLE) AS harm, CAST(NULL AS STRING) AS harm_set, CAST(NULL AS BIGINT) AS harm_unweighted
{% else %}
    CASE WHEN exact IS NOT NULL AND {{ of_records }} THEN coalesce(h.harm, 0e0) END AS harm,
    CASE WHEN {{ of_records }} THEN {{ harm_set | literal }} END AS harm_set, CASE WHEN {{ of_records }} THEN coalesce(h.unweighted, 0) END AS harm_unweighted
{% endif %}
FROM told AS c {{ shared.joins }} AND w."window" = c."window"
LEFT JOIN ranked ON ranked.frame = c.frame AND ranked.line = c.line AND ranked.whose = c.whose
    AND ranked.place = c.place AND ranked."window" = c."window"
{% if harm_set is not none %}
LEFT JOIN harmed AS h ON h.line = c.line AND h.whose = c.whose AND h.place = c.place AND h.m0 = c.m0 AND h.months = c.months
{% endif %}
WHERE NOT ({{ shared.is_small_area }} OR {{ shared.has_code }}) OR exact IS NULL OR exact <> 0
