{% include 'records.sql' %}
{% include 'series.sql' %}
{% include 'months.sql' %}
{% include 'places.sql' %}
{# How many districts an area has that is a set; others none. #}
{% set districts %}
{% if area_sets %}
CASE
            {% for code, districts in area_sets %}
            WHEN place LIKE {{ (code ~ '|set|%') | literal }} THEN {{ districts }}
            {% endfor %}
            ELSE 0 END
{%- else %}
0
{%- endif %}
{% endset %}
{% call part('counted') %}
    -- Records of a series, place and month.
    SELECT line, by_sent.whose, place, m, CAST(sum(n) AS BIGINT) AS n
    FROM (
        SELECT line, whose, sent, m, count(*) AS n FROM lined WHERE NOT is_total AND {{ series_filter }} GROUP BY line, whose, sent, m
    ) AS by_sent
    JOIN targets ON targets.whose = by_sent.whose AND targets.sent = by_sent.sent
    GROUP BY line, by_sent.whose, place, m
{% endcall %}
{% call part('plan_lines') %}
    SELECT * FROM (
        VALUES ('*|total|total|')
        {% for plan in plans %}
        , ({{ plan.mapped | literal }}), ({{ plan.unmapped | literal }})
        {% for series in plan.series %}
        , ({{ series.key | literal }})
        {% endfor %}
        {% endfor %}
    ) AS t(line)
{% endcall %}
{% call part('lines_of', stored=true) %}
    -- The series of each partner's kind: the plan's all, and the codes it sent.
    SELECT * FROM (
        SELECT whose, partner, kind, line, line LIKE '%|total|total|' OR line LIKE '%|mapped|mapped|'
            OR line LIKE '%|unmapped|unmapped|' AS by_all
        FROM held CROSS JOIN plan_lines WHERE NOT of_totals AND {{ series_filter }}
        UNION ALL
        SELECT DISTINCT held.whose, partner, kind, line, false
        FROM lined JOIN held ON held.whose = lined.whose WHERE NOT is_total AND split_part(line, '|', 4) <> '' AND {{ series_filter }}
    ) AS l
{% endcall %}
{% call part('shown') %}
    -- Which source can show a series: by what it carries, or because it did.
    SELECT DISTINCT line, whose, source FROM lined WHERE NOT is_total AND split_part(line, '|', 4) <> '' AND {{ series_filter }}
    UNION
    SELECT line, whose, source FROM lines_of
    JOIN {{ file('sources') }} AS s ON s.partner = lines_of.partner AND s.kind = lines_of.kind AND s.carries = 'scheme'
        AND s.name = split_part(line, '|', 4)
    UNION
    SELECT line, whose, source FROM lines_of
    JOIN {{ file('rules') }} AS r ON r.partner = lines_of.partner AND r.kind = lines_of.kind AND r.plan = split_part(line, '|', 1)
        AND r.series = split_part(line, '|', 3)
    WHERE applicable OR matched > 0
{% endcall %}
{% call part('fed') %}
    SELECT DISTINCT whose, m, source FROM records WHERE NOT is_total
{% endcall %}
{% call part('supplied', stored=true) %}
    -- Supply: 0 whole, 1 partial, 2 nothing.
    SELECT l.line, l.whose, h.m, CASE
        WHEN count(fed.source) = 0 THEN 2
        WHEN by_all OR count(shown.source) = count(fed.source) THEN 0
        WHEN count(shown.source) = 0 THEN 2
        ELSE 1 END AS supply
    FROM lines_of AS l
    JOIN held_months AS h ON h.whose = l.whose
    LEFT JOIN fed ON fed.whose = h.whose AND fed.m = h.m
    LEFT JOIN shown ON shown.line = l.line AND shown.whose = l.whose AND shown.source = fed.source
    GROUP BY l.line, l.whose, h.m, by_all
{% endcall %}
{% call part('supplies') %}
    SELECT frame, line, whose, m0, months,
        CASE WHEN min(supply) = max(supply) AND (count(*) = months OR min(supply) = 2) THEN min(supply) ELSE 1 END AS supply
    FROM supplied JOIN spans ON m BETWEEN m0 AND m0 + months - 1 AND split_part(line, '|', 1) IN ('*', frame)
    GROUP BY frame, line, whose, m0, months
{% endcall %}
{% call part('summed') %}
    SELECT line, whose, place, m0, months, CAST(sum(n) AS BIGINT) AS n
    FROM counted JOIN (SELECT DISTINCT m0, months FROM spans) AS s ON m BETWEEN m0 AND m0 + months - 1
    CROSS JOIN span WHERE m >= from_m
    GROUP BY line, whose, place, m0, months
{% endcall %}
{% call part('record_cells') %}
    SELECT g.frame, g.line, g.whose, g.place, g.m0, g.months, coalesce(n, 0) AS lo, coalesce(n, 0) AS hi, supply
    FROM (
        SELECT s.*, p.place FROM supplies AS s JOIN places AS p ON p.whose = s.whose WHERE {{ area_filter }}
    ) AS g
    LEFT JOIN summed ON summed.line = g.line AND summed.whose = g.whose AND summed.place = g.place
        AND summed.m0 = g.m0 AND summed.months = g.months
{% endcall %}
{% call part('told_totals') %}
    -- Totals that partners sent, in the unit of most of a list's: units are never added. Of a code in another unit too, only
    -- the first is told.
    SELECT * FROM (
        SELECT t.*, coalesce(t.unit_place = u.unit_place, false) AS is_summed,
            rank() OVER (PARTITION BY t.whose, sent, m0, months, what
                ORDER BY CASE WHEN t.unit_place = u.unit_place THEN -1 ELSE t.unit_place END) AS place_of
        FROM (
            SELECT *, {{ shared.unit_rank }} AS unit_place FROM totals CROSS JOIN span
            WHERE age_band IS NULL AND sex IS NULL AND with_flag IS NULL AND m0 >= from_m
        ) AS t
        LEFT JOIN (
            SELECT whose, unit_place, row_number() OVER (PARTITION BY whose ORDER BY n DESC, unit_place) AS place_of
            FROM (
                SELECT whose, {{ shared.unit_rank }} AS unit_place, count(*) AS n FROM totals CROSS JOIN span
                WHERE age_band IS NULL AND sex IS NULL AND with_flag IS NULL AND m0 >= from_m
                GROUP BY whose, {{ shared.unit_rank }}
            ) AS n WHERE unit_place < 3
        ) AS u ON u.whose = t.whose AND u.place_of = 1
    ) AS t WHERE place_of = 1
{% endcall %}
{% call part('total_parts') %}
    -- How the codes of one list, area and period add up.
    SELECT whose, sent, m0, months, what, scheme, code, sum(lo) AS lo,
        CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi,
        CASE WHEN min(supply) = max(supply) THEN min(supply) ELSE 1 END AS supply,
        is_summed,
        is_summed AND {{ shared.is_sum }} AS is_sum,
        is_summed AND {{ shared.is_base }} AS is_base,
        {{ shared.is_exclusive }} AS is_exclusive,
        is_summed AND NOT coalesce(lower(code) LIKE 'total-%' OR lower(code) LIKE 'households-with-%', false)
            AND NOT {{ shared.is_sum }} AS is_part
    FROM told_totals
    GROUP BY whose, sent, m0, months, what, scheme, code, is_summed
{% endcall %}
{% call part('gathered', stored=true) %}
    SELECT whose, sent, m0, months, line, count(*) AS codes, bool_or(is_exclusive) AS is_exclusive, max(lo) AS largest,
        sum(lo) AS lo, CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi,
        CASE WHEN min(supply) = max(supply) THEN min(supply) ELSE 1 END AS supply
    FROM (
        SELECT whose, sent, m0, months, '(parts)' AS line, is_exclusive, lo, hi, supply FROM total_parts WHERE is_part
        UNION ALL
        SELECT whose, sent, m0, months, '(sum)', is_exclusive, lo, hi, supply FROM total_parts WHERE is_sum
        UNION ALL
        SELECT whose, sent, m0, months, '(base)', is_exclusive, lo, hi, supply FROM total_parts WHERE is_base
        UNION ALL
        SELECT p.whose, p.sent, m0, months, line, is_exclusive, lo, hi, supply
        FROM total_parts AS p
        JOIN (SELECT DISTINCT whose, sent, what, line FROM lined WHERE is_total) AS l
            ON l.whose = p.whose AND l.sent = p.sent AND l.what = p.what
        WHERE line <> '*|total|total|' AND (is_part OR line LIKE '*|category|%' OR is_summed AND split_part(line, '|', 4) <> '')
    ) AS parts
    GROUP BY whose, sent, m0, months, line
{% endcall %}
{% call part('capped') %}
    -- How many have any of the codes, where one may have several.
    SELECT whose, sent, m0, months, CASE WHEN supply = 0 THEN hi END AS most
    FROM (
        SELECT *, row_number() OVER (PARTITION BY whose, sent, m0, months ORDER BY line) AS place
        FROM gathered WHERE line IN ('(base)', '(sum)')
    ) AS g WHERE place = 1
{% endcall %}
{% call part('added') %}
    -- Codes of an exclusive list add up; those of another overlap: at least the largest, at most their sum, no more than have any.
    SELECT g.whose, g.sent, g.m0, g.months, line, codes, g.is_exclusive, g.supply,
        CASE WHEN g.is_exclusive OR line = '(sum)' THEN g.lo ELSE largest END AS lo,
        CASE WHEN g.is_exclusive OR line = '(sum)' THEN g.hi
            WHEN least(g.hi, most) IS NOT NULL THEN greatest(largest, least(g.hi, most)) END AS hi,
        g.lo AS lo_as_sent, g.hi AS hi_as_sent
    FROM gathered AS g
    LEFT JOIN capped AS b ON b.whose = g.whose AND b.sent = g.sent AND b.m0 = g.m0 AND b.months = g.months
{% endcall %}
{% call part('wholes') %}
    -- The whole of which the codes are parts: as sent, else all of them.
    SELECT whose, sent, m0, months, is_exclusive, lo, hi, supply
    FROM (
        SELECT *, row_number() OVER (PARTITION BY whose, sent, m0, months ORDER BY line DESC) AS place
        FROM added WHERE line IN ('(parts)', '(sum)')
    ) AS g WHERE place = 1
{% endcall %}
{% call part('blocks') %}
    SELECT whose, sent, m0, months, '*|total|total|' AS line, lo, hi, supply FROM wholes
    UNION ALL
    SELECT whose, sent, m0, months, line, CASE WHEN codes = 1 THEN lo_as_sent ELSE lo END,
        CASE WHEN codes = 1 THEN hi_as_sent ELSE hi END, supply
    FROM added WHERE split_part(line, '|', 4) <> ''
    UNION ALL
    SELECT w.whose, w.sent, w.m0, w.months, p.line,
        CASE WHEN t.whose IS NULL THEN CASE WHEN is_rest THEN w.lo ELSE 0 END
            WHEN NOT is_rest THEN t.lo WHEN t.supply = 0 AND t.hi IS NOT NULL THEN greatest(w.lo - t.hi, 0) ELSE 0 END,
        CASE WHEN t.whose IS NULL THEN CASE WHEN is_rest THEN w.hi WHEN is_of_all THEN 0 END
            WHEN NOT is_rest THEN t.hi WHEN w.hi IS NOT NULL THEN greatest(w.hi - t.lo, 0) END,
        CASE WHEN t.whose IS NULL THEN CASE WHEN is_rest THEN w.supply WHEN is_of_all THEN 0 ELSE 2 END
            WHEN NOT is_rest OR t.supply = w.supply THEN t.supply ELSE 1 END
    FROM (
        SELECT w.*, line, line LIKE '%|mapped|mapped|' OR line LIKE '%|unmapped|unmapped|' AS is_of_all,
            line LIKE '%|unmapped|unmapped|' AND NOT is_exclusive AS is_rest
        FROM wholes AS w CROSS JOIN plan_lines WHERE line <> '*|total|total|'
    ) AS p
    JOIN wholes AS w ON w.whose = p.whose AND w.sent = p.sent AND w.m0 = p.m0 AND w.months = p.months
    LEFT JOIN added AS t ON t.whose = p.whose AND t.sent = p.sent AND t.m0 = p.m0 AND t.months = p.months
        AND t.line = CASE WHEN is_rest THEN replace(p.line, 'unmapped', 'mapped') ELSE p.line END
{% endcall %}
{% call part('slots') %}
    SELECT line, b.whose, place, m0, months AS length, sum(lo) AS lo,
        CASE WHEN count(hi) = count(*) THEN sum(hi) END AS hi,
        CASE WHEN min(supply) = max(supply) AND (min(supply) = 2 OR count(s.sent) = 0 OR count(s.sent) >= {{ districts }})
            THEN min(supply) ELSE 1 END AS supply
    FROM blocks AS b JOIN targets ON targets.whose = b.whose AND targets.sent = b.sent
    -- A set of which not every district sent a total is known only from below.
    LEFT JOIN (SELECT DISTINCT whose, sent FROM sents WHERE area_level = 'district') AS s
        ON s.whose = b.whose AND s.sent = b.sent
    WHERE {{ series_filter }}
    GROUP BY line, b.whose, place, m0, months
{% endcall %}
{% call part('total_cells') %}
    -- Periods of one length that tile a run of months, the longest that do; a snapshot is not summed over time.
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY frame, line, whose, place, m0, months ORDER BY length DESC) AS place_of
        FROM (
            SELECT frame, line, slots.whose, place, spans.m0, spans.months, length, CAST(sum(lo) AS BIGINT) AS lo,
                CASE WHEN count(hi) * length = spans.months THEN CAST(sum(hi) AS BIGINT) END AS hi,
                CASE WHEN min(supply) = max(supply) AND (count(*) * length = spans.months OR min(supply) = 2)
                    THEN min(supply) ELSE 1 END AS supply
            FROM slots
            JOIN (SELECT whose, bool_or(date_basis = 'snapshot') AS is_snapshot FROM totals GROUP BY whose) AS n
                ON n.whose = slots.whose
            JOIN spans ON slots.m0 >= spans.m0 AND slots.m0 < spans.m0 + spans.months AND spans.months % length = 0
                AND (slots.m0 - spans.m0) % length = 0 AND split_part(line, '|', 1) IN ('*', frame)
            WHERE NOT coalesce(is_snapshot, false) OR length = spans.months
            GROUP BY frame, line, slots.whose, place, spans.m0, spans.months, length
        ) AS t
    ) AS p WHERE place_of = 1 AND {{ area_filter }}
{% endcall %}
{% call part('cells', stored=true) %}
    SELECT *, CASE WHEN supply = 0 AND lo = hi THEN lo END AS exact, CASE WHEN supply = 0 THEN hi END AS most
    FROM (
        SELECT frame, line, whose, place, m0, months, lo, hi, supply FROM record_cells
        UNION ALL
        SELECT frame, line, whose, place, m0, months, lo, hi, supply FROM total_cells
    ) AS c
{% endcall %}
