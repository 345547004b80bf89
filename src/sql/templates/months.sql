{# The usual number of records of a month `a`, from the other months `b`. #}
{% set is_near %}b.month_number BETWEEN a.month_number - 12 AND a.month_number + 12{% endset %}
{% set usual_records -%}
CASE WHEN count(CASE WHEN {{ is_near }} THEN 1 END) >= 3
        THEN median(CASE WHEN {{ is_near }} THEN b.records END) ELSE median(b.records) END
{%- endset %}
{# Whether the distance from the median is more than chance explains, once in 1,000. #}
{% set is_beyond_chance -%}
abs(records - median) >= CAST(3.29 AS DOUBLE) * sqrt(CAST(median AS DOUBLE))
{%- endset %}
{% call part('all_windows', stored=true) %}
    -- Windows with their first month, and the plan whose figures they show; empty: none.
    SELECT window_id, window_label, family, window_from, window_to, CAST(months AS INT) AS months,
        CAST(days AS INT) AS days,
        year(window_from) * 12 + month(window_from) - 1 AS first_month,
        {{ shared.window_plan }} AS window_plan
    FROM {{ file('windows') }}
{% endcall %}
{% call part('counted_windows') %}
    -- The windows of the table.
    SELECT * FROM all_windows WHERE {{ window_filter }}
{% endcall %}
{% call part('month_range') %}
    -- The first and the last month that tables cover.
    SELECT min(first_month) AS from_month, max(first_month) AS to_month FROM all_windows
    WHERE family = 'month'
{% endcall %}
{% call part('calendar') %}
    SELECT first_month AS month_number FROM all_windows WHERE family = 'month'
{% endcall %}
{% call part('totals', stored=true) %}
    -- Totals whose period is whole months; no other fills a window. Supply: 0 supplied, 2 not.
    SELECT *, month_number + 0 AS first_month,
        year(last_day_of) * 12 + month(last_day_of) - month_number AS months,
        CASE status WHEN 'not_supplied' THEN 2 ELSE 0 END AS supply,
        CAST(CASE status WHEN 'exact' THEN "value" WHEN 'not_supplied' THEN 0
            ELSE coalesce(at_least, 0) END AS BIGINT) AS lo,
        CAST(CASE status WHEN 'exact' THEN "value" WHEN 'not_supplied' THEN NULL
            ELSE at_most END AS BIGINT) AS hi
    FROM (SELECT *, {{ dialect.london_day('period_from') }} AS first_day_of,
        {{ dialect.london_day('period_to') }} AS last_day_of FROM matched_records
        WHERE is_total) AS r
    WHERE day(first_day_of) = 1 AND last_day_of = last_day(last_day_of) AND status IS NOT NULL
        AND (status <> 'exact' OR "value" IS NOT NULL)
{% endcall %}
{% call part('monthly_records') %}
    -- How many records each partner sent of a kind and month, and the last month they cover.
    SELECT partner_kind, month_number, count(*) AS records, month_number AS last_month FROM records
    CROSS JOIN month_range
    WHERE NOT is_total AND month_number >= from_month GROUP BY partner_kind, month_number
    UNION ALL
    SELECT partner_kind, month_number, CAST(sum(records) AS BIGINT), max(last_month)
    FROM (
        SELECT partner_kind, calendar.month_number, count(*) AS records,
            max(first_month + months - 1) AS last_month
        FROM totals CROSS JOIN month_range
        JOIN calendar
            ON calendar.month_number
            BETWEEN totals.first_month AND totals.first_month + totals.months - 1
        WHERE totals.first_month >= from_month GROUP BY partner_kind, calendar.month_number
        UNION ALL
        -- A total whose period is not whole months shows that its first month was supplied.
        SELECT partner_kind, month_number, count(*), month_number FROM records
        CROSS JOIN month_range WHERE is_total AND month_number >= from_month
        GROUP BY partner_kind, month_number
    ) AS t GROUP BY partner_kind, month_number
{% endcall %}
{% call part('all_kept_from') %}
    -- The first month that is kept of the kinds whose retention period has ended for earlier ones.
    SELECT DISTINCT concat_ws('|', partner, feed, kind) AS partner_kind,
        year(kept_from) * 12 + month(kept_from) - 1 AS month_number
    FROM {{ file('intake') }} WHERE kept_from IS NOT NULL
{% endcall %}
{% call part('kept_from') %}
    -- The same, where earlier months have figures.
    SELECT k.* FROM all_kept_from AS k CROSS JOIN month_range WHERE month_number > from_month
{% endcall %}
{% call part('kept_records') %}
    -- The same, of the months that are kept.
    SELECT r.* FROM monthly_records AS r
    LEFT JOIN kept_from ON kept_from.partner_kind = r.partner_kind
    WHERE kept_from.month_number IS NULL OR r.month_number >= kept_from.month_number
{% endcall %}
{% call part('partner_kinds') %}
    -- What partners send, from the first month they sent, or the first of all if some are not kept.
    SELECT r.partner_kind, split_part(r.partner_kind, '|', 1) AS partner,
        split_part(r.partner_kind, '|', 3) AS kind,
        split_part(r.partner_kind, '|', 3) LIKE 'count:%' AS is_totals,
        CASE WHEN max(kept_from.month_number) IS NULL THEN min(r.month_number)
            ELSE max(month_range.from_month) END AS from_month,
        max(kept_from.month_number) AS kept_from
    FROM monthly_records AS r CROSS JOIN month_range
    LEFT JOIN kept_from ON kept_from.partner_kind = r.partner_kind
    GROUP BY r.partner_kind
{% endcall %}
{% call part('partner_kind_months', stored=true) %}
    SELECT partner_kinds.partner_kind, partner_kinds.is_totals, partner_kinds.partner,
        partner_kinds.kind, calendar.month_number,
        kept_from IS NULL OR calendar.month_number >= kept_from AS is_kept,
        coalesce(r.records, 0) AS records,
        coalesce(r.last_month, calendar.month_number) AS last_month
    FROM partner_kinds JOIN calendar ON calendar.month_number >= partner_kinds.from_month
    LEFT JOIN kept_records AS r
        ON r.partner_kind = partner_kinds.partner_kind AND r.month_number = calendar.month_number
{% endcall %}
{% call part('typical_months') %}
    -- The median of the 12 months before and after, if at least 3 of them have records, else of all
    -- months.
    SELECT a.partner_kind, a.month_number, {{ usual_records }} AS median
    FROM partner_kind_months AS a
    JOIN kept_records AS b
        ON b.partner_kind = a.partner_kind AND b.month_number <> a.month_number
    WHERE NOT a.is_totals AND a.is_kept
    GROUP BY a.partner_kind, a.month_number HAVING count(*) >= 3
{% endcall %}
{% call part('due_months') %}
    -- The day on which a month's records are due, and the day after which they no longer change.
    SELECT *,
        greatest(due, last_day(make_date(CAST(floor((last_month + settle_months) / 12) AS INT),
        CAST((last_month + settle_months) % 12 + 1 AS INT), 1))) AS settled
    FROM (
        SELECT *, CASE
            WHEN due_days IS NULL THEN last_day(make_date(
                CAST(floor((last_month + 5 - last_month % 3) / 12) AS INT),
                    CAST((last_month + 5 - last_month % 3) % 12 + 1 AS INT), 1))
            ELSE last_day(make_date(CAST(floor(last_month / 12) AS INT),
                CAST(last_month % 12 + 1 AS INT), 1)) + due_days END AS due
        FROM (SELECT *,
            nullif({{ shared.setting(due_days, 'partner', 'kind', -1) }}, -1) AS due_days,
            {{ shared.setting(settle_months, 'partner', 'kind', 0) }} AS settle_months
            FROM partner_kind_months) AS h
    ) AS h
{% endcall %}
{% call part('month_status', stored=true) %}
    -- Status: -1 not kept, 0 overdue, 1 not due, 2 suspect, 3 provisional, 4 final.
    SELECT h.partner_kind, h.month_number, h.records, CASE
        WHEN NOT is_kept THEN -1
        WHEN records = 0 THEN CASE WHEN as_of > due THEN 0 ELSE 1 END
        WHEN (records / median < 0.6 OR records / median > 1.67) AND {{ is_beyond_chance }} THEN 2
        WHEN as_of > settled THEN 4
        ELSE 3 END AS status, records > 0 AND as_of <= due AS is_open
    FROM due_months AS h
    CROSS JOIN (SELECT max(as_of) AS as_of FROM {{ file('intake') }}) AS t
    LEFT JOIN typical_months
        ON typical_months.partner_kind = h.partner_kind
        AND typical_months.month_number = h.month_number
{% endcall %}
{% call part('month_spans') %}
    -- The spans of months that have figures: windows, and what they are compared with.
    SELECT DISTINCT window_plan, first_month, months FROM counted_windows
    {{ more_spans }}
{% endcall %}
{% call part('span_status', stored=true) %}
    -- The worst and the best status of the months of a span.
    SELECT partner_kind, first_month, months, CASE WHEN count(*) < months THEN least(min(status), 0)
        ELSE min(status) END AS status, max(status) AS best_status
    FROM month_status
    JOIN (SELECT DISTINCT first_month, months FROM month_spans) AS s
        ON month_number BETWEEN first_month AND first_month + months - 1
    GROUP BY partner_kind, first_month, months
{% endcall %}
