{% call part('all_wins', stored=true) %}
    -- Windows with their first month, and the plan whose figures they show (the frame; '' = none).
    SELECT "window", family, window_from, window_to, CAST(months AS INT) AS months, CAST(days AS INT) AS days,
        year(window_from) * 12 + month(window_from) - 1 AS m0, {{ shared.window_plan }} AS frame
    FROM {{ file('windows') }}
{% endcall %}
{% call part('wins') %}
    SELECT * FROM all_wins WHERE {{ window_filter }}
{% endcall %}
{% call part('span') %}
    SELECT min(m0) AS from_m, max(m0) AS to_m FROM all_wins WHERE family = 'month'
{% endcall %}
{% call part('calendar') %}
    SELECT m0 AS m FROM all_wins WHERE family = 'month'
{% endcall %}
{% call part('totals', stored=true) %}
    -- Totals of whole months, which alone fill windows.
    SELECT *, m + 0 AS m0, year(last_day_of) * 12 + month(last_day_of) - m AS months,
        CASE status WHEN 'not_supplied' THEN 2 ELSE 0 END AS supply,
        CAST(CASE status WHEN 'exact' THEN "value" WHEN 'not_supplied' THEN 0 ELSE coalesce(at_least, 0) END AS BIGINT) AS lo,
        CAST(CASE status WHEN 'exact' THEN "value" WHEN 'not_supplied' THEN NULL ELSE at_most END AS BIGINT) AS hi
    FROM (SELECT *, {{ dialect.london_day('period_from') }} AS first_day_of, {{ dialect.london_day('period_to') }} AS last_day_of FROM judged WHERE is_total) AS r
    WHERE day(first_day_of) = 1 AND last_day_of = last_day(last_day_of) AND status IS NOT NULL
        AND (status <> 'exact' OR "value" IS NOT NULL)
{% endcall %}
{% call part('month_records') %}
    -- For each partner's kind: its records of a month, and when these are due.
    SELECT whose, m, count(*) AS records, m AS last_m FROM records CROSS JOIN span
    WHERE NOT is_total AND m >= from_m GROUP BY whose, m
    UNION ALL
    SELECT whose, m, CAST(sum(records) AS BIGINT), max(last_m)
    FROM (
        SELECT whose, calendar.m, count(*) AS records, max(m0 + months - 1) AS last_m
        FROM totals CROSS JOIN span JOIN calendar ON calendar.m BETWEEN totals.m0 AND totals.m0 + totals.months - 1
        WHERE totals.m0 >= from_m GROUP BY whose, calendar.m
        UNION ALL
        -- Of a total whose period is not whole months the month it begins in is known to have come.
        SELECT whose, m, count(*), m FROM records CROSS JOIN span WHERE is_total AND m >= from_m GROUP BY whose, m
    ) AS t GROUP BY whose, m
{% endcall %}
{% call part('held') %}
    SELECT whose, split_part(whose, '|', 1) AS partner, split_part(whose, '|', 3) AS kind,
        split_part(whose, '|', 3) LIKE 'count:%' AS of_totals, min(m) AS from_m
    FROM month_records GROUP BY whose
{% endcall %}
{% call part('held_months', stored=true) %}
    SELECT held.whose, held.of_totals, held.partner, held.kind, calendar.m,
        coalesce(r.records, 0) AS records, coalesce(r.last_m, calendar.m) AS last_m
    FROM held JOIN calendar ON calendar.m >= held.from_m
    LEFT JOIN month_records AS r ON r.whose = held.whose AND r.m = calendar.m
{% endcall %}
{% call part('around') %}
    -- The median of the months around.
    SELECT a.whose, a.m, median(b.records) AS median
    FROM held_months AS a
    JOIN month_records AS b ON b.whose = a.whose AND b.m BETWEEN a.m - 12 AND a.m + 12 AND b.m <> a.m
    WHERE NOT a.of_totals
    GROUP BY a.whose, a.m HAVING count(*) >= 3
{% endcall %}
{% call part('timely') %}
    SELECT *, greatest(due, last_day(make_date(CAST(floor((last_m + settle_months) / 12) AS INT),
        CAST((last_m + settle_months) % 12 + 1 AS INT), 1))) AS settled
    FROM (
        SELECT *, CASE
            WHEN due_days IS NULL THEN last_day(make_date(
                CAST(floor((last_m + 5 - last_m % 3) / 12) AS INT), CAST((last_m + 5 - last_m % 3) % 12 + 1 AS INT), 1))
            ELSE last_day(make_date(CAST(floor(last_m / 12) AS INT), CAST(last_m % 12 + 1 AS INT), 1)) + due_days END AS due
        FROM (SELECT *, nullif({{ shared.setting(due_days, 'partner', 'kind', -1) }}, -1) AS due_days,
            {{ shared.setting(settle_months, 'partner', 'kind', 0) }} AS settle_months FROM held_months) AS h
    ) AS h
{% endcall %}
{% call part('usable', stored=true) %}
    -- May a month be used? 0 overdue, 1 not due, 2 suspect, 3 provisional, 4 final.
    SELECT h.whose, h.m, h.records, CASE
        WHEN records = 0 THEN CASE WHEN as_of > due THEN 0 ELSE 1 END
        WHEN records / median < 0.6 OR records / median > 1.67 THEN 2
        WHEN as_of > settled THEN 4
        ELSE 3 END AS status
    FROM timely AS h
    CROSS JOIN (SELECT max(as_of) AS as_of FROM {{ file('intake') }}) AS t
    LEFT JOIN around ON around.whose = h.whose AND around.m = h.m
{% endcall %}
{% call part('spans') %}
    -- The runs of months that figures are wanted for.
    SELECT DISTINCT frame, m0, months FROM wins
    {{ more_spans }}
{% endcall %}
{% call part('worst', stored=true) %}
    SELECT whose, m0, months, CASE WHEN count(*) < months THEN 0 ELSE min(status) END AS status, max(status) AS best
    FROM usable JOIN (SELECT DISTINCT m0, months FROM spans) AS s ON m BETWEEN m0 AND m0 + months - 1
    GROUP BY whose, m0, months
{% endcall %}
