{% include 'event_files.sql' %}
{% include 'records.sql' %}
{% include 'rules.sql' %}
{% include 'series.sql' %}
{% include 'months.sql' %}
{% include 'areas.sql' %}
{% include 'labels.sql' %}
{# How many districts a set of areas has; 0 for any other area. #}
{% set districts %}
{% if area_sets %}
CASE
            {% for code, districts in area_sets %}
            WHEN area_key LIKE {{ (code ~ '|set|%') | literal }} THEN {{ districts }}
            {% endfor %}
            ELSE 0 END
{%- else %}
0
{%- endif %}
{% endset %}
{# Of several parts, the reason that lasts longest; `missing` where a part is missing. #}
{% macro reason_of(is_part_missing, missing=shared.reason.not_received) -%}
CASE WHEN {{ is_part_missing }} THEN least(coalesce(min(reason), {{ missing }}), {{ missing }})
        ELSE min(reason) END
{%- endmacro %}
{# Why a month `h` without records has none: not due, or not received. #}
{% set reason_without_records %}CASE h.status WHEN -1 THEN {{ shared.reason.not_kept }} WHEN 1 THEN {{ shared.reason.not_due }} ELSE {{ shared.reason.not_received }} END{% endset %}
{# What is known of a series in an area, by what the partner covers. #}
{% set area_supply -%}
CASE coverage WHEN 0 THEN supply WHEN 1 THEN greatest(supply, 1) ELSE 2 END
{%- endset %}
{% set area_reason -%}
CASE coverage WHEN 0 THEN reason WHEN 1 THEN least(coalesce(reason, 1), 1)
        ELSE coverage - 1 END
{%- endset %}
{% call part('monthly_counts') %}
    -- Records by series, area and month, and those that may count there.
    SELECT series_key, by_sent.partner_kind, area_key, month_number, CAST(sum(n) AS BIGINT) AS n,
        CAST(sum(possible) AS BIGINT) AS possible
    FROM (
        SELECT series_key, partner_kind, sent_area, month_number, count(*) AS n, 0 AS possible
        FROM record_series
        WHERE NOT is_total AND {{ series_filter }}
        GROUP BY series_key, partner_kind, sent_area, month_number
        UNION ALL
        SELECT series_key, partner_kind, sent_area, month_number, 0, count(*) FROM possible_series
        WHERE NOT is_total AND {{ series_filter }}
        GROUP BY series_key, partner_kind, sent_area, month_number
    ) AS by_sent
    JOIN counting_areas
        ON counting_areas.partner_kind = by_sent.partner_kind
        AND counting_areas.sent_area = by_sent.sent_area
    GROUP BY series_key, by_sent.partner_kind, area_key, month_number
{% endcall %}
{% call part('plan_series') %}
    -- The series of the plans.
    SELECT * FROM (
        VALUES ('*|total|total|')
        {% for plan in plans %}
        , ({{ plan.mapped | literal }}), ({{ plan.unmapped | literal }})
        {% for series in plan.series %}
        , ({{ series.key | literal }})
        {% endfor %}
        {% endfor %}
    ) AS t(series_key)
{% endcall %}
{% call part('partner_series', stored=true) %}
    -- The series of what a partner sends: all of the plans, and its codes.
    SELECT * FROM (
        SELECT partner_kind, partner, kind, series_key, series_key LIKE '%|total|total|'
            OR series_key LIKE '%|mapped|mapped|'
            OR series_key LIKE '%|unmapped|unmapped|' AS is_shown_by_all
        FROM partner_kinds CROSS JOIN plan_series WHERE NOT is_totals AND {{ series_filter }}
        UNION ALL
        SELECT DISTINCT partner_kinds.partner_kind, partner, kind, series_key, false
        FROM record_series
        JOIN partner_kinds ON partner_kinds.partner_kind = record_series.partner_kind
        WHERE NOT is_total AND split_part(series_key, '|', 4) <> '' AND {{ series_filter }}
    ) AS l
{% endcall %}
{% call part('series_sources') %}
    -- The sources that can show a series: they carry what it needs, or have shown it.
    SELECT DISTINCT series_key, partner_kind, source FROM record_series
    WHERE NOT is_total AND split_part(series_key, '|', 4) <> '' AND {{ series_filter }}
    UNION
    SELECT DISTINCT series_key, partner_kind, source FROM possible_series
    WHERE NOT is_total AND {{ series_filter }}
    UNION
    SELECT series_key, partner_kind, source FROM partner_series
    JOIN {{ file('sources') }} AS s
        ON s.partner = partner_series.partner AND s.kind = partner_series.kind
        AND s.carries = 'scheme'
        AND s.carried = split_part(series_key, '|', 4)
        AND (s.codes IS NULL
            OR instr(';' || s.codes || ';', ';' || split_part(series_key, '|', 3) || ';') > 0)
    UNION
    SELECT series_key, partner_kind, source FROM partner_series
    JOIN {{ file('rules') }} AS r
        ON r.partner = partner_series.partner AND r.kind = partner_series.kind
        AND r.plan_id = split_part(series_key, '|', 1)
        AND r.series = split_part(series_key, '|', 3)
    WHERE applicable OR matched > 0
{% endcall %}
{% call part('month_sources') %}
    -- The sources that sent records of a month.
    SELECT DISTINCT partner_kind, month_number, source FROM records WHERE NOT is_total
{% endcall %}
{% call part('month_supply', stored=true) %}
    -- Supply of a series in a month: 0 all sources, 1 some, 2 none; and why not all: 0 they cannot
    -- show it, 1 the area is not covered, 2 no district is named, 3 not kept, 4 totals do not fill
    -- the window, 5 not received, 6 not due.
    SELECT l.series_key, l.partner_kind, h.month_number, CASE
        WHEN count(month_sources.source) = 0 THEN 2
        WHEN is_shown_by_all OR count(series_sources.source) = count(month_sources.source) THEN 0
        WHEN count(series_sources.source) = 0 THEN 2
        ELSE 1 END AS supply, CASE
        WHEN count(month_sources.source) = 0 THEN {{ reason_without_records }}
        WHEN NOT is_shown_by_all AND count(series_sources.source) < count(month_sources.source)
            THEN 0 END AS reason
    FROM partner_series AS l
    JOIN month_status AS h ON h.partner_kind = l.partner_kind
    LEFT JOIN month_sources
        ON month_sources.partner_kind = h.partner_kind
        AND month_sources.month_number = h.month_number AND h.status >= 0
    LEFT JOIN series_sources
        ON series_sources.series_key = l.series_key AND series_sources.partner_kind = l.partner_kind
        AND series_sources.source = month_sources.source
    GROUP BY l.series_key, l.partner_kind, h.month_number, h.status, is_shown_by_all
{% endcall %}
{% call part('span_supply') %}
    SELECT window_plan, series_key, partner_kind, first_month, months,
        CASE WHEN min(supply) = max(supply) AND (count(*) = months OR min(supply) = 2)
            THEN min(supply) ELSE 1 END AS supply,
        {{ reason_of('count(*) < months') }} AS reason
    FROM month_supply
    JOIN month_spans
        ON month_number BETWEEN first_month AND first_month + months - 1
        AND split_part(series_key, '|', 1) IN ('*', window_plan)
    GROUP BY window_plan, series_key, partner_kind, first_month, months
{% endcall %}
{% call part('span_counts') %}
    SELECT series_key, partner_kind, area_key, first_month, months, CAST(sum(n) AS BIGINT) AS n,
        CAST(sum(possible) AS BIGINT) AS possible
    FROM monthly_counts
    JOIN (SELECT DISTINCT first_month, months FROM month_spans) AS s
        ON month_number BETWEEN first_month AND first_month + months - 1
    CROSS JOIN month_range WHERE month_number >= from_month
    GROUP BY series_key, partner_kind, area_key, first_month, months
{% endcall %}
{% call part('shown_series') %}
    -- The series that any source can show. Of the others, only the plan's area and that of all
    -- records have rows.
    SELECT DISTINCT p.series_key AS shown_key, p.partner_kind FROM partner_series AS p
    LEFT JOIN series_sources AS s
        ON s.series_key = p.series_key AND s.partner_kind = p.partner_kind
    WHERE is_shown_by_all OR s.source IS NOT NULL
{% endcall %}
{% call part('covered_areas', stored=true) %}
    SELECT s.partner_kind, s.area_key, coalesce(a.coverage, 0) AS coverage FROM shown_areas AS s
    LEFT JOIN area_coverage AS a ON a.partner_kind = s.partner_kind AND a.area_key = s.area_key
{% endcall %}
{% call part('record_cells') %}
    SELECT g.window_plan, g.series_key, g.partner_kind, g.area_key, g.first_month, g.months,
        coalesce(n, 0) AS lo, coalesce(n, 0) + coalesce(possible, 0) AS hi,
        CASE WHEN {{ area_supply }} = 2 AND coalesce(n, 0) > 0 THEN 1
            ELSE {{ area_supply }} END AS supply,
        {{ area_reason }} AS reason
    FROM (
        SELECT s.*, p.area_key, p.coverage FROM span_supply AS s
        JOIN covered_areas AS p ON p.partner_kind = s.partner_kind
        LEFT JOIN shown_series
            ON shown_series.shown_key = s.series_key
            AND shown_series.partner_kind = s.partner_kind
        WHERE {{ area_filter }} AND {{ shared.is_shown }}
    ) AS g
    LEFT JOIN span_counts
        ON span_counts.series_key = g.series_key AND span_counts.partner_kind = g.partner_kind
        AND span_counts.area_key = g.area_key
        AND span_counts.first_month = g.first_month AND span_counts.months = g.months
{% endcall %}
{% call part('summed_units') %}
    -- The unit of most totals of a list, as units are never added.
    SELECT partner_kind, unit_rank
    FROM (
        SELECT partner_kind, unit_rank,
            row_number() OVER (PARTITION BY partner_kind ORDER BY n DESC, unit_rank) AS row_rank
        FROM (
            SELECT partner_kind, {{ shared.unit_rank }} AS unit_rank, count(*) AS n FROM totals
            CROSS JOIN month_range
            WHERE age_band IS NULL AND sex IS NULL AND with_flag IS NULL
                AND first_month >= from_month
            GROUP BY partner_kind, {{ shared.unit_rank }}
        ) AS n WHERE unit_rank < 3
    ) AS u WHERE row_rank = 1
{% endcall %}
{% call part('comparable_totals') %}
    -- Totals in the unit of most of their list; of a code that is sent only in other units, the
    -- first of these.
    SELECT * FROM (
        SELECT t.*, coalesce(t.unit_rank = u.unit_rank, false) AS is_summed,
            rank() OVER (PARTITION BY t.partner_kind, sent_area, first_month, months, classification
                ORDER BY CASE WHEN t.unit_rank = u.unit_rank THEN -1
                    ELSE t.unit_rank END) AS row_rank
        FROM (
            SELECT *, {{ shared.unit_rank }} AS unit_rank FROM totals CROSS JOIN month_range
            WHERE age_band IS NULL AND sex IS NULL AND with_flag IS NULL
                AND first_month >= from_month
        ) AS t
        LEFT JOIN summed_units AS u ON u.partner_kind = t.partner_kind
    ) AS t WHERE row_rank = 1
{% endcall %}
{% call part('total_parts') %}
    -- Whether a code is part of a sum, itself the sum, or the base of others.
    SELECT partner_kind, sent_area, first_month, months, classification, scheme, code,
        sum(lo) AS lo,
        CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi,
        CASE WHEN min(supply) = max(supply) THEN min(supply) ELSE 1 END AS supply,
        is_summed,
        is_summed AND {{ shared.is_sum }} AS is_sum,
        is_summed AND {{ shared.is_base }} AS is_base,
        {{ shared.is_exclusive }} AS is_exclusive,
        is_summed
            AND NOT coalesce(lower(code) LIKE 'total-%'
            OR lower(code) LIKE 'households-with-%', false)
            AND NOT {{ shared.is_sum }} AS is_part
    FROM comparable_totals
    GROUP BY partner_kind, sent_area, first_month, months, classification, scheme, code, is_summed
{% endcall %}
{% call part('totals_by_series', stored=true) %}
    -- The totals of one list, area and period by series; those not of one series in brackets.
    SELECT partner_kind, sent_area, first_month, months, series_key, count(*) AS codes,
        bool_or(is_exclusive) AS is_exclusive, max(lo) AS largest,
        sum(lo) AS lo, CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi,
        CASE WHEN min(supply) = max(supply) THEN min(supply) ELSE 1 END AS supply
    FROM (
        SELECT partner_kind, sent_area, first_month, months, '(parts)' AS series_key, is_exclusive,
            lo, hi, supply FROM total_parts WHERE is_part
        UNION ALL
        SELECT partner_kind, sent_area, first_month, months, '(sum)', is_exclusive, lo, hi, supply
        FROM total_parts WHERE is_sum
        UNION ALL
        SELECT partner_kind, sent_area, first_month, months, '(base)', is_exclusive, lo, hi, supply
        FROM total_parts WHERE is_base
        UNION ALL
        SELECT p.partner_kind, p.sent_area, first_month, months, series_key, is_exclusive,
            CASE WHEN is_possible THEN 0 ELSE lo END, hi, CASE WHEN is_possible THEN 0 ELSE supply END
        FROM total_parts AS p
        JOIN (SELECT DISTINCT partner_kind, sent_area, classification, series_key,
                false AS is_possible
            FROM record_series WHERE is_total
            UNION
            SELECT DISTINCT partner_kind, sent_area, classification, series_key, true
            FROM possible_series WHERE is_total) AS l
            ON l.partner_kind = p.partner_kind AND l.sent_area = p.sent_area
                AND l.classification = p.classification
        WHERE series_key <> '*|total|total|'
            AND (is_part OR series_key LIKE '*|category|%' OR is_summed
            AND split_part(series_key, '|', 4) <> '')
    ) AS parts
    GROUP BY partner_kind, sent_area, first_month, months, series_key
{% endcall %}
{% call part('total_caps') %}
    -- How many have any of the codes, where one may have several.
    SELECT partner_kind, sent_area, first_month, months, CASE WHEN supply = 0 THEN hi END AS most
    FROM (
        SELECT *,
            row_number() OVER (PARTITION BY partner_kind, sent_area, first_month, months
            ORDER BY series_key) AS row_rank
        FROM totals_by_series WHERE series_key IN ('(base)', '(sum)')
    ) AS g WHERE row_rank = 1
{% endcall %}
{% call part('bounded_totals') %}
    -- Codes of an exclusive list add up. Others overlap: the bounds are the largest code and the
    -- sum of all, but no more than have any.
    SELECT g.partner_kind, g.sent_area, g.first_month, g.months, series_key, codes, g.is_exclusive,
        g.supply,
        CASE WHEN g.is_exclusive OR series_key = '(sum)' THEN g.lo ELSE largest END AS lo,
        CASE WHEN g.is_exclusive OR series_key = '(sum)' THEN g.hi
            WHEN least(g.hi, most) IS NOT NULL THEN greatest(largest, least(g.hi, most)) END AS hi,
        g.lo AS lo_as_sent, g.hi AS hi_as_sent
    FROM totals_by_series AS g
    LEFT JOIN total_caps AS b
        ON b.partner_kind = g.partner_kind AND b.sent_area = g.sent_area
        AND b.first_month = g.first_month AND b.months = g.months
{% endcall %}
{% call part('overall_totals') %}
    -- The total of a list: as sent, else the sum of its codes.
    SELECT partner_kind, sent_area, first_month, months, is_exclusive, lo, hi, supply
    FROM (
        SELECT *,
            row_number() OVER (PARTITION BY partner_kind, sent_area, first_month, months
            ORDER BY series_key DESC) AS row_rank
        FROM bounded_totals WHERE series_key IN ('(parts)', '(sum)')
    ) AS g WHERE row_rank = 1
{% endcall %}
{% call part('total_bounds') %}
    -- The bounds of each series, from the totals of its codes and of the list.
    SELECT partner_kind, sent_area, first_month, months, '*|total|total|' AS series_key, lo, hi,
        supply, CASE WHEN supply > 0 THEN {{ shared.reason.not_received }} END AS reason FROM overall_totals
    UNION ALL
    SELECT partner_kind, sent_area, first_month, months, series_key, CASE WHEN codes = 1
        THEN lo_as_sent ELSE lo END,
        CASE WHEN codes = 1 THEN hi_as_sent ELSE hi END, supply, CASE WHEN supply > 0 THEN {{ shared.reason.not_received }} END
    FROM bounded_totals WHERE split_part(series_key, '|', 4) <> ''
    UNION ALL
    SELECT w.partner_kind, w.sent_area, w.first_month, w.months, p.series_key,
        CASE WHEN t.partner_kind IS NULL THEN CASE WHEN is_rest THEN w.lo ELSE 0 END
            WHEN NOT is_rest THEN t.lo WHEN t.supply = 0 AND t.hi IS NOT NULL
                THEN greatest(w.lo - t.hi, 0) ELSE 0 END,
        CASE WHEN t.partner_kind IS NULL THEN CASE WHEN is_rest THEN w.hi WHEN is_overall THEN 0 END
            WHEN NOT is_rest THEN t.hi WHEN w.hi IS NOT NULL THEN greatest(w.hi - t.lo, 0) END,
        CASE WHEN t.partner_kind IS NULL THEN CASE WHEN is_rest THEN w.supply WHEN is_overall THEN 0
            ELSE 2 END
            WHEN NOT is_rest OR t.supply = w.supply THEN t.supply ELSE 1 END,
        CASE WHEN t.partner_kind IS NULL AND NOT is_rest THEN CASE WHEN NOT is_overall THEN 0 END
            WHEN coalesce(t.supply, 0) > 0 OR is_rest AND w.supply > 0 THEN {{ shared.reason.not_received }} END
    FROM (
        SELECT w.*, series_key, series_key LIKE '%|mapped|mapped|'
            OR series_key LIKE '%|unmapped|unmapped|' AS is_overall,
            series_key LIKE '%|unmapped|unmapped|' AND NOT is_exclusive AS is_rest
        FROM overall_totals AS w CROSS JOIN plan_series WHERE series_key <> '*|total|total|'
    ) AS p
    JOIN overall_totals AS w
        ON w.partner_kind = p.partner_kind AND w.sent_area = p.sent_area
        AND w.first_month = p.first_month AND w.months = p.months
    LEFT JOIN bounded_totals AS t
        ON t.partner_kind = p.partner_kind AND t.sent_area = p.sent_area
        AND t.first_month = p.first_month AND t.months = p.months
        AND t.series_key = CASE WHEN is_rest THEN replace(p.series_key, 'unmapped', 'mapped')
            ELSE p.series_key END
{% endcall %}
{% call part('area_totals') %}
    SELECT series_key, b.partner_kind, area_key, first_month, months AS length, sum(lo) AS lo,
        CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi,
        CASE WHEN min(supply) = max(supply)
            AND (min(supply) = 2 OR count(s.sent_area) = 0 OR count(s.sent_area) >= {{ districts }})
            THEN min(supply) ELSE 1 END AS supply,
        {{ reason_of('count(s.sent_area) > 0 AND count(s.sent_area) < ' ~ districts) }} AS reason
    FROM total_bounds AS b
    JOIN counting_areas
        ON counting_areas.partner_kind = b.partner_kind AND counting_areas.sent_area = b.sent_area
    -- Where not every district of a set sent a total, only the lower bound is known.
    LEFT JOIN (SELECT DISTINCT partner_kind, sent_area FROM sent_areas
        WHERE area_level = 'district') AS s
        ON s.partner_kind = b.partner_kind AND s.sent_area = b.sent_area
    WHERE {{ series_filter }}
    GROUP BY series_key, b.partner_kind, area_key, first_month, months
{% endcall %}
{% call part('received_months') %}
    -- How many months of a span are in a period of any length.
    SELECT series_key, partner_kind, area_key, s.first_month, s.months, count(*) AS received
    FROM (
        SELECT DISTINCT series_key, partner_kind, area_key, month_number FROM area_totals
        JOIN calendar ON month_number BETWEEN first_month AND first_month + length - 1
    ) AS t
    JOIN (SELECT DISTINCT first_month, months FROM month_spans) AS s
        ON month_number BETWEEN s.first_month AND s.first_month + s.months - 1
    GROUP BY series_key, partner_kind, area_key, s.first_month, s.months
{% endcall %}
{% call part('total_cells') %}
    -- Sums of the longest periods of one length that tile a span; snapshots are not summed.
    SELECT * FROM (
        SELECT *,
            row_number() OVER (PARTITION BY window_plan, series_key, partner_kind, area_key,
            first_month, months ORDER BY length DESC) AS row_rank
        FROM (
            SELECT window_plan, area_totals.series_key, area_totals.partner_kind,
                area_totals.area_key, month_spans.first_month, month_spans.months, length, CAST(sum(lo) AS BIGINT) AS lo,
                CASE WHEN count(hi) * length = month_spans.months
                    THEN CAST(sum(hi) AS BIGINT) END AS hi,
                CASE WHEN min(supply) = max(supply)
                    AND (count(*) * length = month_spans.months OR min(supply) = 2)
                    THEN min(supply) ELSE 1 END AS supply,
                {{ reason_of('count(*) * length < month_spans.months',
                    'CASE WHEN max(received) > count(*) * length THEN ' ~ shared.reason.no_total_for_window
                    ~ ' ELSE ' ~ shared.reason.not_received ~ ' END') }} AS reason
            FROM area_totals
            JOIN (SELECT partner_kind, bool_or(date_basis = 'snapshot') AS is_snapshot FROM totals
                GROUP BY partner_kind) AS n
                ON n.partner_kind = area_totals.partner_kind
            JOIN month_spans
                ON area_totals.first_month >= month_spans.first_month
                AND area_totals.first_month < month_spans.first_month + month_spans.months
                AND month_spans.months % length = 0
                AND (area_totals.first_month - month_spans.first_month) % length = 0
                    AND split_part(area_totals.series_key, '|', 1) IN ('*', window_plan)
            JOIN received_months AS r
                ON r.series_key = area_totals.series_key
                AND r.partner_kind = area_totals.partner_kind
                AND r.area_key = area_totals.area_key
                AND r.first_month = month_spans.first_month AND r.months = month_spans.months
            WHERE NOT coalesce(is_snapshot, false) OR length = month_spans.months
            GROUP BY window_plan, area_totals.series_key, area_totals.partner_kind,
                area_totals.area_key, month_spans.first_month, month_spans.months, length
        ) AS t
    ) AS p WHERE row_rank = 1 AND {{ area_filter }}
{% endcall %}
{% call part('cells', stored=true) %}
    -- The counts of all series, areas and spans, with their bounds.
    SELECT *, CASE WHEN supply = 0 AND lo = hi THEN lo END AS exact, CASE WHEN supply = 0
        THEN hi END AS most
    FROM (
        SELECT window_plan, series_key, partner_kind, area_key, first_month, months, lo, hi, supply,
            reason
        FROM record_cells
        UNION ALL
        SELECT window_plan, series_key, partner_kind, area_key, first_month, months, lo, hi, supply,
            reason
        FROM total_cells
    ) AS c
{% endcall %}
