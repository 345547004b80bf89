{% call part('sents') %}
    -- Areas as sent, by partner's kind, and the tiers (levels, and years of wards) that these can be shown at.
    SELECT * FROM (
        SELECT whose, sent, area_code, coalesce(area_level, '') AS area_level, vintage, role, zone
        FROM records WHERE NOT is_total
        UNION
        SELECT whose, sent, area_code, coalesce(area_level, ''), vintage, role, zone FROM totals
    ) AS s
{% endcall %}
{% call part('tiers') %}
    SELECT DISTINCT whose, t.tier_level, t.tier_vintage
    FROM sents JOIN ({{ shared.values(tiers) }}) AS t(sent_level, tier_level, tier_vintage) ON t.sent_level = sents.area_level
    WHERE area_code IS NOT NULL
{% endcall %}
{% call part('targets', stored=true) %}
    -- Where a record counts: once in all, and at every tier. A place is `code|level|vintage|role`.
    SELECT * FROM (
        SELECT whose, sent, 'all|all||' AS place FROM sents
        UNION ALL
        SELECT sents.whose, sent, concat_ws('|', 'no-location', tier_level, tier_vintage, '')
        FROM sents JOIN tiers ON tiers.whose = sents.whose WHERE area_code IS NULL
        UNION ALL
        SELECT DISTINCT sents.whose, sent, concat_ws('|', p.area_code, p.area_level,
            CASE WHEN p.area_level = 'lsoa' AND p.area_code NOT IN ('outside', 'unplaced') THEN vintage
                ELSE coalesce(p.area_vintage, '') END, role)
        FROM sents
        JOIN {{ file('placements') }} AS p
            ON p.sent_code = sents.area_code AND p.sent_level = sents.area_level AND coalesce(p.sent_zone, '') = zone
        JOIN tiers ON tiers.whose = sents.whose AND tier_level = p.area_level
            AND (p.area_level = 'lsoa' OR tier_vintage = coalesce(p.area_vintage, ''))
    ) AS t
{% endcall %}
{% call part('places', stored=true) %}
    -- The places that have rows, also where nothing was counted.
    SELECT * FROM (
        SELECT whose, 'all|all||' AS place FROM sents
        UNION
        SELECT whose, concat_ws('|', 'no-location', tier_level, tier_vintage, '') FROM tiers
        UNION
        SELECT tiers.whose, concat_ws('|', a.area_code, tier_level, tier_vintage, role)
        FROM tiers
        JOIN {{ file('areas') }} AS a ON a.area_level = tier_level AND coalesce(a.area_vintage, '') = tier_vintage
        JOIN (SELECT DISTINCT whose, role FROM sents WHERE area_code IS NOT NULL) AS r ON r.whose = tiers.whose
        WHERE tier_level <> 'lsoa'
        UNION
        SELECT whose, place FROM targets
    ) AS p
{% endcall %}
