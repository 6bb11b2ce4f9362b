//! HTML that content cannot break out of.

/// A page under construction.
#[derive(Default)]
pub(super) struct Markup {
    out: String,
}

impl Markup {
    /// Markup as it is. It takes literals only, so that content cannot come this way.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Content between tags.
    pub(super) fn text(&mut self, content: &str) -> &mut Self {
        for letter in content.chars() {
            match letter {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                _ => self.out.push(letter),
            }
        }
        self
    }

    /// An attribute with content as its value, a space before it. Addresses must have been checked by their maker.
    pub(super) fn attr(&mut self, name: &'static str, content: &str) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").text(content).raw("\"")
    }

    /// A number.
    pub(super) fn number(&mut self, number: impl Into<f64>) -> &mut Self {
        let number: f64 = number.into();
        let text = if number.is_finite() { format!("{number:.2}") } else { "0".to_owned() };
        let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        self.out.push_str(short);
        self
    }

    /// The whole page.
    pub(super) fn finish(self) -> String {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::Markup;

    #[test]
    fn content_stays_content() {
        let mut page = Markup::default();
        page.raw("<p").attr("title", "\"><img onerror=x>").raw(">").text("<script>'&").raw("</p>");
        page.number(12.5).raw(" ").number(3u32).raw(" ").number(f64::NAN);
        let html = "<p title=\"&quot;&gt;&lt;img onerror=x&gt;\">&lt;script&gt;&#39;&amp;</p>12.5 3 0";
        assert_eq!(page.finish(), html);
    }
}
