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
{% call part('shown_areas', stored=true) %}
    -- The areas that have rows, also where nothing was counted.
    SELECT * FROM (
        SELECT partner_kind, 'all-received|all-received||' AS area_key FROM sent_areas
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
