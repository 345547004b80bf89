//! Whether a change is more than chance explains.
//!
//! A count varies at least as a Poisson count does, and as much as its own control chart shows. A
//! change is called one if it exceeds 2.58 standard errors: chance alone does so once in 100.

/// Standard errors beyond which a difference is clear: those of a two-sided test at 1 %. Tables
/// compare hundreds of figures, so that 5 % would find changes where there are none.
pub(crate) const CLEAR: f64 = 2.58;
/// Below this, on both sides, a change is not judged.
pub(crate) const FEW: f64 = 20.0;

/// How much a series varies from one period of its control chart to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variation {
    /// Standard deviation of one period, by the moving ranges.
    pub(crate) sigma: f64,
    /// Periods of the window.
    pub(crate) periods: f64,
}

/// A count and the base that it is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountComparison {
    pub(crate) count: f64,
    pub(crate) base: f64,
    /// The number of spans that the base is the mean of.
    pub(crate) spans: f64,
    pub(crate) variation: Option<Variation>,
}

impl CountComparison {
    /// The standard error of the difference: of two Poisson counts, or of what the chart shows,
    /// whichever is greater.
    fn standard_error(&self) -> f64 {
        let by_chance = self.count + self.base / self.spans;
        let by_chart = self.variation.map_or(0.0, |variation| {
            variation.sigma.powi(2) * variation.periods * (1.0 + 1.0 / self.spans)
        });
        by_chance.max(by_chart).sqrt()
    }

    /// The difference that chance leaves possible: its lower and upper bound, at 99 %.
    pub(crate) fn bounds(&self) -> (f64, f64) {
        let (difference, margin) = (self.count - self.base, CLEAR * self.standard_error());
        (difference - margin, difference + margin)
    }

    /// Whether the difference is more than chance explains.
    pub(crate) fn is_clear(&self) -> bool {
        let (low, high) = self.bounds();
        low >= 0.0 && high > 0.0 || high <= 0.0 && low < 0.0
    }

    /// Whether both sides are too small to judge.
    pub(crate) fn is_few(&self) -> bool {
        self.count < FEW && self.base < FEW
    }

    /// The same against a base that is larger by some per cent.
    pub(crate) fn with_base_raised(&self, percent: f64) -> Self {
        Self {
            base: self.base * (1.0 + percent / 100.0),
            ..*self
        }
    }
}

/// What a comparison knows of where records are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    /// Records of the area.
    pub(crate) in_area: f64,
    /// Records without a location.
    pub(crate) nowhere: f64,
    /// All records.
    pub(crate) all: f64,
}

impl Located {
    /// Whether the share of records without a location changed by more than chance explains, and
    /// might account for a change of the area: the area has its part of them, and as many more as
    /// chance gives it.
    pub(crate) fn may_explain(&self, base: &Self, difference: f64) -> bool {
        let share = (self.nowhere + base.nowhere) / (self.all + base.all);
        let error = (share * (1.0 - share) * (1.0 / self.all + 1.0 / base.all)).sqrt();
        let changed = (self.nowhere / self.all - base.nowhere / base.all).abs();
        if changed.is_nan() || changed == 0.0 || changed < CLEAR * error {
            return false;
        }
        let located = self.all - self.nowhere + base.all - base.nowhere;
        let part = (self.in_area + base.in_area) / located;
        let expected = changed * self.all * part;
        expected + CLEAR * (expected * (1.0 - part)).sqrt() >= difference.abs().max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(count: f64, base: f64) -> CountComparison {
        CountComparison {
            count,
            base,
            spans: 1.0,
            variation: None,
        }
    }

    #[test]
    fn a_difference_of_2_58_standard_errors_is_clear() {
        // 2.58 x sqrt(n + 200) = n - 200 at n = 255.06
        assert!(!comparison(255.0, 200.0).is_clear());
        assert!(comparison(256.0, 200.0).is_clear());
        assert!(!comparison(152.0, 200.0).is_clear());
        assert!(comparison(151.0, 200.0).is_clear());
        assert!(!comparison(0.0, 0.0).is_clear());
        // The rise of prevention and relief duties of 2019-20 on the year before.
        assert!(comparison(1257.0, 1094.0).is_clear());
    }

    #[test]
    fn a_chart_that_varies_more_than_chance_widens_the_bounds() {
        let variation = Variation {
            sigma: 20.0,
            periods: 12.0,
        };
        let varied = |count| CountComparison {
            variation: Some(variation),
            ..comparison(count, 200.0)
        };
        // 2.58 x 20 x sqrt(24) = 252.8
        assert!(!varied(452.0).is_clear() && varied(453.0).is_clear());
        let calm = Variation {
            sigma: 0.1,
            ..variation
        };
        let calm = CountComparison {
            variation: Some(calm),
            ..comparison(256.0, 200.0)
        };
        assert!(calm.is_clear(), "never narrower than chance");
    }

    #[test]
    fn a_mean_of_several_spans_varies_less() {
        let mean = CountComparison {
            spans: 5.0,
            ..comparison(244.0, 200.0)
        };
        assert!(mean.is_clear() && !comparison(244.0, 200.0).is_clear());
    }

    #[test]
    fn missing_locations_may_explain_a_change_that_is_not_larger() {
        let located = |in_area, nowhere, all| Located {
            in_area,
            nowhere,
            all,
        };
        let may_explain = located(14.0, 8.0, 42.0).may_explain(&located(20.0, 0.0, 40.0), -6.0);
        assert!(may_explain, "8 of 42 have no location, none had");
        let much_larger = located(10.0, 8.0, 420.0).may_explain(&located(60.0, 0.0, 420.0), -50.0);
        assert!(!much_larger);
        let same_share = located(14.0, 8.0, 42.0).may_explain(&located(20.0, 8.0, 42.0), -6.0);
        assert!(!same_share);
        let nothing = located(0.0, 0.0, 0.0).may_explain(&located(0.0, 0.0, 0.0), 0.0);
        assert!(!nothing);
    }
}
