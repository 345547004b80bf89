//! A folder of tables: the figures under one plan, or each month's under the plan in force.
//!
//! A table's rows are told frame by frame in the order of their keys, and each row by the places of
//! its keys, so that a table says only what it has more than they.

use crate::aggregate::figures::areas::Place;
use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::counts::{Sheet, Tally};
use crate::aggregate::figures::periods::{Figures, Held};
use crate::aggregate::figures::series::{Frame, Series};
use crate::aggregate::figures::status::Status;
use crate::aggregate::state::current::{Fact, PartnerKind, SourceSet};
use crate::aggregate::tables::table::{Column, Of, column, texts};
use crate::aggregate::{Error, Wanted};
use crate::event::Month;
use crate::reference::Break;
use crate::reference::geography::Level;
use crate::reference::plan::Plan;
use crate::reference::windows::Window;

/// The name of the folder whose months are each under the plan in force.
pub(crate) const IN_FORCE: &str = "in-force";

/// Figures under a plan, and the windows they are told for.
pub(crate) struct Framed<'f> {
    pub(crate) frame: Frame<'f>,
    /// By partner and kind.
    pub(crate) sheets: Vec<Option<Sheet>>,
    /// Places in [`Figures::windows`].
    windows: Vec<u32>,
    /// The number of the first series.
    pub(crate) first_series: u32,
}

/// What the tables of a folder are made of.
pub(crate) struct Folder<'f> {
    pub(crate) figures: &'f Figures<'f>,
    pub(crate) framed: Vec<Framed<'f>>,
    /// The plan, where all months are under one.
    plan: Option<String>,
}

/// The keys of a row, as places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Counted through the frames.
    pub(crate) series: u32,
    pub(crate) kind: u32,
    pub(crate) place: u32,
    pub(crate) window: u32,
}

/// A row: its keys, its count, and what its table has more.
pub(crate) struct Line<M> {
    pub(crate) key: Key,
    pub(crate) block: Block,
    pub(crate) more: M,
}

/// One series of one partner's kind, at all its places.
pub(crate) struct Strip<'f> {
    pub(crate) framed: &'f Framed<'f>,
    pub(crate) series: &'f Series,
    /// Counted through the frames.
    pub(crate) number: u32,
    pub(crate) kind: usize,
    pub(crate) sheet: &'f Sheet,
    /// Its place in the sheet.
    pub(crate) row: usize,
    figures: &'f Figures<'f>,
}

impl<'f> Folder<'f> {
    /// The figures of a folder.
    pub(crate) fn of(figures: &'f Figures<'f>, wanted: Wanted<'f>) -> Self {
        let settings = figures.settings;
        let mut framed: Vec<Framed<'f>> = Vec::new();
        let mut add = |wanted: Option<usize>, is_told: &dyn Fn(&Window) -> bool| {
            let windows = (0_u32..)
                .zip(&figures.windows)
                .filter(|(_, window)| is_told(window))
                .map(|(i, _)| i);
            let windows: Vec<u32> = windows.collect();
            if windows.is_empty() {
                return;
            }
            let frame = Frame::of(figures.current, settings, wanted);
            let of_kind = |(kind, held): (usize, &Option<_>)| {
                Some(Sheet::of(figures, &frame, kind, held.as_ref()?))
            };
            let sheets = figures.held.iter().enumerate().map(of_kind).collect();
            let first_series = framed
                .last()
                .map_or(0, |last| last.first_series + last.frame.series.len() as u32);
            framed.push(Framed {
                frame,
                sheets,
                windows,
                first_series,
            });
        };
        match wanted {
            Wanted::Plan(plan) => add(settings.place_of(plan), &|_| true),
            Wanted::InForce => {
                let under =
                    |window: &Window| settings.in_force_through(window.first, window.last());
                add(None, &|window| under(window).is_none());
                for wanted in 0..settings.wanted.len() {
                    add(Some(wanted), &|window| under(window) == Some(wanted));
                }
            }
        }
        let plan = match wanted {
            Wanted::Plan(plan) => Some(plan.id.clone()),
            Wanted::InForce => None,
        };
        Self {
            figures,
            framed,
            plan,
        }
    }

    /// The plans of the tables, in the order of their rows.
    pub(crate) fn plans(&self) -> Vec<&'f Plan> {
        self.framed
            .iter()
            .filter_map(|framed| framed.frame.plan)
            .collect()
    }

    /// The id of the plan, where all months are under one.
    pub(crate) fn plan_id(&self) -> Option<String> {
        self.plan.clone()
    }

    /// Every series of every partner's kind, in the order of keys.
    pub(crate) fn strips(&self) -> impl Iterator<Item = Strip<'_>> {
        let of_frame = move |framed| {
            let Framed {
                frame,
                sheets,
                first_series,
                ..
            }: &Framed<'_> = framed;
            (0_u32..)
                .zip(&frame.series)
                .flat_map(move |(place, series)| {
                    let strip = move |kind: &u32| {
                        let sheet = sheets[*kind as usize].as_ref()?;
                        let row = sheet.position(place)?;
                        let (number, kind) = (first_series + place, *kind as usize);
                        Some(Strip {
                            framed,
                            series,
                            number,
                            kind,
                            sheet,
                            row,
                            figures: self.figures,
                        })
                    };
                    self.figures.order.iter().filter_map(strip)
                })
        };
        self.framed.iter().flat_map(of_frame)
    }

    /// What is said of every series, counted through the frames.
    pub(crate) fn each_series<T>(&self, of: impl Fn(&Framed<'f>, u32) -> T) -> Vec<T> {
        let of_frame = |framed| {
            let framed: &Framed<'f> = framed;
            (0..framed.frame.series.len() as u32)
                .map(|series| of(framed, series))
                .collect::<Vec<T>>()
        };
        self.framed.iter().flat_map(of_frame).collect()
    }

    /// The columns that every table of counts begins with.
    pub(crate) fn key_columns<'c, M: 'c>(&'c self) -> Vec<Column<'c, Line<M>>> {
        let series = |of: &dyn Fn(&Framed<'_>, &Series) -> Option<String>| {
            let texts =
                texts(self.each_series(|framed, series| {
                    of(framed, &framed.frame.series[series as usize])
                }));
            Of::Choice(texts, Box::new(|line: &Line<M>| Some(line.key.series)))
        };
        let mut columns = vec![
            column(
                "plan",
                "The plan whose priorities these are; null = the window lies under no one plan in force.",
                series(&|framed, _| framed.frame.plan.map(|plan| plan.id.clone())),
            ),
            column(
                "series_kind",
                "What the series is: `total`, `mapped` (falls under a priority or theme), `unmapped` (under none), `priority`, `theme`, `category` (a partner's own code), `group` (a group of codes) or `class` (victim- or state-based).",
                series(&|_, series| Some(series.kind.to_owned())),
            ),
            column(
                "series",
                "Id of the priority or theme, or the code. Priorities overlap: never add them; total = mapped + unmapped.",
                series(&|_, series| Some(series.id.clone())),
            ),
            column(
                "scheme",
                "The scheme of the code; null unless a category, group or class.",
                series(&|_, series| series.scheme.clone()),
            ),
        ];
        columns.extend(self.kind_columns(|line: &Line<M>| line.key.kind));
        columns.extend(self.place_columns(|line: &Line<M>| line.key.place));
        columns.extend(self.window_columns(|line: &Line<M>| line.key.window));
        columns.extend(self.status_columns(|line: &Line<M>| (line.key.kind, line.key.window)));
        columns
    }

    /// Who sent what.
    pub(crate) fn kind_columns<'c, R: 'c>(
        &self,
        of: impl Fn(&R) -> u32 + Copy + Sync + 'c,
    ) -> [Column<'c, R>; 3] {
        let kinds = &self.figures.current.partner_kinds;
        let choice = |texts| Of::Choice(texts, Box::new(move |row: &R| Some(of(row))));
        [
            column(
                "partner",
                "Who sent the records.",
                choice(texts(kinds.iter().map(|k| Some(&k.partner)))),
            ),
            column(
                "feed",
                "`police`, `health` or `housing`.",
                choice(texts(kinds.iter().map(|k| Some(k.feed.as_str())))),
            ),
            column(
                "kind",
                "What the records are about, never added across; `count:<list>` for totals that the partner sent.",
                choice(texts(kinds.iter().map(|k| Some(&k.kind)))),
            ),
        ]
    }

    /// Where.
    pub(crate) fn place_columns<'c, R: 'c>(
        &self,
        of: impl Fn(&R) -> u32 + Copy + Sync + 'c,
    ) -> [Column<'c, R>; 4] {
        let choice = |text: &dyn Fn(&Place) -> Option<String>| {
            let texts = texts(self.figures.places.sorted.iter().map(text));
            Of::Choice(texts, Box::new(move |row: &R| Some(of(row))))
        };
        [
            column(
                "area_code",
                "The area. At a level and vintage the parts make the total, with `no-location` (no area was sent), `outside` (an area that is not shown) and `unplaced` (unknown, or too coarse); `all` = every record once.",
                choice(&|place| Some(place.code.clone())),
            ),
            column(
                "area_level",
                "`lsoa`, `ward`, `place` (a place of the partnership), `outward_postcode`, `district`, `set` (of districts) or `all`.",
                choice(&|place| Some(place.level.clone())),
            ),
            column(
                "area_vintage",
                "Year of the boundaries; null where there is one only.",
                choice(&|place| place.vintage.clone()),
            ),
            column(
                "area_role",
                "What the place is to the record: `incident`, `home` or `service`, never added; null for `all` and `no-location`.",
                choice(&|place| place.role.clone()),
            ),
        ]
    }

    /// When.
    pub(crate) fn window_columns<'c, R: 'c>(
        &'c self,
        of: impl Fn(&R) -> u32 + Copy + Sync + 'c,
    ) -> [Column<'c, R>; 3] {
        let windows = &self.figures.windows;
        [
            column(
                "window",
                "The months counted, such as `month:2018-10` or `fy:2018-19`.",
                Of::Choice(
                    texts(windows.iter().map(|w| Some(&w.id))),
                    Box::new(move |row: &R| Some(of(row))),
                ),
            ),
            column(
                "window_from",
                "First day of the window.",
                Of::Date(Box::new(move |row: &R| {
                    Some(windows[of(row) as usize].from())
                })),
            ),
            column(
                "window_to",
                "Last day of the window.",
                Of::Date(Box::new(move |row: &R| {
                    Some(windows[of(row) as usize].to())
                })),
            ),
        ]
    }

    /// By which date, and how far it may be used.
    pub(crate) fn status_columns<'c, R: 'c>(
        &'c self,
        of: impl Fn(&R) -> (u32, u32) + Copy + Sync + 'c,
    ) -> [Column<'c, R>; 2] {
        let kinds = &self.figures.current.partner_kinds;
        let worst: Vec<Vec<Status>> = self
            .figures
            .held
            .iter()
            .map(|held| {
                let status = |window: &Window| {
                    held.as_ref()
                        .map_or(Status::Overdue, |h| h.worst(window.first, window.months))
                };
                self.figures.windows.iter().map(status).collect()
            })
            .collect();
        [
            column(
                "date_basis",
                "The date that puts a record into its month: `recorded` (`recorded_at`, else `occurred_from`), `occurred`, or `own` for totals that the partner sent.",
                Of::Choice(
                    texts(kinds.iter().map(|k| Some(&k.date_basis))),
                    Box::new(move |row: &R| Some(of(row).0)),
                ),
            ),
            column(
                "data_status",
                "How complete the window is, by its worst month: `overdue` or `not_due` (no records), `suspect` (far fewer or more than the months around), `provisional` (may still change) or `final`.",
                Of::Choice(
                    texts(Status::NAMES.map(Some)),
                    Box::new(move |row: &R| {
                        let (kind, window) = of(row);
                        Some(worst[kind as usize][window as usize] as u32)
                    }),
                ),
            ),
        ]
    }

    /// The count block.
    pub(crate) fn block_columns<'c, M: 'c>() -> [Column<'c, Line<M>>; 4] {
        [
            column(
                "count",
                "How many; null unless exact.",
                Of::Integer(Box::new(|line: &Line<M>| line.block.exact())),
            ),
            column(
                "count_min",
                "At least so many.",
                Of::Integer(Box::new(|line: &Line<M>| Some(line.block.min))),
            ),
            column(
                "count_max",
                "At most so many; null = no upper bound is known.",
                Of::Integer(Box::new(|line: &Line<M>| line.block.max())),
            ),
            column(
                "count_status",
                "`exact`; `interval` (known within bounds); `partial` (a part was not supplied: known from below); `not_supplied` (what was sent cannot show it, which is not 0).",
                Of::Choice(
                    texts(Block::STATUSES.map(Some)),
                    Box::new(|line: &Line<M>| Some(line.block.status())),
                ),
            ),
        ]
    }
}

impl<'f> Strip<'f> {
    /// The places of its partner's kind, with their places in the sheet.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, u32, &'f Place)> {
        let figures = self.figures;
        let numbered = figures.places.of_kind[self.kind].iter().enumerate();
        numbered.map(|(place, number)| (place, *number, &figures.places.sorted[*number as usize]))
    }

    /// A place by its place in the sheet.
    pub(crate) fn place(&self, place: usize) -> &'f Place {
        let figures = self.figures;
        &figures.places.sorted[figures.places.of_kind[self.kind][place] as usize]
    }

    /// Whether its partner sends totals, not records.
    pub(crate) fn is_of_totals(&self) -> bool {
        self.figures.current.partner_kinds[self.kind].is_count()
    }

    /// Counts its records by a further key.
    pub(crate) fn tally(
        &self,
        held: &Held,
        keys: usize,
        key: &dyn Fn(&Fact) -> Option<usize>,
    ) -> Tally {
        let frame = &self.framed.frame;
        let series = self.number - self.framed.first_series;
        let of_class: Vec<Vec<u32>> = frame
            .of_class
            .iter()
            .map(|all| {
                if all.contains(&series) {
                    vec![0]
                } else {
                    Vec::new()
                }
            })
            .collect();
        let class = |fact: &Fact| frame.class(self.figures.current, fact.profile);
        Tally::of(
            self.figures,
            self.kind,
            held,
            (1, &class),
            &of_class,
            (keys, key),
        )
    }

    /// The windows it is told for, with their numbers.
    pub(crate) fn windows(&self) -> impl Iterator<Item = (u32, &'f Window)> {
        let windows = &self.figures.windows;
        self.framed
            .windows
            .iter()
            .map(move |number| (*number, &windows[*number as usize]))
    }

    /// The keys of a row.
    pub(crate) const fn key(&self, place: u32, window: u32) -> Key {
        Key {
            series: self.number,
            kind: self.kind as u32,
            place,
            window,
        }
    }

    /// Whose it is, and of which kind.
    pub(crate) fn partner_kind(&self) -> &'f PartnerKind {
        &self.figures.current.partner_kinds[self.kind]
    }

    /// The sources that can show it.
    pub(crate) fn shown(&self) -> SourceSet {
        self.framed.frame.of_kind[self.kind][self.row].1
    }

    /// The breaks in the series at a place.
    fn breaks_at(&self, place: &Place) -> impl Iterator<Item = &'f Break> + use<'_, 'f> {
        let of = self.partner_kind();
        let code = self
            .series
            .scheme
            .as_deref()
            .map(|scheme| (scheme, &*self.series.id));
        let level = Level::from_name(&place.level);
        let breaks = &self.figures.settings.reference.breaks;
        breaks
            .iter()
            .filter(move |of_series| of_series.applies(&of.partner, &of.kind, level, code))
    }

    /// The ids of the breaks between a run of months and a window, or in either, joined by `;`.
    pub(crate) fn breaks(&self, base: Month, window: &Window, place: &Place) -> String {
        let within = self
            .breaks_at(place)
            .filter(|of| of.within(base.first_day(), window.to()));
        within.map(|of| &*of.id).collect::<Vec<_>>().join(";")
    }

    /// The number of the segment that a window lies in: a break begins one, and so does the end of
    /// one that lasts.
    pub(crate) fn segment(&self, window: &Window, place: &Place) -> usize {
        let begun = self.breaks_at(place).map(|of| {
            usize::from(of.from <= window.to())
                + usize::from(of.to > of.from && of.to < window.from())
        });
        1 + begun.sum::<usize>()
    }

    /// Calls `f` with every row of the months, in the order of keys.
    pub(crate) fn each_month(
        &self,
        mut f: impl FnMut(Key, Block) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (place, number, of) in self.places() {
            for (window, months) in self.windows().filter(|(_, window)| window.is_month()) {
                let block = self.block(place, months);
                if let Some(block) = block.filter(|block| is_told(of.is_sparse(), *block)) {
                    f(self.key(number, window), block)?;
                }
            }
        }
        Ok(())
    }

    /// Its count at a place in a window.
    pub(crate) fn block(&self, place: usize, window: &Window) -> Option<Block> {
        self.sheet
            .block(self.row, place, window.first, window.months)
    }
}

/// Whether a row is told: where zeros are no rows, only what is not an exact 0.
pub(crate) fn is_told(is_sparse: bool, block: Block) -> bool {
    !is_sparse || block.exact() != Some(0)
}
