//! Templates as this program uses them: an undefined name is an error, and a line with a block only leaves
//! no line.

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

/// A page from a template. All values are escaped.
pub(crate) fn html(template: &str, values: Value) -> Result<String, Error> {
    // A name ending in `.html` makes the library escape.
    environment()?.render_named_str("page.html", template, values)
}
