{% set series_filter = shared.without_use_of_feed %}
{% set area_filter %}{{ shared.without_codes_of_small_areas }} AND {{ shared.with_compared_wards }}{% endset %}
{% include 'comparisons.sql' %}
{{ select_compared }}
JOIN verdicts AS v
    {{ is_verdict }}
WHERE {{ shared.is_shown_window }} AND NOT {{ shared.is_collected('c.area_key') }}
