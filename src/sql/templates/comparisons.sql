{# The comparisons of each count with its bases, and their verdicts. #}
{# The ids of the breaks between a base and a window. #}
{% set breaks_within %}
{% if breaks %}
concat_ws(';'
        {% for change in breaks %}
        , CASE WHEN {{ change.applies }} AND b.base_first_month <= {{ change.last_base }}
            AND {{ change.from }} <= w.first_month + w.months - 1
            THEN {{ change.id | literal }} END
        {% endfor %}
        )
{%- else %}
''
{%- endif %}
{% endset %}
{# The factors by which the breaks between a base and a window raised the figures; null: not known. #}
{% macro raised(size) %}
{{ '1e0' }}
        {% for change in breaks %}
        * CASE WHEN {{ change.applies }} AND b.base_first_month <= {{ change.last_base }}
            AND {{ change.from }} <= w.first_month + w.months - 1
            THEN {% if change[size] is none %}CAST(NULL AS DOUBLE){% else -%}
            (1 + CAST({{ change[size] }} AS DOUBLE) / 100){% endif %} ELSE 1e0 END
        {% endfor %}
{% endmacro %}
{# Whether a difference from a base is more than chance explains: 2.58 standard errors. #}
{% macro is_clear(base) -%}
abs(exact - {{ base }}) >= CAST(2.58 AS DOUBLE)
        * sqrt(greatest(exact + {{ base }} / spans, variance)) AND exact <> {{ base }}
{%- endmacro %}
{# The month of a comparison, if something is wrong with it. #}
{% set month_name -%}
lpad(CAST(CAST(floor(c.month_number / 12) AS INT) AS STRING), 4, '0') || '-'
        || lpad(CAST(CAST(c.month_number % 12 + 1 AS INT) AS STRING), 2, '0')
{%- endset %}
{% set faulty_month -%}
CASE WHEN c.status < 3 OR c.is_open THEN {{ month_name }} END
{%- endset %}
{% set faulty_month_of_area -%}
CASE WHEN c.status < 3 OR c.is_open OR g.month_number IS NOT NULL THEN {{ month_name }} END
{%- endset %}
{% set more_spans %}
UNION SELECT window_plan, base_first_month, months FROM ({{ shared.baselines }}) AS b
{% endset %}
{% include 'cells.sql' %}
{% include 'control_chart.sql' %}
{% call part('base_sums') %}
    -- What a window is compared with: the sum over the months of its baseline.
    SELECT r.window_plan, r.window_id, series_key, c.partner_kind, area_key, r.baseline,
        min(r.base_first_month) AS base_first_month, sum(lo) AS lo,
        CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi, count(*) AS n,
        CASE WHEN min(supply) = max(supply) THEN min(supply) ELSE 1 END AS supply
    FROM ({{ shared.baselines }}) AS r
    JOIN cells AS c
        ON c.window_plan = r.window_plan AND c.first_month = r.base_first_month
        AND c.months = r.months
    GROUP BY r.window_plan, r.window_id, series_key, c.partner_kind, area_key, r.baseline
    HAVING count(*) = CASE WHEN r.baseline = 'mean-5-years' THEN 5 ELSE 1 END
{% endcall %}
{% call part('chart_sigmas') %}
    -- How much a series varies from month to month, or from quarter to quarter.
    SELECT p.window_plan, p.series_key, p.partner_kind, p.area_key, p.window_id,
        p.first_month + p.months - 1 AS last_month, p.months AS period, l.centre, l.sigma, l.points
    FROM points AS p
    JOIN limits AS l
        ON l.window_plan = p.window_plan AND l.series_key = p.series_key
        AND l.partner_kind = p.partner_kind AND l.area_key = p.area_key
        AND l.family = p.family AND l.segment = p.segment
{% endcall %}
{% call part('base_figures') %}
    SELECT window_plan, window_id, series_key, partner_kind, area_key, baseline, base_first_month,
        CAST(floor(lo / n) AS BIGINT) AS base_min,
        CASE WHEN supply = 0 THEN CAST(floor((hi + n - 1) / n) AS BIGINT) END AS base_max,
        CASE WHEN supply = 2 THEN 'not_supplied' WHEN supply = 1 THEN 'partial' WHEN lo = hi
            THEN 'exact'
            ELSE 'interval' END AS base_status,
        CASE WHEN supply = 0 AND lo = hi THEN CAST(lo AS DOUBLE) / n END AS base,
        CAST(lo AS DOUBLE) AS base_sum, CAST(n AS DOUBLE) AS spans, CAST(NULL AS DOUBLE) AS sigma
    FROM base_sums
    UNION ALL
    SELECT window_plan, window_id, series_key, partner_kind, area_key, 'spc', NULL,
        CAST(floor(centre) AS BIGINT), CAST(ceil(centre) AS BIGINT), 'exact', centre, NULL,
        CAST(points AS DOUBLE), sigma
    FROM chart_sigmas
{% endcall %}
{% call part('compared_spans') %}
    -- The spans of months on both sides of each comparison.
    SELECT window_plan, window_id, baseline, months, base_first_month AS first_month
    FROM ({{ shared.baselines }}) AS r
    UNION ALL
    SELECT window_plan, window_id, baseline, months, first_month FROM counted_windows
    CROSS JOIN (VALUES ('year-before'), ('mean-5-years'), ('prior'), ('spc')) AS b(baseline)
{% endcall %}
{% call part('compared_months') %}
    SELECT DISTINCT s.window_plan, s.window_id, s.baseline, m.partner_kind, m.month_number,
        m.status, m.is_open
    FROM compared_spans AS s
    JOIN month_status AS m
        ON m.month_number BETWEEN s.first_month AND s.first_month + s.months - 1
{% endcall %}
{% call part('missing_months') %}
    -- Comparisons with months before the first.
    SELECT DISTINCT s.window_plan, s.window_id, s.baseline, k.partner_kind FROM compared_spans AS s
    JOIN (SELECT partner_kind, min(month_number) AS from_month, max(month_number) AS to_month
        FROM month_status GROUP BY partner_kind) AS k
        ON s.first_month < k.from_month OR s.first_month + s.months - 1 > k.to_month
{% endcall %}
{% call part('kind_faults') %}
    -- What is wrong with the months of a comparison, for all areas of a partner's kind.
    SELECT window_plan, window_id, baseline, partner_kind, bool_or(status = 2) AS is_suspect,
        bool_or(status < 2) AS is_missing, bool_or(is_open) AS is_open,
        {{ dialect.joined_distinct(faulty_month) }} AS months
    FROM compared_months AS c GROUP BY window_plan, window_id, baseline, partner_kind
{% endcall %}
{% call part('area_faults') %}
    -- The same where only the records of an area are missing.
    SELECT c.window_plan, c.window_id, c.baseline, c.partner_kind, a.area_key,
        bool_or(g.month_number IS NOT NULL) AS has_gap,
        {{ dialect.joined_distinct(faulty_month_of_area) }} AS months
    FROM compared_months AS c
    JOIN (SELECT DISTINCT partner_kind, area_key FROM area_gaps) AS a
        ON a.partner_kind = c.partner_kind
    LEFT JOIN area_gaps AS g
        ON g.partner_kind = c.partner_kind AND g.area_key = a.area_key
        AND g.month_number = c.month_number
    GROUP BY c.window_plan, c.window_id, c.baseline, c.partner_kind, a.area_key
{% endcall %}
{% call part('elsewhere') %}
    -- Records without a location, and all records, of each series and span.
    SELECT window_plan, series_key, partner_kind, first_month, months,
        max(CASE WHEN area_key LIKE 'no-location|%' THEN lo END) AS nowhere,
        max(CASE WHEN area_key = 'all-received|all-received||' THEN lo END) AS everywhere
    FROM cells WHERE partner_kind NOT LIKE '%|count:%'
    GROUP BY window_plan, series_key, partner_kind, first_month, months
{% endcall %}
{% call part('base_elsewhere') %}
    SELECT r.window_plan, r.window_id, r.baseline, e.series_key, e.partner_kind,
        sum(nowhere) AS nowhere, sum(everywhere) AS everywhere
    FROM ({{ shared.baselines }}) AS r
    JOIN elsewhere AS e
        ON e.window_plan = r.window_plan AND e.first_month = r.base_first_month
        AND e.months = r.months
    GROUP BY r.window_plan, r.window_id, r.baseline, e.series_key, e.partner_kind
{% endcall %}
{% call part('moved_locations') %}
    -- Comparisons in which the share of records without a location changed by more than chance
    -- explains.
    SELECT * FROM (
        SELECT e.window_plan, w.window_id, w.first_month, w.months, p.baseline, e.series_key,
            e.partner_kind, CAST(e.everywhere AS DOUBLE) AS everywhere,
            e.everywhere - e.nowhere + p.everywhere - p.nowhere AS located,
            abs(CAST(e.nowhere AS DOUBLE) / e.everywhere
                - CAST(p.nowhere AS DOUBLE) / p.everywhere) AS changed,
            sqrt(CAST(e.nowhere + p.nowhere AS DOUBLE) / (e.everywhere + p.everywhere)
                * (1 - CAST(e.nowhere + p.nowhere AS DOUBLE) / (e.everywhere + p.everywhere))
                * (1e0 / e.everywhere + 1e0 / p.everywhere)) AS share_error
        FROM counted_windows AS w
        JOIN elsewhere AS e
            ON e.window_plan = w.window_plan AND e.first_month = w.first_month
            AND e.months = w.months
        JOIN base_elsewhere AS p
            ON p.window_plan = e.window_plan AND p.window_id = w.window_id
            AND p.series_key = e.series_key AND p.partner_kind = e.partner_kind
        WHERE e.everywhere > 0 AND p.everywhere > 0
    ) AS m
    WHERE changed <> 0 AND changed >= CAST(2.58 AS DOUBLE) * share_error
{% endcall %}
{% call part('located_changes') %}
    -- How many records of an area these may account for.
    SELECT window_plan, window_id, baseline, series_key, partner_kind, area_key,
        expected + CAST(2.58 AS DOUBLE) * sqrt(expected * (1 - part)) AS accountable
    FROM (
        SELECT m.window_plan, m.window_id, m.baseline, m.series_key, m.partner_kind, c.area_key,
            (c.lo + b.base_sum) / nullif(located, 0) AS part,
            changed * everywhere * (c.lo + b.base_sum) / nullif(located, 0) AS expected
        FROM moved_locations AS m
        JOIN base_figures AS b
            ON b.window_plan = m.window_plan AND b.window_id = m.window_id
            AND b.baseline = m.baseline AND b.series_key = m.series_key
            AND b.partner_kind = m.partner_kind
        JOIN cells AS c
            ON c.window_plan = m.window_plan AND c.first_month = m.first_month
            AND c.months = m.months AND c.series_key = m.series_key
            AND c.partner_kind = m.partner_kind AND c.area_key = b.area_key
        WHERE split_part(c.area_key, '|', 1)
            NOT IN ('all-received', 'no-location', 'outside', 'unplaced')
    ) AS c
{% endcall %}
{% call part('compared') %}
    SELECT c.*, w.window_id, w.days, b.baseline, b.base_min, b.base_max, b.base_status, b.base,
        b.spans, {{ breaks_within }} AS breaks,
        {{ raised('least_pct') }} AS least_raised, {{ raised('most_pct') }} AS most_raised,
        coalesce(power(coalesce(b.sigma, m.sigma, q.sigma), 2)
            * CASE WHEN b.baseline = 'spc' THEN 1e0 WHEN m.sigma IS NOT NULL THEN c.months
                ELSE c.months / 3e0 END * (1 + 1 / b.spans), 0e0) AS variance,
        CASE WHEN {{ breaks_within }} <> '' THEN true ELSE false END AS has_break,
        coalesce(f.is_suspect, false) OR coalesce(g.has_gap, false) AS is_suspect,
        coalesce(f.is_missing, false) OR o.partner_kind IS NOT NULL OR supply > 0
            OR b.base_status IN ('partial', 'not_supplied') AS is_missing,
        coalesce(f.is_open, false) AS is_open,
        supply = 0 AND exact IS NULL OR b.base_status = 'interval' AS is_inexact,
        coalesce(l.accountable >= greatest(abs(c.lo - b.base_sum / b.spans), 1), false)
            AS is_located,
        nullif(coalesce(g.months, f.months), '') AS faulty_months
    FROM cells AS c
    JOIN counted_windows AS w
        ON w.window_plan = c.window_plan AND w.first_month = c.first_month AND w.months = c.months
    JOIN base_figures AS b
        ON b.window_plan = c.window_plan AND b.window_id = w.window_id
        AND b.series_key = c.series_key AND b.partner_kind = c.partner_kind
        AND b.area_key = c.area_key
    LEFT JOIN chart_sigmas AS m
        ON m.window_plan = c.window_plan AND m.series_key = c.series_key
        AND m.partner_kind = c.partner_kind AND m.area_key = c.area_key AND m.period = 1
        AND m.last_month = c.first_month + c.months - 1
    LEFT JOIN chart_sigmas AS q
        ON q.window_plan = c.window_plan AND q.series_key = c.series_key
        AND q.partner_kind = c.partner_kind AND q.area_key = c.area_key AND q.period = 3
        AND q.last_month = c.first_month + c.months - 1 AND c.months % 3 = 0
    LEFT JOIN kind_faults AS f
        ON f.window_plan = c.window_plan AND f.window_id = w.window_id AND f.baseline = b.baseline
        AND f.partner_kind = c.partner_kind
    LEFT JOIN area_faults AS g
        ON g.window_plan = c.window_plan AND g.window_id = w.window_id AND g.baseline = b.baseline
        AND g.partner_kind = c.partner_kind AND g.area_key = c.area_key
    LEFT JOIN missing_months AS o
        ON o.window_plan = c.window_plan AND o.window_id = w.window_id AND o.baseline = b.baseline
        AND o.partner_kind = c.partner_kind
    LEFT JOIN located_changes AS l
        ON l.window_plan = c.window_plan AND l.window_id = w.window_id AND l.baseline = b.baseline
        AND l.series_key = c.series_key AND l.partner_kind = c.partner_kind
        AND l.area_key = c.area_key
    WHERE NOT ((exact IS NOT NULL AND exact = 0 OR supply = 2)
        AND (base_status = 'not_supplied'
            OR base_max IS NOT NULL AND base_max = 0 AND base_min = 0))
{% endcall %}
{% call part('judged') %}
    SELECT *, exact - base AS change, CAST(2.58 AS DOUBLE)
            * sqrt(greatest(exact + base / spans, variance)) AS margin,
        concat_ws(';', CASE WHEN has_break THEN 'break' END,
            CASE WHEN is_suspect THEN 'suspect' END, CASE WHEN is_missing THEN 'missing' END,
            CASE WHEN is_open THEN 'provisional' END, CASE WHEN is_inexact THEN 'inexact' END,
            CASE WHEN is_located THEN 'location' END) AS why_not
    FROM compared
{% endcall %}
{% call part('verdicts') %}
    SELECT window_plan, window_id, series_key, partner_kind, area_key, baseline, base_min, base_max,
        base_status, CAST(round(change) AS BIGINT) AS difference,
        1e2 * change / nullif(base, 0) AS difference_pct,
        change / days AS difference_per_day,
        change - margin AS difference_low, change + margin AS difference_high,
        CASE WHEN change IS NULL THEN 'not_comparable'
            WHEN why_not = '' AND exact < 20 AND base < 20 THEN 'too_few'
            WHEN why_not = '' AND {{ is_clear('base') }}
                THEN CASE WHEN exact > base THEN 'rose' ELSE 'fell' END
            WHEN why_not = '' THEN 'no_clear_change'
            WHEN why_not = 'break' AND most_raised IS NOT NULL AND NOT (exact < 20 AND base < 20)
                THEN CASE WHEN {{ is_clear('(base * most_raised)') }}
                        AND exact > base * most_raised THEN 'rose_beyond_break'
                    WHEN {{ is_clear('(base * least_raised)') }}
                        AND exact < base * least_raised THEN 'fell_despite_break'
                    ELSE 'within_break' END
            ELSE 'not_comparable' END AS verdict,
        why_not = '' AS comparable, nullif(why_not, '') AS why_not, faulty_months AS why_months,
        nullif(breaks, '') AS breaks
    FROM judged
{% endcall %}
{# A row of a table of comparisons, and its verdict `v`. #}
{% set select_compared -%}
SELECT {{ shared.keys }}, {{ shared.count }}, baseline, base_min, base_max, base_status, difference,
    difference_pct, difference_per_day, difference_low, difference_high, verdict, comparable,
    why_not, why_months, breaks
FROM cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
{%- endset %}
{% set is_verdict -%}
ON v.window_plan = c.window_plan AND v.window_id = w.window_id AND v.series_key = c.series_key
    AND v.partner_kind = c.partner_kind AND v.area_key = c.area_key
{%- endset %}
