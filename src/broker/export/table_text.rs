//! Rows as text for other programs: CSV that a spreadsheet cannot take for formulas, a JSON array, or JSON lines.
//!
//! Amounts are decimal text in either, since spreadsheets and JSON readers round long numbers.

use std::io::{self, Write};

use crate::domain::clean::clean_lines;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180, with a line of names; every field quoted.
    Csv,
    Json,
    /// One object a line, for programs that read while it is written.
    JsonLines,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Nothing,
    Text(String),
    Count(u64),
}

impl Cell {
    pub fn text(value: impl ToString) -> Cell {
        Cell::Text(value.to_string())
    }

    pub fn maybe(value: Option<impl ToString>) -> Cell {
        value.map_or(Cell::Nothing, Cell::text)
    }
}

/// Writes rows one after another; each has a cell for every column.
#[derive(Debug)]
pub(super) struct TableText<W> {
    format: ExportFormat,
    writer: W,
    columns: Vec<&'static str>,
    rows: u64,
}

impl<W: Write> TableText<W> {
    /// Begins a table; its columns are named even when it stays empty.
    pub fn begin(
        format: ExportFormat,
        mut writer: W,
        columns: Vec<&'static str>,
    ) -> io::Result<TableText<W>> {
        match format {
            ExportFormat::Csv => line(&mut writer, columns.iter().map(|name| (*name).to_owned()))?,
            ExportFormat::Json => writer.write_all(b"[")?,
            // A line is a row.
            ExportFormat::JsonLines => {}
        }
        Ok(TableText { format, writer, columns, rows: 0 })
    }

    pub fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        match self.format {
            ExportFormat::Csv => line(&mut self.writer, cells.into_iter().map(field))?,
            ExportFormat::Json => {
                self.writer.write_all(if self.rows == 0 { b"\n" } else { b",\n" })?;
                self.object(cells)?;
            }
            ExportFormat::JsonLines => {
                self.object(cells)?;
                self.writer.write_all(b"\n")?;
            }
        }
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    fn object(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        let named = self.columns.iter().zip(cells);
        let object: serde_json::Map<String, serde_json::Value> =
            named.map(|(name, cell)| ((*name).to_owned(), value(cell))).collect();
        Ok(serde_json::to_writer(&mut self.writer, &object)?)
    }

    /// Ends the table; gives the number of rows and the writer, flushed.
    pub fn end(mut self) -> io::Result<(u64, W)> {
        if self.format == ExportFormat::Json {
            self.writer.write_all(b"\n]\n")?;
        }
        self.writer.flush()?;
        Ok((self.rows, self.writer))
    }
}

fn value(cell: Cell) -> serde_json::Value {
    match cell {
        Cell::Nothing => serde_json::Value::Null,
        Cell::Text(text) => clean_lines(&text, usize::MAX).into(),
        Cell::Count(count) => count.into(),
    }
}

fn field(cell: Cell) -> String {
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) => harmless(text),
        Cell::Count(count) => count.to_string(),
    }
}

/// What a spreadsheet would take for a formula gets an apostrophe before it, and is text then.
fn harmless(text: String) -> String {
    let first = text.trim_start_matches([' ', '\'']).chars().next();
    let formula = matches!(
        first,
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠' | '|' | '%')
    );
    let text = if formula { format!("'{text}") } else { text };
    // A file may be looked at in a terminal, too.
    clean_lines(&text, usize::MAX)
}

/// One line, each field quoted: separators and line ends inside are text, whatever the reader's language separates with.
fn line(writer: &mut impl Write, fields: impl Iterator<Item = String>) -> io::Result<()> {
    for (at, field) in fields.enumerate() {
        let separator = if at == 0 { "" } else { "," };
        write!(writer, "{separator}\"{}\"", field.replace('"', "\"\""))?;
    }
    writer.write_all(b"\r\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::attacks::{attacks, found};
    use proptest::prelude::*;

    fn written(format: ExportFormat, rows: &[&str]) -> String {
        let mut table = TableText::begin(format, Vec::new(), vec!["name", "count"]).unwrap();
        for text in rows {
            table.row(vec![Cell::text(text), Cell::Count(7)]).unwrap();
        }
        let (count, bytes) = table.end().unwrap();
        assert_eq!(count, rows.len() as u64);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn tables_have_their_shapes() {
        assert_eq!(written(ExportFormat::Csv, &["a\"b"]), "\"name\",\"count\"\r\n\"a\"\"b\",\"7\"\r\n");
        assert_eq!(written(ExportFormat::Json, &[]), "[\n]\n");
        assert_eq!(
            written(ExportFormat::Json, &["a", "=b"]),
            "[\n{\"name\":\"a\",\"count\":7},\n{\"name\":\"=b\",\"count\":7}\n]\n"
        );
        assert_eq!(written(ExportFormat::JsonLines, &[]), "");
        assert_eq!(
            written(ExportFormat::JsonLines, &["a\nb", "c"]),
            "{\"name\":\"a\\nb\",\"count\":7}\n{\"name\":\"c\",\"count\":7}\n"
        );
    }

    #[test]
    fn formulas_are_text() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "'=1", "＝1"] {
            let text = written(ExportFormat::Csv, &[bad]);
            assert!(text.contains("\r\n\"'"), "{text:?}");
        }
        assert!(written(ExportFormat::Csv, &["llama7b"]).contains("\"llama7b\""));
    }

    /// The fields of a quoted CSV text.
    fn fields(text: &str) -> Vec<String> {
        let (mut fields, mut field, mut inside) = (Vec::new(), String::new(), false);
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '"' if inside && characters.peek() == Some(&'"') => {
                    characters.next();
                    field.push('"');
                }
                '"' if inside => {
                    inside = false;
                    fields.push(std::mem::take(&mut field));
                }
                '"' => inside = true,
                c if inside => field.push(c),
                _ => {}
            }
        }
        fields
    }

    #[test]
    fn nothing_of_the_corpus_leaves_its_field_or_steers_who_reads_it() {
        for attack in attacks() {
            let text = written(ExportFormat::Csv, &[&attack.text]);
            let read = fields(&text);
            assert_eq!((read.len(), read[3].as_str()), (4, "7"), "{}", attack.name);
            let first = read[2].trim_start().chars().next();
            assert!(!matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r')), "{}", attack.name);
            assert_eq!(found(&text.replace("\r\n", "\n").replace('\t', " ")), None, "{}", attack.name);
            let json: serde_json::Value =
                serde_json::from_str(&written(ExportFormat::Json, &[&attack.text])).unwrap();
            assert_eq!(json[0]["count"], 7, "{}", attack.name);
            assert_eq!(found(&serde_json::to_string(&json).unwrap()), None, "{}", attack.name);
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_field(text in "[\\PC\t\r\n\"',;=+@|-]{0,30}") {
            let read = fields(&written(ExportFormat::Csv, &[&text]));
            prop_assert_eq!(read.len(), 4);
            let (kept, text) = (read[2].strip_prefix('\'').unwrap_or(&read[2]), clean_lines(&text, usize::MAX));
            prop_assert!(read[2] == text || kept == text);
            prop_assert!(!read[2].trim_start().starts_with(['=', '+', '-', '@']));
        }
    }
}
