//! What a document consists of, whichever format it is written in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::aggregate::tables::TableValue;
use crate::assess::chart::Drawing;
use crate::assess::chart::svg::Picture;
use crate::assess::prose::{Prose, Span};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Document {
    /// The front of the document.
    pub(crate) title: TitleBlock,
    /// Its sections, in order.
    pub(crate) sections: Vec<Section>,
}

/// The front of the document.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TitleBlock {
    pub(crate) partnership: String,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// Whether the figures are a demo's.
    pub(crate) is_invented: bool,
    /// Its status, its marking and whom it is for.
    pub(crate) status: Prose,
}

/// A section, whose id is its anchor.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) id: String,
    pub(crate) title: String,
    /// The level of its heading: 2, or 3 inside another.
    pub(crate) level: u8,
    pub(crate) blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "block", rename_all = "kebab-case")]
pub(crate) enum Block {
    /// A paragraph.
    Paragraph { prose: Prose },
    /// A paragraph of less weight, below a heading.
    Lede { prose: Prose },
    /// A heading inside the section.
    Heading { text: String },
    /// A list.
    Bullets { items: Vec<Prose> },
    /// The summary of a section.
    InShort { prose: Prose },
    /// What the section cannot show.
    Limits { title: String, items: Vec<Prose> },
    /// The partnership's own text, as HTML; none = to be written, and then what to write.
    Narrative {
        section: String,
        html: Option<String>,
        advice: String,
        cited: Vec<String>,
    },
    /// A table.
    Table { table: DataTable },
    /// A chart.
    Chart { chart: Box<Chart> },
}

/// A table with its query.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DataTable {
    pub(crate) id: String,
    pub(crate) caption: String,
    pub(crate) columns: Vec<TableColumn>,
    pub(crate) rows: Vec<Vec<TableCell>>,
    /// What to know about it.
    pub(crate) note: Prose,
    /// The query that gives its numbers; none where it has only texts.
    pub(crate) query: Option<TableQuery>,
}

/// The query of a table, and the rows it gives.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TableQuery {
    pub(crate) sql: String,
    pub(crate) rows: Vec<Vec<TableValue>>,
}

/// A column of a table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TableColumn {
    pub(crate) label: String,
    /// Whether its cells are numbers, which align to the right.
    pub(crate) is_number: bool,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TableCell {
    pub(crate) prose: Prose,
    /// The unrounded value, for spreadsheets.
    pub(crate) value: Option<TableValue>,
    /// A small picture in its place.
    pub(crate) picture: Option<Picture>,
}

impl From<Prose> for TableCell {
    fn from(prose: Prose) -> Self {
        Self {
            prose,
            ..Self::default()
        }
    }
}

/// A chart in two widths, with its data.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chart {
    pub(crate) id: String,
    pub(crate) number: usize,
    /// The finding.
    pub(crate) title: Prose,
    /// Measure, place and period.
    pub(crate) subtitle: Prose,
    #[serde(flatten)]
    pub(crate) drawing: Drawing,
    pub(crate) data: DataTable,
    /// Whether the data is shown without a click.
    pub(crate) is_open: bool,
    /// Who must be credited.
    pub(crate) credit: Option<String>,
}

impl Chart {
    /// A chart whose data is shown on demand.
    pub(crate) fn new(
        number: usize,
        (title, subtitle): (Prose, Prose),
        drawing: Drawing,
        data: DataTable,
    ) -> Self {
        Self {
            id: format!("figure-{number}"),
            number,
            title,
            subtitle,
            drawing,
            data,
            is_open: false,
            credit: None,
        }
    }
}

impl Block {
    /// All texts of the block.
    pub(crate) fn texts(&self) -> Vec<&Prose> {
        match self {
            Self::Paragraph { prose } | Self::Lede { prose } | Self::InShort { prose } => {
                vec![prose]
            }
            Self::Bullets { items } | Self::Limits { items, .. } => items.iter().collect(),
            Self::Table { table } => table.texts(),
            Self::Chart { chart } => {
                let mut texts = vec![&chart.title, &chart.subtitle];
                texts.extend(chart.data.texts());
                texts
            }
            Self::Heading { .. } | Self::Narrative { .. } => Vec::new(),
        }
    }

    /// Its table, or the one of its chart.
    pub(crate) fn table(&self) -> Option<&DataTable> {
        match self {
            Self::Table { table } => Some(table),
            Self::Chart { chart } => Some(&chart.data),
            _ => None,
        }
    }
}

impl DataTable {
    fn texts(&self) -> Vec<&Prose> {
        let cells = self.rows.iter().flatten().map(|cell| &cell.prose);
        cells.chain([&self.note]).collect()
    }
}

impl Document {
    /// The figures that the document cites, each with the titles of the sections that cite it.
    pub(crate) fn cited(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut cited: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for section in &self.sections {
            let mut add = |name: &str| {
                let sections = cited.entry(name.to_owned()).or_default();
                sections.insert(section.title.clone());
            };
            for block in &section.blocks {
                if let Block::Narrative { cited, .. } = block {
                    for name in cited {
                        add(name);
                    }
                }
                for prose in block.texts() {
                    prose.walk(&mut |span| {
                        if let Span::Figure { name, .. } = span {
                            add(name);
                        }
                    });
                }
            }
        }
        cited
    }

    /// All tables, those of charts too.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &DataTable> {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        blocks.filter_map(Block::table)
    }
}
