{% set series_filter %}split_part(series_key, '|', 2) IN ('total', 'priority'){% endset %}
{% set area_filter = shared.split_areas %}
{% set split_by %}, true_flags, false_flags{% endset %}
{% include 'cells.sql' %}
{% include 'split_counts.sql' %}
{% call part('factor_flags') %}
    SELECT * FROM ({{ shared.values(factor_flags) }}) AS t(plan, factor, flag)
{% endcall %}
{% call part('factor_states') %}
    -- 2: any flag is true; 1: one is false and none true; 0: not known.
    SELECT true_flags, false_flags, plan, factor,
        max(CASE WHEN instr(true_flags, ';' || flag || ';') > 0 THEN 2
        WHEN instr(false_flags, ';' || flag || ';') > 0 THEN 1 ELSE 0 END) AS state
    FROM (SELECT DISTINCT true_flags, false_flags FROM records) AS r CROSS JOIN factor_flags
    GROUP BY true_flags, false_flags, plan, factor
{% endcall %}
{% call part('factor_sources') %}
    -- The sources that can show a factor: they carry one of its flags, or have shown it.
    SELECT plan, factor, h.partner_kind, source
    FROM partner_kinds AS h
    JOIN {{ file('sources') }} AS s
        ON s.partner = h.partner AND s.kind = h.kind AND s.carries = 'flag'
    JOIN factor_flags ON flag = s.carried
    UNION
    SELECT DISTINCT plan, factor, partner_kind, source
    FROM records
    JOIN factor_states
        ON factor_states.true_flags = records.true_flags
        AND factor_states.false_flags = records.false_flags WHERE state > 0 AND NOT is_total
{% endcall %}
{% call part('factor_month_supply') %}
    -- Supply of a factor in a month: 0 all sources, 1 some, 2 none.
    SELECT f.plan, f.factor, l.series_key, l.partner_kind, h.month_number, CASE
        WHEN count(month_sources.source) = 0 THEN 2
        WHEN count(CASE WHEN is_shown_by_all OR series_sources.source IS NOT NULL
            THEN fs.source END) = count(month_sources.source) THEN 0
        WHEN count(CASE WHEN is_shown_by_all OR series_sources.source IS NOT NULL
            THEN fs.source END) = 0 THEN 2
        ELSE 1 END AS supply, CASE
        WHEN count(month_sources.source) = 0 THEN {{ reason_without_records }}
        WHEN count(CASE WHEN is_shown_by_all OR series_sources.source IS NOT NULL
            THEN fs.source END) < count(month_sources.source) THEN 0 END AS reason
    FROM partner_series AS l
    JOIN (SELECT DISTINCT plan, factor FROM factor_flags) AS f
        ON split_part(l.series_key, '|', 1) IN ('*', f.plan)
    JOIN month_status AS h ON h.partner_kind = l.partner_kind
    LEFT JOIN month_sources
        ON month_sources.partner_kind = h.partner_kind
        AND month_sources.month_number = h.month_number AND h.status >= 0
    LEFT JOIN series_sources
        ON series_sources.series_key = l.series_key AND series_sources.partner_kind = l.partner_kind
        AND series_sources.source = month_sources.source
    LEFT JOIN factor_sources AS fs
        ON fs.plan = f.plan AND fs.factor = f.factor AND fs.partner_kind = l.partner_kind
        AND fs.source = month_sources.source
    GROUP BY f.plan, f.factor, l.series_key, l.partner_kind, h.month_number, h.status
{% endcall %}
{% call part('factor_span_supply') %}
    SELECT window_plan, factor, series_key, partner_kind, first_month, months,
        CASE WHEN min(supply) = max(supply) AND (count(*) = months OR min(supply) = 2)
            THEN min(supply) ELSE 1 END AS supply,
        {{ reason_of('count(*) < months') }} AS reason
    FROM factor_month_supply
    JOIN month_spans
        ON window_plan = plan AND month_number BETWEEN first_month AND first_month + months - 1
    GROUP BY window_plan, factor, series_key, partner_kind, first_month, months
{% endcall %}
{% call part('shown_factors') %}
    -- The factors that any source can show in a series.
    SELECT DISTINCT fs.plan, fs.factor, l.series_key, l.partner_kind
    FROM partner_series AS l
    JOIN factor_sources AS fs ON fs.partner_kind = l.partner_kind
    JOIN (SELECT DISTINCT partner_kind, source FROM month_sources) AS m
        ON m.partner_kind = fs.partner_kind AND m.source = fs.source
    LEFT JOIN series_sources AS s
        ON s.series_key = l.series_key AND s.partner_kind = l.partner_kind AND s.source = fs.source
    WHERE is_shown_by_all OR s.source IS NOT NULL
{% endcall %}
{% call part('factor_counts') %}
    SELECT plan, factor, series_key, partner_kind, area_key, first_month, months,
        sum(CASE state WHEN 2 THEN n END) AS n_with,
        sum(CASE state WHEN 1 THEN n END) AS n_without,
            sum(CASE state WHEN 0 THEN n END) AS n_unknown
    FROM split_counts
    JOIN factor_states
        ON factor_states.true_flags = split_counts.true_flags
        AND factor_states.false_flags = split_counts.false_flags
    GROUP BY plan, factor, series_key, partner_kind, area_key, first_month, months
{% endcall %}
{% call part('factor_cells') %}
    SELECT *, CASE WHEN supply = 0 AND more = 0 THEN lo END AS exact,
        CASE WHEN supply = 0 THEN lo + more END AS most
    FROM (
        SELECT s.window_plan, s.factor, s.series_key, s.partner_kind, s.area_key, s.first_month,
            s.months, CASE WHEN {{ area_supply }} = 2 AND coalesce(n_with, 0) > 0 THEN 1
                ELSE {{ area_supply }} END AS supply,
            {{ area_reason }} AS reason, coalesce(w.possible, 0) AS more,
            CAST(coalesce(n_with, 0) AS BIGINT) AS lo,
                CAST(coalesce(n_without, 0) AS BIGINT) AS n_without,
            CAST(coalesce(n_unknown, 0) AS BIGINT) AS n_unknown
        FROM (
            SELECT f.*, p.area_key, p.coverage FROM factor_span_supply AS f
            JOIN covered_areas AS p ON p.partner_kind = f.partner_kind
            LEFT JOIN shown_series
                ON shown_series.shown_key = f.series_key
                AND shown_series.partner_kind = f.partner_kind
            LEFT JOIN shown_factors
                ON shown_factors.plan = f.window_plan AND shown_factors.factor = f.factor
                AND shown_factors.series_key = f.series_key
                AND shown_factors.partner_kind = f.partner_kind
            WHERE {{ area_filter }} AND {{ shared.is_shown }}
                AND (shown_factors.plan IS NOT NULL OR {{ shared.says_not_shown }})
        ) AS s
        LEFT JOIN span_counts AS w
            ON w.series_key = s.series_key AND w.partner_kind = s.partner_kind
            AND w.area_key = s.area_key AND w.first_month = s.first_month AND w.months = s.months
        LEFT JOIN factor_counts AS t
            ON t.plan = s.window_plan AND t.factor = s.factor AND t.series_key = s.series_key
            AND t.partner_kind = s.partner_kind
            AND t.area_key = s.area_key AND t.first_month = s.first_month AND t.months = s.months
    ) AS f
{% endcall %}
SELECT {{ shared.keys }}, factor, {{ shared.count }},
    CASE WHEN exact IS NOT NULL THEN n_without END AS count_without,
    CASE WHEN exact IS NOT NULL THEN n_unknown END AS count_unknown,
    1e2 * exact / nullif(exact + n_without, 0) AS share_of_known_pct
FROM factor_cells AS c {{ shared.joins }}
{{ shared.labels_of_cells }}
WHERE {{ shared.is_shown_window }}
