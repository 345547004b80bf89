{# A list of codes joined by `;`, each after its scheme. #}
{% macro with_scheme(scheme, codes) -%}
{{ scheme }} || ':' || replace(nullif({{ codes }}, ''), ';', ';' || {{ scheme }} || ':')
{%- endmacro %}
{% macro is_section() %}list = 'mha-legal-status' AND what_category LIKE 's%'{% endmacro %}
{# A code after its scheme, unless it is a base of others. #}
{% macro item(condition) -%}
CASE WHEN {{ condition }} AND lower(code) NOT LIKE 'total-%'
            AND lower(code) NOT LIKE 'households-with-%' THEN scheme || ':' || code END
{%- endmacro %}
{% call part('own_lists') %}
    -- The list of kinds that have one of their own.
    SELECT * FROM ({{ shared.values(own_lists, shared.empty_pair) }}) AS l(kind, list)
{% endcall %}
{% call part('combinations') %}
    SELECT DISTINCT c.combination, c.kind, what_list, what_edition, what_category, what_code,
        icd10_further, concerns, support_needs, l.list
    FROM current_records AS c LEFT JOIN own_lists AS l ON l.kind = c.kind
{% endcall %}
{% call part('sent_codes') %}
    -- The codes of each, one row each, in the order in which they were sent. In the list of
    -- legal statuses, 19 is section 135 and 20 is section 136.
    SELECT combination, nth, split_part(item, ':', 1) AS scheme,
        substr(item, instr(item, ':') + 1) AS code,
        CASE WHEN concerns IS NOT NULL
            AND split_part(item, ':', 1) IN ('nrm-exploitation', 'prevent-concern') THEN ''
            ELSE coalesce(what_edition, '') END AS edition
    FROM (
        SELECT combination, what_edition, concerns, {{ dialect.numbered_rows_of_text('items') }}
        FROM (
            SELECT combination, what_edition, concerns, concat_ws(';',
                CASE WHEN what_list = 'ho-crime' OR what_list = 'ho-category'
                    THEN 'ho-category:' || replace(what_category, '.', '/')
                    WHEN what_list IS NOT NULL THEN what_list || ':' || what_category
                    WHEN {{ is_section() }} AND what_category = 's136' THEN list || ':20'
                    WHEN {{ is_section() }} THEN list || ':19'
                    ELSE list || ':' || what_category END,
                CASE WHEN what_list = 'ho-crime' AND what_category IS NOT NULL
                    THEN 'ho-offence:' || what_code END,
                CASE WHEN what_list IS NULL AND what_category IS NOT NULL
                    AND NOT ({{ is_section() }})
                    THEN {{ with_scheme('list', 'icd10_further') }} END,
                CASE WHEN what_category IN ('nrm', 'duty_to_notify')
                    THEN {{ with_scheme('nrm-exploitation' | literal, 'concerns') }}
                    WHEN what_category = 'prevent'
                    THEN {{ with_scheme('prevent-concern' | literal, 'concerns') }} END,
                {{ with_scheme('hclic-need' | literal, 'support_needs') }}) AS items
            FROM combinations
        ) AS c WHERE items <> ''
    ) AS i
{% endcall %}
{% call part('distinct_codes', stored=true) %}
    -- Each code once, outcomes included, as lists contain it. A code without a form to compare is
    -- listed as it is written, after `=`.
    SELECT *, coalesce(folded, '=' || CASE WHEN scheme = 'hclic-need'
        THEN split_part(code, '/', 1) ELSE code END) AS listed
    FROM (
        SELECT scheme, code, edition, {{ folded_code }} AS folded
        FROM (
            SELECT scheme, code, edition FROM sent_codes
            UNION
            SELECT outcome_list, outcome_code, '' FROM current_records
            WHERE outcome_list IS NOT NULL AND outcome_code IS NOT NULL
        ) AS c
    ) AS c
{% endcall %}
{% call part('unknown_codes') %}
    -- Codes that are not in the list of their edition; without such a list, in no list of their
    -- scheme.
    SELECT c.scheme, c.code, c.edition
    FROM distinct_codes AS c
    JOIN ({{ shared.values(code_lists) }}) AS l(scheme, edition, codes) ON l.scheme = c.scheme
    GROUP BY c.scheme, c.code, c.edition
    HAVING NOT coalesce(bool_or(instr(l.codes, ';' || c.listed || ';') > 0)
            FILTER (WHERE l.edition = c.edition AND c.edition <> ''),
        bool_or(instr(l.codes, ';' || c.listed || ';') > 0))
{% endcall %}
{% call part('crosswalks') %}
    -- The groups of codes.
    SELECT * FROM ({{ shared.values(crosswalks, empty_crosswalk) }})
        AS x(list, edition, folded, group_scheme, group_code)
{% endcall %}
{% call part('groups_of_codes') %}
    -- The groups of each code: that of its edition, else that of any.
    SELECT scheme, code, edition, group_scheme, group_code
    FROM (
        SELECT c.scheme, c.code, c.edition, x.group_scheme, x.group_code,
            row_number() OVER (PARTITION BY c.scheme, c.code, c.edition, x.group_scheme
                ORDER BY x.edition DESC) AS place
        FROM distinct_codes AS c
        JOIN crosswalks AS x ON x.list = c.scheme AND x.folded = c.folded
            AND (x.edition = '' OR x.edition = c.edition)
    ) AS g WHERE place = 1
{% endcall %}
{% call part('record_codes', stored=true) %}
    -- The codes of each combination, first its own, then their groups, each once.
    SELECT c.combination, c.scheme, c.code, c.edition, min(c.position) AS position,
        bool_or(s.scheme IS NOT NULL) AS is_group
    FROM (
        SELECT combination, scheme, code, edition,
            concat('1', lpad(CAST(nth AS STRING), 6, '0')) AS position
        FROM sent_codes
        UNION ALL
        SELECT s.combination, g.group_scheme, g.group_code, '',
            concat('2', lpad(CAST(s.nth AS STRING), 6, '0'), g.group_scheme, '.')
        FROM sent_codes AS s
        JOIN groups_of_codes AS g
            ON g.scheme = s.scheme AND g.code = s.code AND g.edition = s.edition
    ) AS c
    LEFT JOIN ({{ shared.values(group_schemes, shared.empty_pair) }}) AS s(scheme, nothing)
        ON s.scheme = c.scheme
    GROUP BY c.combination, c.scheme, c.code, c.edition
{% endcall %}
{% call part('offence_classes') %}
    SELECT split_part(item, '|', 1) AS offence, split_part(item, '|', 2) AS category,
        nullif(split_part(item, '|', 3), '') AS offence_class
    FROM (SELECT {{ dialect.rows_of_text(offence_classes | literal) }} AS item) AS c
{% endcall %}
{% call part('unknown_schemes') %}
    -- The schemes whose code is unknown, and the groups that such a code might have.
    SELECT combination, {{ dialect.joined_distinct('scheme') }} AS unknown_schemes
    FROM (
        SELECT s.combination, u.scheme
        FROM sent_codes AS s JOIN unknown_codes AS u
            ON u.scheme = s.scheme AND u.code = s.code AND u.edition = s.edition
        UNION ALL
        SELECT s.combination, x.group_scheme
        FROM sent_codes AS s
        JOIN unknown_codes AS u
            ON u.scheme = s.scheme AND u.code = s.code AND u.edition = s.edition
        JOIN (SELECT DISTINCT list, group_scheme FROM crosswalks) AS x ON x.list = u.scheme
        LEFT JOIN record_codes AS c
            ON c.combination = s.combination AND c.scheme = x.group_scheme
        WHERE c.combination IS NULL
    ) AS u GROUP BY combination
{% endcall %}
{% call part('coded_combinations', stored=true) %}
    -- What each combination is counted as.
    SELECT c.combination, c.scheme, c.code, c.codes, c."groups", u.unknown_schemes,
        CASE WHEN own.offence IS NOT NULL THEN own.offence_class ELSE other.offence_class END
            AS offence_class
    FROM (
        SELECT combination, min_by(scheme, position) AS scheme, min_by(code, position) AS code,
            {{ dialect.joined_in_order(item('NOT is_group'), 'position') }} AS codes,
            {{ dialect.joined_in_order(item('is_group'), 'position') }} AS "groups",
            min_by(code, position) FILTER (WHERE scheme = 'ho-offence') AS offence,
            min_by(code, position) FILTER (WHERE scheme = 'ho-category') AS category
        FROM record_codes GROUP BY combination
    ) AS c
    LEFT JOIN unknown_schemes AS u ON u.combination = c.combination
    LEFT JOIN offence_classes AS own ON own.offence = c.offence AND own.category = c.category
    LEFT JOIN offence_classes AS other ON other.offence = c.offence AND other.category = '*'
{% endcall %}
