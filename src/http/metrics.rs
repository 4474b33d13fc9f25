//! Figures for Prometheus, in its text format.

use std::fmt::{Display, Write};

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::routes::RequestCounts;
use crate::domain::clean::clean;

/// Labels are names; nobody's is longer.
const LONGEST_LABEL: usize = 200;

/// Collects figures, one call a metric.
#[derive(Debug, Default)]
pub(super) struct Figures(String);

impl Figures {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) -> &mut Self {
        self.family(name, help, "gauge", [(String::new(), value)])
    }

    /// One metric with several label sets, each written by [`label`].
    pub(super) fn family<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        values: impl IntoIterator<Item = (String, V)>,
    ) -> &mut Self {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "# HELP zgserve_{name} {help}\n# TYPE zgserve_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(self.0, "zgserve_{name}{labels} {value}");
        }
        self
    }

    pub(super) fn answers(&mut self, counts: &RequestCounts) -> &mut Self {
        let classes = counts.classes().map(|(class, count)| (label("class", class), count));
        self.family("http_answers_total", "HTTP answers by class of status code.", "counter", classes)
    }
}

/// `{name="value"}`, cleaned and escaped.
pub(super) fn label(name: &str, value: &str) -> String {
    let value = clean(value, LONGEST_LABEL);
    format!("{{{name}=\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

impl IntoResponse for Figures {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4")], self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::{attacks, found};

    #[test]
    fn no_text_leaves_its_label() {
        for attack in attacks() {
            let text = label("a", &attack.text);
            let inside = text.strip_prefix("{a=\"").and_then(|rest| rest.strip_suffix("\"}")).unwrap_or("\n");
            assert!(!inside.contains('\n'), "{}: {text:?}", attack.name);
            let escaped = inside.replace("\\\\", "").replace("\\\"", "").replace("\\n", "");
            assert!(!escaped.contains(['"', '\\']), "{}: {text:?}", attack.name);
            assert_eq!(found(inside), None, "{}", attack.name);
        }
    }

    #[test]
    fn the_text_format() {
        let mut figures = Figures::default();
        figures.gauge("accounts", "Accounts.", 3).family("x", "X.", "gauge", [(label("a", "b\"c"), 1)]);
        let text = "# HELP zgserve_accounts Accounts.\n# TYPE zgserve_accounts gauge\nzgserve_accounts 3\n\
                    # HELP zgserve_x X.\n# TYPE zgserve_x gauge\nzgserve_x{a=\"b\\\"c\"} 1\n";
        assert_eq!(figures.0, text);
    }
}
