{% set area_filter -%}
{{ shared.without_codes_of_small_areas }} AND {{ shared.use_of_feed_of_districts }}
{%- endset %}
{% set counts_records %}split_part(c.partner_kind, '|', 3) NOT LIKE 'count:%'{% endset %}
{# Whether a rate is per 1,000 persons or per 1,000 households. #}
{% set rate_unit %}
{% if rate_units %}
CASE split_part(c.partner_kind, '|', 3)
    {% for kind, unit in rate_units %}
    WHEN {{ kind | literal }} THEN {{ unit | literal }}
    {% endfor %}
    ELSE 'persons' END
{%- else %}
'persons'
{%- endif %}
{% endset %}
{% set middle = 'window_from + CAST(floor(days / 2) AS INT)' %}
{% include 'cells.sql' %}
{% call part('nearest_populations') %}
    -- The population of the date nearest to the middle of the window.
    SELECT * FROM (
        SELECT p.area_code, p.population_unit, window_id, p.population, p.population_date,
            row_number() OVER (
                PARTITION BY p.area_code, p.population_unit, window_id
                ORDER BY abs({{ dialect.days_between('p.population_date', middle) }}),
                    p.population_date) AS row_rank
        FROM {{ file('populations') }} AS p CROSS JOIN counted_windows
    ) AS p WHERE row_rank = 1
{% endcall %}
{% call part('peers') %}
    SELECT DISTINCT p.partner_kind, p.area_key, split_part(p.area_key, '|', 1) AS area_code,
        a.rank_set,
        concat_ws('|', split_part(p.area_key, '|', 2), split_part(p.area_key, '|', 3),
            split_part(p.area_key, '|', 4)) AS tier
    FROM shown_areas AS p
    JOIN {{ file('areas') }} AS a
        ON a.area_code = split_part(p.area_key, '|', 1)
        AND a.area_level = split_part(p.area_key, '|', 2)
    WHERE a.rank_set IS NOT NULL
{% endcall %}
{% call part('rank_measures') %}
    -- Areas are ranked by rate where all areas of their tier have a population, else by count.
    SELECT p.partner_kind, p.tier, counted_windows.window_id, count(*) AS peers,
        count(nearest_populations.population) = count(*) AS by_rate
    FROM (SELECT c.*, {{ rate_unit }} AS unit FROM peers AS c) AS p
    CROSS JOIN counted_windows
    LEFT JOIN nearest_populations
        ON nearest_populations.area_code = p.area_code
        AND nearest_populations.population_unit = unit
        AND nearest_populations.window_id = counted_windows.window_id
    GROUP BY p.partner_kind, p.tier, counted_windows.window_id
{% endcall %}
{% call part('window_cells', stored=true) %}
    SELECT c.*, w.window_id, coalesce(span_status.best_status, 0) AS best_status, peers.rank_set,
        peers.tier, n.population,
        n.population_unit, n.population_date,
        max(CASE WHEN c.series_key = '*|total|total|' THEN exact END)
            OVER (PARTITION BY c.window_plan, c.partner_kind, c.area_key, w.window_id) AS total
    FROM cells AS c {{ shared.joins }}
    LEFT JOIN peers ON peers.partner_kind = c.partner_kind AND peers.area_key = c.area_key
    LEFT JOIN nearest_populations AS n
        ON n.area_code = split_part(c.area_key, '|', 1) AND n.window_id = w.window_id
        AND n.population_unit = {{ rate_unit }}
{% endcall %}
{% call part('rank_values') %}
    SELECT t.*, r.peers, r.by_rate, CASE WHEN r.by_rate THEN 1e3 * lo / population
        ELSE CAST(lo AS DOUBLE) END AS least_value,
        CASE WHEN r.by_rate THEN 1e3 * most / population ELSE CAST(most AS DOUBLE) END AS most_value
    FROM window_cells AS t
    JOIN rank_measures AS r
        ON r.partner_kind = t.partner_kind AND r.tier = t.tier AND r.window_id = t.window_id
    WHERE best_status >= 3
{% endcall %}
{% call part('rank_inputs') %}
    -- Exact values have one rank; values with bounds are compared pair by pair for a range.
    SELECT *,
        rank() OVER (PARTITION BY window_plan, series_key, partner_kind, tier, window_id
        ORDER BY least_value DESC) AS row_rank,
        count(*) OVER (PARTITION BY window_plan, series_key, partner_kind, tier,
            window_id) AS present,
        count(exact) OVER (PARTITION BY window_plan, series_key, partner_kind, tier,
            window_id) AS exacts,
        count(most) OVER (PARTITION BY window_plan, series_key, partner_kind, tier,
            window_id) AS supplied
    FROM rank_values
{% endcall %}
{% call part('ranks') %}
    SELECT window_plan, series_key, partner_kind, area_key, window_id, row_rank AS rank_min,
        row_rank AS rank_max, supplied, by_rate
    FROM rank_inputs WHERE exacts = peers
    UNION ALL
    SELECT a.window_plan, a.series_key, a.partner_kind, a.area_key, a.window_id,
        1 + count(CASE WHEN b.least_value > a.most_value THEN 1 END),
        1 + count(CASE WHEN b.most_value IS NULL OR b.most_value > a.least_value
            THEN 1 END) + max(a.peers - a.present)
            - max(CASE WHEN a.most_value > a.least_value THEN 1 ELSE 0 END),
        a.supplied, a.by_rate
    FROM (SELECT * FROM rank_inputs WHERE exacts < peers AND most IS NOT NULL) AS a
    JOIN (SELECT * FROM rank_inputs WHERE exacts < peers) AS b
        ON b.window_plan = a.window_plan AND b.series_key = a.series_key
        AND b.partner_kind = a.partner_kind AND b.tier = a.tier AND b.window_id = a.window_id
    GROUP BY a.window_plan, a.series_key, a.partner_kind, a.area_key, a.window_id, a.supplied,
        a.by_rate
{% endcall %}
{% if harm_set is not none %}
{% include 'harm.sql' %}
{% endif %}
SELECT {{ shared.keys }}, {{ shared.count }}, CAST(w.days AS BIGINT) AS days,
    1e2 * exact / nullif(c.total, 0) AS share_pct,
    c.population, c.population_unit, c.population_date, 1e3 * exact / c.population AS rate_per_1000,
    rank_min, rank_max, supplied AS rank_of, CASE WHEN rank_min IS NOT NULL
        THEN c.rank_set END AS rank_set,
    CASE WHEN rank_min IS NULL THEN NULL WHEN by_rate THEN 'rate_per_1000'
        ELSE 'count_value' END AS rank_measure,
{% if harm_set is none %}
    CAST(NULL AS DOUBLE) AS harm, CAST(NULL AS STRING) AS harm_set,
        CAST(NULL AS BIGINT) AS harm_unweighted
{% else %}
    CASE WHEN exact IS NOT NULL AND {{ counts_records }} THEN coalesce(h.harm, 0e0) END AS harm,
    CASE WHEN {{ counts_records }} THEN {{ harm_set | literal }} END AS harm_set,
    CASE WHEN {{ counts_records }} THEN coalesce(h.unweighted, 0) END AS harm_unweighted
{% endif %}
FROM window_cells AS c {{ shared.joins }} AND w.window_id = c.window_id
{{ shared.labels_of_cells }}
LEFT JOIN ranks
    ON ranks.window_plan = c.window_plan AND ranks.series_key = c.series_key
    AND ranks.partner_kind = c.partner_kind
    AND ranks.area_key = c.area_key AND ranks.window_id = c.window_id
{% if harm_set is not none %}
LEFT JOIN harm_sums AS h
    ON h.series_key = c.series_key AND h.partner_kind = c.partner_kind AND h.area_key = c.area_key
    AND h.first_month = c.first_month AND h.months = c.months
{% endif %}
WHERE {{ shared.is_shown_window }} AND {{ shared.has_row }}
