//! What a site lets programs read: `robots.txt` (RFC 9309).

/// The rules of a site for one program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Robots {
    /// Pattern and whether it allows.
    rules: Vec<(String, bool)>,
}

impl Robots {
    /// The rules for `program`: those of the groups that name it, else those for all.
    pub(super) fn parse(text: &str, program: &str) -> Self {
        let program = program.to_ascii_lowercase();
        let (mut own, mut common) = (Vec::new(), Vec::new());
        let (mut names_us, mut names_all, mut has_own) = (false, false, false);
        let mut in_rules = true;
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((field, value)) = line.split_once(':') else { continue };
            let (field, value) = (field.trim().to_ascii_lowercase(), value.trim());
            match field.as_str() {
                "user-agent" => {
                    if in_rules {
                        (names_us, names_all, in_rules) = (false, false, false);
                    }
                    let name = value.to_ascii_lowercase();
                    names_us |= name == program;
                    names_all |= name == "*";
                    has_own |= names_us;
                }
                "allow" | "disallow" => {
                    in_rules = true;
                    let rule = (value.to_owned(), field == "allow");
                    if names_us && !value.is_empty() {
                        own.push(rule);
                    } else if names_all && !value.is_empty() {
                        common.push(rule);
                    }
                }
                _ => {}
            }
        }
        Self { rules: if has_own { own } else { common } }
    }

    /// True if a path with its query may be read: the longest pattern that fits decides, `Allow` before `Disallow`.
    pub(super) fn allow(&self, path: &str) -> bool {
        let fitting = self.rules.iter().filter(|(pattern, _)| fits(pattern, path));
        fitting.max_by_key(|(pattern, allows)| (pattern.len(), *allows)).is_none_or(|(_, allows)| *allows)
    }
}

/// True if the pattern, with `*` for anything and `$` for the end, fits the beginning of a path. Linear for each star.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, to_end) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let last = if to_end { parts.pop() } else { None };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    match last {
        Some(last) => rest.ends_with(last),
        None => !to_end || rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("/a", "/a/b", true),
            ("/a", "/b", false),
            ("/a$", "/a", true),
            ("/a$", "/ab", false),
            ("/*.pdf$", "/x/y.pdf", true),
            ("/*.pdf$", "/x/y.pdf?z", false),
            ("/a*b*c", "/a-b-c-d", true),
            ("/a*b*c", "/a-c-b", false),
            ("*", "/anything", true),
            ("/*$", "/anything", true),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn own_group_before_the_common_one() {
        let text = "\u{feff}User-agent: *\nDisallow: /\n\nUser-agent: other\nuser-agent: ASSAY # us\n\
            Disallow: /private\nAllow: /private/open\nDisallow:\nSitemap: https://a.example/s\n";
        let ours = Robots::parse(text, "Assay");
        assert!(ours.allow("/") && ours.allow("/private/open/a") && !ours.allow("/private/b"));
        let theirs = Robots::parse(text, "Stranger");
        assert!(!theirs.allow("/"));
        assert!(Robots::parse("", "Assay").allow("/"));
        assert!(Robots::parse("<html>not found</html>", "Assay").allow("/"));
        let equal = Robots::parse("user-agent: *\ndisallow: /a\nallow: /a", "Assay");
        assert!(equal.allow("/a"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(?s).{0,400}", path in "/.{0,40}") {
            let _ = Robots::parse(&text, "Assay").allow(&path);
        }

        #[test]
        fn a_pattern_of_stars_is_fast(stars in 1usize..200) {
            let pattern = "/".to_owned() + &"*a".repeat(stars) + "$";
            prop_assert!(!fits(&pattern, &("/".to_owned() + &"a".repeat(4_000) + "b")));
        }
    }
}
