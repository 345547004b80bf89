//! Ids in words, for display where no file has a label.

/// An id of lower-case words as a text: `violence-against-the-person` is `Violence against the
/// person`. Any other code, such as `008/01` or `F10`, stays as it is.
pub fn in_words(id: &str) -> String {
    let mut chars = id.chars();
    match chars.next() {
        Some(first) if first.is_lowercase() && !id.chars().any(char::is_uppercase) => {
            let rest = chars.as_str().replace(['-', '_'], " ");
            first.to_uppercase().chain(rest.chars()).collect()
        }
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_words_becomes_a_text_and_a_code_stays() {
        assert_eq!(in_words("theft-offences"), "Theft offences");
        assert_eq!(in_words("second_stage"), "Second stage");
        for code in ["008/01", "F10.1", "58A", "E07000110", ""] {
            assert_eq!(in_words(code), code);
        }
    }
}
