//! Prices that an operator declares: one for all models of a server, or one by name.

use std::collections::BTreeMap;

use engine::model::{NanoUsd, Price, PriceBand};

/// Declared prices, such as `0.15/0.60`, `small=0.15/0.075/0.60, large=1/5`, or both: a price without a name is that of all models
/// that are not named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclaredPrices {
    of_others: Option<Declared>,
    by_name: BTreeMap<String, Declared>,
}

/// Input, input that the provider read from its own cache, and output, for a million tokens.
type Declared = [NanoUsd; 3];

impl DeclaredPrices {
    /// Reads declared prices. Errors: words that follow the variable's name, with the part that is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut prices = Self::default();
        for part in text.split(',').map(str::trim) {
            // A model's name may hold anything but a comma.
            let (name, price) = match part.rsplit_once('=') {
                Some((name, price)) => (Some(name.trim()), price),
                None => (None, part),
            };
            let price = declared(price).ok_or_else(|| malformed(part))?;
            let is_new = match name {
                Some("") => return Err(malformed(part)),
                Some(name) => prices.by_name.insert(name.to_owned(), price).is_none(),
                None => prices.of_others.replace(price).is_none(),
            };
            if !is_new {
                return Err(match name {
                    Some(name) => format!("has two prices of `{name}`"),
                    None => "has two prices without a model's name; write name=input/output".to_owned(),
                });
            }
        }
        Ok(prices)
    }

    /// The price of a model.
    pub fn of(&self, model: &str) -> Option<Price> {
        let [input, cached_input, output] = self.by_name.get(model).copied().or(self.of_others)?;
        let base = PriceBand {
            input: input.0,
            cached_input: cached_input.0,
            cache_write: input.0,
            output: output.0,
            ..PriceBand::default()
        };
        Some(Price { base, ..Price::default() })
    }

    /// A name that is none of these models.
    pub(crate) fn name_that_is_none_of(&self, models: &[String]) -> Option<&str> {
        self.by_name.keys().find(|name| !models.contains(name)).map(String::as_str)
    }
}

fn declared(text: &str) -> Option<Declared> {
    let parts: Vec<NanoUsd> = text.split('/').map(NanoUsd::parse_usd).collect::<Option<_>>()?;
    match parts[..] {
        [input, output] => Some([input, input, output]),
        [input, cached, output] => Some([input, cached, output]),
        _ => None,
    }
}

fn malformed(part: &str) -> String {
    let part: String = part.chars().take(80).collect();
    format!(
        "must be dollars per million tokens, such as 0.15/0.60 or 0.15/0.075/0.60, or such prices by model with commas between, \
         such as small=0.15/0.60,large=1/5; `{}` is none",
        part.escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn usd(nano: u32) -> String {
        format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
    }

    fn written([input, cached, output]: [u32; 3]) -> String {
        format!("{}/{}/{}", usd(input), usd(cached), usd(output))
    }

    fn read(prices: &DeclaredPrices, model: &str) -> Option<[i64; 4]> {
        prices.of(model).map(|price| {
            [price.base.input, price.base.cached_input, price.base.cache_write, price.base.output]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_what_is_read(
            names in prop::collection::btree_map("[a-z0-9:/.=@-]{0,20}[a-z0-9]", any::<[u32; 3]>(), 0..6),
            of_others in prop::option::of(any::<[u32; 3]>()),
            at in any::<prop::sample::Index>(),
        ) {
            let mut parts: Vec<String> =
                names.iter().map(|(name, price)| format!(" {name} = {}", written(*price))).collect();
            if let Some(price) = of_others {
                parts.insert(at.index(parts.len() + 1), written(price));
            }
            prop_assume!(!parts.is_empty());
            let prices = DeclaredPrices::parse(&parts.join(",")).map_err(TestCaseError::fail)?;
            let expected = |price: [u32; 3]| {
                let [input, cached, output] = price.map(i64::from);
                [input, cached, input, output]
            };
            for (name, price) in &names {
                prop_assert_eq!(read(&prices, name), Some(expected(*price)));
            }
            prop_assert_eq!(read(&prices, "NAME OF NONE"), of_others.map(expected));
            let all: Vec<String> = names.keys().cloned().collect();
            prop_assert_eq!(prices.name_that_is_none_of(&all), None);
            prop_assert_eq!(prices.name_that_is_none_of(&[]), all.first().map(String::as_str));
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_has_a_price_for_each_part(text in "[a-z0-9./=, -]{0,40}|.{0,40}") {
            match DeclaredPrices::parse(&text) {
                Err(words) => prop_assert!(words.starts_with("must be") || words.starts_with("has two")),
                Ok(prices) => {
                    let parts = text.split(',').count();
                    prop_assert_eq!(prices.by_name.len() + usize::from(prices.of_others.is_some()), parts);
                    let names: BTreeSet<&String> = prices.by_name.keys().collect();
                    prop_assert!(names.iter().all(|name| !name.is_empty() && text.contains(name.as_str())));
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_shown() {
        let check = |text: &str, words: &str| {
            let error = DeclaredPrices::parse(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        check("small=1/2,", "`` is none");
        check("small=1/2,large=3", "`large=3` is none");
        check("=1/2", "`=1/2` is none");
        check("1/2/3/4", "`1/2/3/4` is none");
        check("small=-1/2", "`small=-1/2` is none");
        check("small=1/2, small=1/3", "two prices of `small`");
        check("1/2,3/4", "two prices without a model's name");
    }
}
