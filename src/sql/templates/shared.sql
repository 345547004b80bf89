{# Columns and conditions that several templates share. They refer to a cell `c`, the status of its
   months `worst`, and its window `w`. #}

{% set empty_texts %}(CAST(NULL AS STRING), '', ''){% endset %}
{% set empty_pair %}(CAST(NULL AS STRING), ''){% endset %}
{% set empty_control %}(CAST(NULL AS STRING), '', '', '', 0, 0, 0){% endset %}
{# Rows as literals. `VALUES` needs at least one: without rows it is one that joins nothing. #}
{% macro values(rows, empty=empty_texts) %}
VALUES
{% for row in rows %}
    {{ ', ' if not loop.first }}(
    {%- for value in row %}{{ value | literal }}{{ ', ' if not loop.last }}{% endfor -%}
    )
{% else %}
    {{ empty }}
{% endfor %}
{% endmacro %}

{# A setting by partner and kind, else by kind, else the default. #}
{% macro setting(settings, partner, kind, default) %}
{% if settings.by_partner or settings.by_kind %}
coalesce(
    {% if settings.by_partner %}
    CASE {{ partner }} || ':' || {{ kind }}
        {% for key, value in settings.by_partner %}
        WHEN {{ key | literal }} THEN {{ value | literal }}
        {% endfor %}
    END,
    {% endif %}
    {% if settings.by_kind %}
    CASE {{ kind }}
        {% for key, value in settings.by_kind %}
        WHEN {{ key | literal }} THEN {{ value | literal }}
        {% endfor %}
    END,
    {% endif %}
    {{ default | literal }})
{%- else %}
{{ default | literal }}
{%- endif %}
{% endmacro %}

{# The date that decides a record's month. #}
{% macro date_basis(partner_kind) %}
{% set partner %}split_part({{ partner_kind }}, '|', 1){% endset %}
{% set kind %}split_part({{ partner_kind }}, '|', 3){% endset %}
CASE WHEN {{ kind }} LIKE 'count:%' THEN 'own'
    ELSE {{ setting(date_bases, partner, kind, 'occurred') }} END
{%- endmacro %}

{# Whether the code is one of `codes`, pairs of scheme and code. #}
{% macro is_any(codes) %}
{% if codes %}
coalesce(
    {% for code_scheme, own in codes %}
    {{ 'OR ' if not loop.first }}scheme = {{ code_scheme | literal }} AND code = {{ own | literal }}
    {% endfor %}
    , false)
{%- else %}
false
{%- endif %}
{% endmacro %}
{% set is_sum = is_any(total_codes) %}
{% set is_base = is_any(base_codes) %}
{% set is_exclusive %}
coalesce(scheme IN ({{ exclusive_schemes | map('literal') | join(', ') }}), false)
{%- endset %}

{# Whether an area is too small to have a row where nothing was counted. #}
{% macro is_small(area_key) -%}
(split_part({{ area_key }}, '|', 2) IN ('lsoa', 'outward_postcode')
    AND split_part({{ area_key }}, '|', 1) NOT IN ('no-location', 'outside', 'unplaced'))
{%- endmacro %}
{% set is_small_area = is_small('c.area_key') %}
{% set has_code %}split_part(c.series_key, '|', 4) <> ''{% endset %}
{# Whether a cell has a row: single codes, and the smallest areas, where something was or may have been
   counted. That nothing was received, or is not covered, is said of them once. #}
{% set has_row -%}
(NOT ({{ is_small_area }} OR {{ has_code }}) OR c.lo > 0
        OR c.hi > 0 AND split_part(c.partner_kind, '|', 3) NOT LIKE 'count:%'
        OR exact IS NULL AND (split_part(c.partner_kind, '|', 3) LIKE 'count:%'
            OR split_part(c.area_key, '|', 1) IN ('all-received', {{ plan_area | literal }})))
{%- endset %}
{% set is_below_district -%}
split_part(c.area_key, '|', 2) IN ('ward', 'place', 'lsoa', 'outward_postcode')
{%- endset %}
{# Whether tables of windows have a row for a cell: below a district, months are only in the monthly
   tables; of single codes and of the smallest areas, quarters have no row either. #}
{% set is_shown_window -%}
NOT ({{ is_below_district }} AND w.family = 'month')
    AND NOT (({{ is_small_area }} OR {{ is_below_district }} AND {{ has_code }})
        AND w.family = 'quarter')
{%- endset %}

{# What tables restrict their windows, series and areas to. #}
{% set months %}family = 'month'{% endset %}
{% set without_codes %}split_part(series_key, '|', 4) = ''{% endset %}
{% set without_use_of_feed %}split_part(series_key, '|', 2) NOT IN ('mapped', 'unmapped'){% endset %}
{# How much of a feed the plan uses is said of districts and larger areas. #}
{% set use_of_feed_of_districts -%}
({{ without_use_of_feed }}
    OR split_part(area_key, '|', 2) NOT IN ('ward', 'place', 'lsoa', 'outward_postcode'))
{%- endset %}
{% set split_series %}{{ without_codes }} AND {{ without_use_of_feed }}{% endset %}
{% set without_small_areas -%}
(split_part(area_key, '|', 2) NOT IN ('lsoa', 'outward_postcode')
    OR split_part(area_key, '|', 1) IN ('no-location', 'outside', 'unplaced'))
{%- endset %}
{# One set of wards, and all other areas. #}
{% set with_compared_wards -%}
(split_part(area_key, '|', 2) <> 'ward' OR split_part(area_key, '|', 3) = {{ compared_wards | literal }})
{%- endset %}
{# Without the areas that collect the records of no area. #}
{% macro is_collected(area_key) -%}
split_part({{ area_key }}, '|', 1) IN ('no-location', 'outside', 'unplaced')
{%- endmacro %}
{% set split_areas -%}
(split_part(area_key, '|', 2) NOT IN ('lsoa', 'outward_postcode')
    AND NOT {{ is_collected('area_key') }} AND {{ with_compared_wards }})
{%- endset %}
{% set without_codes_of_small_areas -%}
(split_part(series_key, '|', 4) = ''
    OR split_part(area_key, '|', 2) NOT IN ('lsoa', 'outward_postcode')
    OR split_part(area_key, '|', 1) IN ('no-location', 'outside', 'unplaced'))
{%- endset %}

{# The plan whose figures a window shows; empty: none. #}
{% set window_plan -%}
{% if plan_id is none %}coalesce(plan_in_force, ''){% else %}{{ plan_id | literal }}{% endif %}
{%- endset %}
{% set plan -%}
{% if plan_id is none %}CAST(NULL AS STRING){% else %}{{ plan_id | literal }}{% endif %}
{%- endset %}

{# The columns that identify a row. #}
{% set plan_keys -%}
nullif(c.window_plan, '') AS plan_id, split_part(c.series_key, '|', 2) AS series_kind,
    split_part(c.series_key, '|', 3) AS series, series_labels.series_label,
        nullif(split_part(c.series_key, '|', 4), '') AS scheme
{%- endset %}
{% set partner_kind_keys -%}
split_part(c.partner_kind, '|', 1) AS partner, partner_kind_labels.partner_name,
    split_part(c.partner_kind, '|', 2) AS feed, split_part(c.partner_kind, '|', 3) AS kind,
    partner_kind_labels.kind_label,
    CASE WHEN split_part(c.partner_kind, '|', 3) NOT LIKE 'count:%' THEN 'records'
        ELSE CASE summed_units.unit_rank WHEN 0 THEN 'households' WHEN 1 THEN 'persons'
            WHEN 2 THEN 'events' END END AS unit,
    partner_kind_labels.collection
{%- endset %}
{% set area_keys -%}
split_part(c.area_key, '|', 1) AS area_code,
    CASE split_part(c.area_key, '|', 1) WHEN 'all-received' THEN 'Everything received'
        WHEN 'no-location' THEN 'No location' WHEN 'outside' THEN 'Outside these areas'
        WHEN 'unplaced' THEN 'Unplaced'
        ELSE coalesce(area_names.area_name, split_part(c.area_key, '|', 1)) END AS area_name,
    split_part(c.area_key, '|', 2) AS area_level,
    nullif(split_part(c.area_key, '|', 3), '') AS area_vintage,
    nullif(split_part(c.area_key, '|', 4), '') AS area_role,
    split_part(c.area_key, '|', 1) = {{ plan_area | literal }} AS is_plan_area
{%- endset %}
{% set window_keys %}w.window_id, w.window_label, w.window_from, w.window_to{% endset %}
{% set status_names -%}
WHEN -1 THEN 'not_kept' WHEN 0 THEN 'overdue' WHEN 1 THEN 'not_due' WHEN 2 THEN 'suspect' WHEN 3 THEN 'provisional'
    WHEN 4 THEN 'final'
{%- endset %}
{# The status of the months of a cell in its area. #}
{% set area_status -%}
CASE WHEN span_gaps.area_key IS NULL THEN coalesce(span_status.status, 0)
        ELSE least(coalesce(span_status.status, 0), 2) END
{%- endset %}
{% set status_keys -%}
{{ date_basis('c.partner_kind') }} AS date_basis,
    CASE {{ area_status }} {{ status_names }} END AS data_status
{%- endset %}
{% set keys -%}
{{ plan_keys }},
    {{ partner_kind_keys }},
    {{ area_keys }},
    {{ window_keys }},
    {{ status_keys }}
{%- endset %}

{# Why a count is not exact, as a number: of several, the least is shown. #}
{% set reason = {'cannot_show': 0, 'not_covered': 1, 'no_district': 2, 'not_kept': 3,
    'no_total_for_window': 4, 'not_received': 5, 'not_due': 6} %}

{# A count, its bounds and whether it is exact. #}
{% set count -%}
exact AS count_value, c.lo AS count_min, most AS count_max,
    CASE WHEN supply = 2 THEN 'not_supplied' WHEN supply = 1 THEN 'partial'
        WHEN exact IS NULL THEN 'interval' ELSE 'exact' END AS count_status,
    CASE WHEN exact IS NOT NULL THEN NULL
        WHEN supply = 0 THEN CASE WHEN split_part(c.partner_kind, '|', 3) LIKE 'count:%'
            THEN 'as_sent' ELSE 'unknown_code' END
        WHEN reason = {{ reason.cannot_show }} THEN 'cannot_show' WHEN reason = {{ reason.not_covered }} THEN 'not_covered'
        WHEN reason = {{ reason.no_district }} THEN 'no_district' WHEN reason = {{ reason.not_kept }} THEN 'not_kept'
        WHEN reason = {{ reason.no_total_for_window }} THEN 'no_total_for_window' WHEN reason = {{ reason.not_received }} THEN 'not_received'
        ELSE 'not_due' END AS count_reason
{%- endset %}
{% set unit_rank -%}
CASE coalesce(unit, 'events') WHEN 'households' THEN 0 WHEN 'persons' THEN 1
    WHEN 'events' THEN 2 ELSE 3 END
{%- endset %}

{# Joins the status and the window of each cell. #}
{% set status_joins -%}
LEFT JOIN span_status
    ON span_status.partner_kind = c.partner_kind AND span_status.first_month = c.first_month
    AND span_status.months = c.months
LEFT JOIN span_gaps
    ON span_gaps.partner_kind = c.partner_kind AND span_gaps.area_key = c.area_key
    AND span_gaps.first_month = c.first_month AND span_gaps.months = c.months
{%- endset %}
{% set joins -%}
{{ status_joins }}
JOIN counted_windows AS w
    ON w.window_plan = c.window_plan AND w.first_month = c.first_month AND w.months = c.months
{%- endset %}

{# Joins what people call the partner, the area and the series of each cell. #}
{% set names_of_cells -%}
LEFT JOIN partner_kind_labels ON partner_kind_labels.partner_kind = c.partner_kind
LEFT JOIN summed_units ON summed_units.partner_kind = c.partner_kind
LEFT JOIN area_names
    ON area_names.area_code = split_part(c.area_key, '|', 1)
    AND area_names.area_level = split_part(c.area_key, '|', 2)
{%- endset %}
{% set labels_of_cells -%}
{{ names_of_cells }}
LEFT JOIN series_labels ON series_labels.series_key = c.series_key
{%- endset %}

{# Whether an area `p` has the rows of figures that no source can show: the plan's area, and that of all
   records. #}
{% set says_not_shown -%}
split_part(p.area_key, '|', 1) IN ('all-received', {{ plan_area | literal }})
{%- endset %}
{% set is_shown -%}
(shown_series.shown_key IS NOT NULL OR {{ says_not_shown }})
{%- endset %}

{# The months that each window is compared with. #}
{% set baselines %}
SELECT window_plan, window_id, months, baseline, first_month - 12 * years AS base_first_month
FROM counted_windows CROSS JOIN (
    VALUES ('year-before', 1), ('mean-5-years', 1), ('mean-5-years', 2), ('mean-5-years', 3),
        ('mean-5-years', 4), ('mean-5-years', 5)
) AS y(baseline, years)
UNION ALL
SELECT window_plan, window_id, months, 'prior', first_month - months FROM counted_windows
WHERE family IN ('month', 'quarter')
{% endset %}
