//! Templates as this program uses them: an undefined name is an error, and a line with a block only leaves
//! no line.

use minijinja::HtmlEscape;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, UndefinedBehavior, Value};

/// An environment without templates.
pub(crate) fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build()?);
    Ok(environment)
}

/// A page from a template. All values are escaped. The filter `code` shows what is in backticks as code.
pub(crate) fn html(template: &str, values: Value) -> Result<String, Error> {
    let mut environment = environment()?;
    environment.add_filter("code", code);
    // A name ending in `.html` makes the library escape.
    environment.render_named_str("page.html", template, values)
}

fn code(text: &str) -> Value {
    let parts = text.split('`').map(HtmlEscape).enumerate();
    let html: String = parts
        .map(|(index, part)| match index % 2 {
            0 => part.to_string(),
            _ => format!("<code>{part}</code>"),
        })
        .collect();
    Value::from_safe_string(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_backticks_is_code_and_everything_is_escaped() {
        let page = html(
            "{{ text|code }}",
            minijinja::context! { text => "write `a<b>`, not <b>" },
        );
        assert_eq!(
            page.expect("a page"),
            "write <code>a&lt;b&gt;</code>, not &lt;b&gt;"
        );
    }
}
