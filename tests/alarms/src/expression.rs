//! Metric math: numbers, other rows by their id, `+ - * /`, comparisons, `FILL` and `IF`. All else is refused.

/// An expression over rows of an alarm.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    Row(String),
    Two(Box<Expression>, Operator, Box<Expression>),
    /// A row, with a value where it has none.
    Fill(String, f64),
    If(Box<Expression>, Box<Expression>, Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Unequal,
}

/// One period's values, as an expression asks for them.
pub(crate) struct Period<'a> {
    /// The value of a row in this period.
    pub(crate) value: &'a dyn Fn(&str) -> Option<f64>,
    /// Whether a row has a value in any period that was retrieved: `FILL` fills gaps of a series, it makes none.
    pub(crate) exists: &'a dyn Fn(&str) -> bool,
}

impl Expression {
    /// # Errors
    /// If the text is not wholly understood.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens { rest: tokens(text)?, text };
        let expression = tokens.comparison()?;
        match tokens.rest.first() {
            None => Ok(expression),
            Some(token) => Err(format!("`{text}`: nothing is known of `{token}` there")),
        }
    }

    /// The value in one period. What is reckoned with a missing value is missing.
    pub(crate) fn value(&self, period: &Period<'_>) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Row(id) => (period.value)(id),
            Self::Fill(id, filler) => (period.value)(id).or_else(|| (period.exists)(id).then_some(*filler)),
            Self::If(condition, then, otherwise) => match condition.value(period)? {
                0.0 => otherwise.value(period),
                _ => then.value(period),
            },
            Self::Two(left, operator, right) => {
                let (left, right) = (left.value(period)?, right.value(period)?);
                let truth = |holds: bool| Some(f64::from(u8::from(holds)));
                match operator {
                    Operator::Plus => Some(left + right),
                    Operator::Minus => Some(left - right),
                    Operator::Times => Some(left * right),
                    Operator::Over => (right != 0.0).then(|| left / right),
                    Operator::Less => truth(left < right),
                    Operator::AtMost => truth(left <= right),
                    Operator::More => truth(left > right),
                    Operator::AtLeast => truth(left >= right),
                    Operator::Equal => truth(left == right),
                    Operator::Unequal => truth(left != right),
                }
            }
        }
    }

    /// The rows it names.
    pub(crate) fn rows(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Row(id) | Self::Fill(id, _) => vec![id],
            Self::Two(left, _, right) => [left.rows(), right.rows()].concat(),
            Self::If(condition, then, otherwise) => {
                [condition.rows(), then.rows(), otherwise.rows()].concat()
            }
        }
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |character: char| character.is_ascii_alphanumeric() || "._".contains(character);
        let length = if word(first) {
            rest.find(|character| !word(character)).unwrap_or(rest.len())
        } else if [">=", "<=", "==", "!="].iter().any(|two| rest.starts_with(two)) {
            2
        } else if "+-*/()<>,".contains(first) {
            1
        } else {
            return Err(format!("`{text}`: `{first}` is not of metric math as it is used here"));
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Tokens<'a> {
    rest: Vec<String>,
    text: &'a str,
}

impl Tokens<'_> {
    fn comparison(&mut self) -> Result<Expression, String> {
        let operators = [
            ("<", Operator::Less),
            ("<=", Operator::AtMost),
            (">", Operator::More),
            (">=", Operator::AtLeast),
            ("==", Operator::Equal),
            ("!=", Operator::Unequal),
        ];
        self.chain(&operators, Self::sum)
    }

    fn sum(&mut self) -> Result<Expression, String> {
        self.chain(&[("+", Operator::Plus), ("-", Operator::Minus)], Self::product)
    }

    fn product(&mut self) -> Result<Expression, String> {
        self.chain(&[("*", Operator::Times), ("/", Operator::Over)], Self::atom)
    }

    fn chain(
        &mut self,
        operators: &[(&str, Operator)],
        inner: fn(&mut Self) -> Result<Expression, String>,
    ) -> Result<Expression, String> {
        let mut left = inner(self)?;
        while let Some((_, operator)) =
            operators.iter().find(|(sign, _)| self.rest.first().is_some_and(|next| next == sign))
        {
            self.rest.remove(0);
            left = Expression::Two(Box::new(left), *operator, Box::new(inner(self)?));
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Expression, String> {
        let token = self.next()?;
        if token == "(" {
            let inner = self.comparison()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Ok(number) = token.parse() {
            return Ok(Expression::Number(number));
        }
        if self.rest.first().is_none_or(|next| next != "(") {
            let is_id = token.starts_with(|first: char| first.is_ascii_lowercase());
            return if is_id { Ok(Expression::Row(token)) } else { Err(self.unknown(&token)) };
        }
        self.expect("(")?;
        let call = match token.as_str() {
            "FILL" => {
                let Expression::Row(id) = self.atom()? else { return Err(self.unknown("FILL of no row")) };
                self.expect(",")?;
                let Expression::Number(filler) = self.atom()? else {
                    return Err(self.unknown("FILL with no number"));
                };
                Expression::Fill(id, filler)
            }
            "IF" => {
                let condition = self.comparison()?;
                self.expect(",")?;
                let then = self.comparison()?;
                self.expect(",")?;
                Expression::If(Box::new(condition), Box::new(then), Box::new(self.comparison()?))
            }
            other => return Err(self.unknown(other)),
        };
        self.expect(")")?;
        Ok(call)
    }

    fn next(&mut self) -> Result<String, String> {
        if self.rest.is_empty() {
            return Err(format!("`{}` ends too early", self.text));
        }
        Ok(self.rest.remove(0))
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        let token = self.next()?;
        if token == sign { Ok(()) } else { Err(self.unknown(&token)) }
    }

    fn unknown(&self, what: &str) -> String {
        format!("`{}`: nothing is known of `{what}` there", self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn expressions_come_to_what_metric_math_says() {
        let check = |text: &str, expected: Option<f64>| {
            let value = |id: &str| match id {
                "two" => Some(2.0),
                "zero" => Some(0.0),
                _ => None,
            };
            let period = Period { value: &value, exists: &|id| id != "never" };
            assert_eq!(Expression::parse(text).unwrap().value(&period), expected, "{text}");
        };
        check("1 + two * 3 - 4 / two", Some(5.0));
        check("(1 + two) * 3", Some(9.0));
        check("two + gone", None);
        check("FILL(gone, 7) + two", Some(9.0));
        check("FILL(two, 7)", Some(2.0));
        check("FILL(never, 7)", None);
        check("IF(two >= 2, 100 * zero / two, 5)", Some(0.0));
        check("IF(two > 2, 1, 5)", Some(5.0));
        check("IF(gone > 2, 1, 5)", None);
        check("two / zero", None);
        check("two != 2", Some(0.0));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [
            "",
            "1 +",
            "SUM(METRICS())",
            "RATE(two)",
            "FILL(two, REPEAT)",
            "FILL(1, 2)",
            "Two",
            "two two",
            "(two",
            "two & two",
            "IF(two, 1)",
            "FILL(two 1)",
            "two)",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
