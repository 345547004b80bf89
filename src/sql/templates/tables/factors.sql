{% set series_filter %}split_part(line, '|', 2) IN ('total', 'priority'){% endset %}
{% set area_filter = shared.without_small_areas %}
{% set split_by %}, yes, no{% endset %}
{% include 'cells.sql' %}
{% include 'split_counts.sql' %}
{% call part('factor_flags') %}
    SELECT * FROM ({{ shared.values(factor_flags) }}) AS t(plan, factor, flag)
{% endcall %}
{% call part('states') %}
    -- With: any flag is true; without: one is false and none true; else not known.
    SELECT yes, no, plan, factor, max(CASE WHEN instr(yes, ';' || flag || ';') > 0 THEN 2
        WHEN instr(no, ';' || flag || ';') > 0 THEN 1 ELSE 0 END) AS state
    FROM (SELECT DISTINCT yes, no FROM records) AS m CROSS JOIN factor_flags GROUP BY yes, no, plan, factor
{% endcall %}
{% call part('factor_shown') %}
    SELECT plan, factor, h.whose, source
    FROM held AS h JOIN {{ file('sources') }} AS s ON s.partner = h.partner AND s.kind = h.kind AND s.carries = 'flag'
    JOIN factor_flags ON flag = s.name
    UNION
    SELECT DISTINCT plan, factor, whose, source
    FROM records JOIN states ON states.yes = records.yes AND states.no = records.no WHERE state > 0 AND NOT is_total
{% endcall %}
{% call part('factor_supplied') %}
    SELECT f.plan, f.factor, l.line, l.whose, h.m, CASE
        WHEN count(fed.source) = 0 THEN 2
        WHEN count(CASE WHEN by_all OR shown.source IS NOT NULL THEN fs.source END) = count(fed.source) THEN 0
        WHEN count(CASE WHEN by_all OR shown.source IS NOT NULL THEN fs.source END) = 0 THEN 2
        ELSE 1 END AS supply
    FROM lines_of AS l
    JOIN (SELECT DISTINCT plan, factor FROM factor_flags) AS f ON split_part(l.line, '|', 1) IN ('*', f.plan)
    JOIN held_months AS h ON h.whose = l.whose
    LEFT JOIN fed ON fed.whose = h.whose AND fed.m = h.m
    LEFT JOIN shown ON shown.line = l.line AND shown.whose = l.whose AND shown.source = fed.source
    LEFT JOIN factor_shown AS fs ON fs.plan = f.plan AND fs.factor = f.factor AND fs.whose = l.whose AND fs.source = fed.source
    GROUP BY f.plan, f.factor, l.line, l.whose, h.m
{% endcall %}
{% call part('factor_supplies') %}
    SELECT frame, factor, line, whose, m0, months,
        CASE WHEN min(supply) = max(supply) AND (count(*) = months OR min(supply) = 2) THEN min(supply) ELSE 1 END AS supply
    FROM factor_supplied JOIN spans ON frame = plan AND m BETWEEN m0 AND m0 + months - 1
    GROUP BY frame, factor, line, whose, m0, months
{% endcall %}
{% call part('parted') %}
    SELECT plan, factor, line, whose, place, m0, months, sum(CASE state WHEN 2 THEN n END) AS n_with,
        sum(CASE state WHEN 1 THEN n END) AS n_without, sum(CASE state WHEN 0 THEN n END) AS n_unknown
    FROM tallied JOIN states ON states.yes = tallied.yes AND states.no = tallied.no
    GROUP BY plan, factor, line, whose, place, m0, months
{% endcall %}
{% call part('factored') %}
    SELECT *, CASE WHEN supply = 0 THEN lo END AS exact, CASE WHEN supply = 0 THEN lo END AS most
    FROM (
        SELECT s.frame, s.factor, s.line, s.whose, s.place, s.m0, s.months, s.supply,
            CAST(coalesce(n_with, 0) AS BIGINT) AS lo, CAST(coalesce(n_without, 0) AS BIGINT) AS n_without,
            CAST(coalesce(n_unknown, 0) AS BIGINT) AS n_unknown
        FROM (
            SELECT f.*, p.place FROM factor_supplies AS f JOIN places AS p ON p.whose = f.whose WHERE {{ area_filter }}
        ) AS s
        LEFT JOIN parted AS t ON t.plan = s.frame AND t.factor = s.factor AND t.line = s.line AND t.whose = s.whose
            AND t.place = s.place AND t.m0 = s.m0 AND t.months = s.months
    ) AS f
{% endcall %}
SELECT {{ shared.keys }}, factor, {{ shared.count }},
    CASE WHEN exact IS NOT NULL THEN n_without END AS count_without,
    CASE WHEN exact IS NOT NULL THEN n_unknown END AS count_unknown,
    1e2 * exact / nullif(exact + n_without, 0) AS share_of_known_pct
FROM factored AS c {{ shared.joins }}
