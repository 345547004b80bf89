{% call part('sent_areas') %}
    -- The areas that partners sent.
    SELECT * FROM (
        SELECT partner_kind, sent_area, area_code, coalesce(area_level, '') AS area_level, vintage,
            role, zone
        FROM records WHERE NOT is_total
        UNION
        SELECT partner_kind, sent_area, area_code, coalesce(area_level, ''), vintage, role, zone
        FROM totals
    ) AS s
{% endcall %}
{% call part('tiers') %}
    -- The tiers (levels; of wards also the year) at which these can be shown.
    SELECT DISTINCT partner_kind, t.tier_level, t.tier_vintage
    FROM sent_areas
    JOIN ({{ shared.values(tiers) }}) AS t(sent_level, tier_level, tier_vintage)
        ON t.sent_level = sent_areas.area_level
    WHERE area_code IS NOT NULL
{% endcall %}
{% call part('counting_areas', stored=true) %}
    -- The areas a record counts in, as `code|level|vintage|role`: once in all, and at every tier.
    SELECT * FROM (
        SELECT partner_kind, sent_area, 'all-received|all-received||' AS area_key FROM sent_areas
        UNION ALL
        SELECT sent_areas.partner_kind, sent_area,
            concat_ws('|', 'no-location', tier_level, tier_vintage, '')
        FROM sent_areas JOIN tiers ON tiers.partner_kind = sent_areas.partner_kind
        WHERE area_code IS NULL
        UNION ALL
        SELECT DISTINCT sent_areas.partner_kind, sent_area,
            concat_ws('|', p.area_code, p.area_level,
            CASE WHEN p.area_level = 'lsoa' AND p.area_code NOT IN ('outside', 'unplaced')
                THEN vintage
                ELSE coalesce(p.area_vintage, '') END, role)
        FROM sent_areas
        JOIN {{ file('placements') }} AS p
            ON p.sent_code = sent_areas.area_code AND p.sent_level = sent_areas.area_level
                AND coalesce(p.sent_zone, '') = zone
        JOIN tiers ON tiers.partner_kind = sent_areas.partner_kind AND tier_level = p.area_level
            AND (p.area_level = 'lsoa' OR tier_vintage = coalesce(p.area_vintage, ''))
    ) AS t
{% endcall %}
{% call part('without_district') %}
    -- The plan's area, for records that do not name a district.
    SELECT DISTINCT partner_kind, {{ (plan_area ~ '|' ~ plan_area_level ~ '||') | literal }} AS area_key FROM sent_areas
    WHERE partner_kind NOT LIKE '%|count:%' AND partner_kind NOT IN (
        SELECT partner_kind FROM tiers WHERE tier_level = {{ plan_area_level | literal }})
{% endcall %}
{% call part('shown_areas', stored=true) %}
    -- The areas that have rows, also where nothing was counted.
    SELECT * FROM (
        SELECT partner_kind, 'all-received|all-received||' AS area_key FROM sent_areas
        UNION
        SELECT partner_kind, area_key FROM without_district
        UNION
        SELECT partner_kind, concat_ws('|', 'no-location', tier_level, tier_vintage, '') FROM tiers
        UNION
        SELECT tiers.partner_kind, concat_ws('|', a.area_code, tier_level, tier_vintage, role)
        FROM tiers
        JOIN {{ file('areas') }} AS a
            ON a.area_level = tier_level AND coalesce(a.area_vintage, '') = tier_vintage
        JOIN (SELECT DISTINCT partner_kind, role FROM sent_areas WHERE area_code IS NOT NULL) AS r
            ON r.partner_kind = tiers.partner_kind
        WHERE tier_level <> 'lsoa'
        UNION
        SELECT partner_kind, area_key FROM counting_areas
    ) AS p
{% endcall %}
{% call part('area_coverage') %}
    -- Whether records of a partner's kind can be in an area: 1 in some of it, 2 in none, 3 not known.
    SELECT partner_kind, area_key, coverage FROM (
        SELECT p.partner_kind, p.area_key, CASE WHEN count(d.district) = count(c.district) THEN 0
            WHEN count(c.district) = 0 THEN 2 ELSE 1 END AS coverage
        FROM shown_areas AS p
        JOIN (SELECT DISTINCT partner, kind FROM ({{ shared.values(covers) }})
            AS k(partner, kind, district)) AS k
            ON k.partner = split_part(p.partner_kind, '|', 1)
            AND k.kind = split_part(p.partner_kind, '|', 3)
        LEFT JOIN (
            SELECT area_code, area_level, district FROM {{ file('areas') }}
            WHERE district IS NOT NULL
            UNION ALL
            SELECT area_code, 'set', district
            FROM ({{ shared.values(set_districts, shared.empty_pair) }}) AS s(area_code, district)
        ) AS d
            ON d.area_code = split_part(p.area_key, '|', 1)
            AND d.area_level = split_part(p.area_key, '|', 2)
        LEFT JOIN ({{ shared.values(covers) }}) AS c(partner, kind, district)
            ON c.partner = k.partner AND c.kind = k.kind AND c.district = d.district
        WHERE p.area_key NOT IN (SELECT area_key FROM without_district
            WHERE without_district.partner_kind = p.partner_kind)
        GROUP BY p.partner_kind, p.area_key
        UNION ALL
        SELECT partner_kind, area_key, 3 FROM without_district
    ) AS a WHERE coverage > 0
{% endcall %}
{% call part('area_months') %}
    -- Records of an area by month, where an area has rows also if nothing was counted.
    SELECT r.partner_kind, area_key, month_number, CAST(sum(n) AS BIGINT) AS records
    FROM (
        SELECT records.partner_kind, sent_area, records.month_number, count(*) AS n FROM records
        CROSS JOIN month_range
        LEFT JOIN kept_from ON kept_from.partner_kind = records.partner_kind
        WHERE NOT is_total
            AND records.month_number >= coalesce(kept_from.month_number, from_month)
        GROUP BY records.partner_kind, sent_area, records.month_number
    ) AS r
    JOIN counting_areas
        ON counting_areas.partner_kind = r.partner_kind AND counting_areas.sent_area = r.sent_area
    WHERE split_part(area_key, '|', 2) NOT IN ('all-received', 'lsoa', 'outward_postcode')
        AND split_part(area_key, '|', 1) NOT IN ('no-location', 'outside', 'unplaced')
    GROUP BY r.partner_kind, area_key, month_number
{% endcall %}
{% call part('area_gaps') %}
    -- Months in which an area's records are missing, though the partner sent others: there are none
    -- where chance gives none once in 100, or far too few in a district or set.
    SELECT partner_kind, area_key, month_number FROM (
        SELECT a.partner_kind, a.area_key, a.month_number, a.records, {{ usual_records }} AS median
        FROM (
            SELECT m.partner_kind, s.area_key, m.month_number, coalesce(r.records, 0) AS records
            FROM kept_records AS m
            JOIN (SELECT DISTINCT partner_kind, area_key FROM area_months) AS s
                ON s.partner_kind = m.partner_kind
            LEFT JOIN area_months AS r
                ON r.partner_kind = m.partner_kind AND r.area_key = s.area_key
                AND r.month_number = m.month_number
        ) AS a
        JOIN area_months AS b
            ON b.partner_kind = a.partner_kind AND b.area_key = a.area_key
            AND b.month_number <> a.month_number
        GROUP BY a.partner_kind, a.area_key, a.month_number, a.records HAVING count(*) >= 3
    ) AS m
    WHERE records = 0 AND median >= CAST(4.605 AS DOUBLE)
        OR split_part(area_key, '|', 2) IN ('district', 'set') AND records / median < 0.6
        AND {{ is_beyond_chance }}
{% endcall %}
{% call part('span_gaps', stored=true) %}
    SELECT DISTINCT partner_kind, area_key, first_month, months FROM area_gaps
    JOIN (SELECT DISTINCT first_month, months FROM month_spans) AS s
        ON month_number BETWEEN first_month AND first_month + months - 1
{% endcall %}
