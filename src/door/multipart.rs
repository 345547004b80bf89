//! The parts of a form that a browser posts with a file (RFC 7578), from a body that is in memory.

/// A part of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FormPart<'b> {
    pub(super) name: &'b str,
    pub(super) content: &'b [u8],
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Option<&str> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
    {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        let value = value.trim_matches('"');
        (name.eq_ignore_ascii_case("boundary") && !value.is_empty()).then_some(value)
    })
}

/// The parts of a body; `None` if it is not such a form.
pub(super) fn parts<'b>(content_type: &str, body: &'b [u8]) -> Option<Vec<FormPart<'b>>> {
    let boundary = boundary(content_type)?;
    let first = format!("--{boundary}");
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let end = find(part, delimiter.as_bytes())?;
        let head_end = find(&part[..end], b"\r\n\r\n")?;
        let head = std::str::from_utf8(&part[..head_end]).ok()?;
        parts.push(FormPart {
            name: name_in(head)?,
            content: &part[head_end + 4..end],
        });
        rest = &part[end + delimiter.len()..];
    }
}

/// The name in the head of a part.
fn name_in(head: &str) -> Option<&str> {
    let is_disposition = |line: &&str| {
        let start = line.get(.."content-disposition:".len());
        start.is_some_and(|start| start.eq_ignore_ascii_case("content-disposition:"))
    };
    let line = head.lines().find(is_disposition)?;
    line.split(';').find_map(|parameter| {
        let value = parameter.trim().strip_prefix("name=")?;
        Some(value.trim_matches('"'))
    })
}

/// Where bytes first occur.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(step) = bytes[start..].iter().position(|byte| *byte == wanted[0]) {
        start += step;
        if bytes[start..].starts_with(wanted) {
            return Some(start);
        }
        start += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"-x1\"";
    const FORM: &[u8] = b"---x1\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\ncrime\r\n---x1\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"a;name=b.csv\"\r\nContent-Type: text/csv\r\n\r\n\
        a\r\n--b\r\n\r\n---x1--\r\n";

    #[test]
    fn a_form_is_divided_at_its_boundary_only() {
        let part = |name, content| FormPart { name, content };
        let expected = vec![
            part("kind", &b"crime"[..]),
            part("file", &b"a\r\n--b\r\n"[..]),
        ];
        assert_eq!(parts(TYPE, FORM), Some(expected));
        assert_eq!(parts("text/csv; boundary=x", FORM), None);
        assert_eq!(parts("multipart/form-data; boundary=", FORM), None);
        for end in 0..FORM.len() - 4 {
            assert_eq!(parts(TYPE, &FORM[..end]), None, "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn an_altered_form_does_no_harm(at in 0..FORM.len(), byte: u8) {
            let mut form = FORM.to_vec();
            form[at] = byte;
            if let Some(parts) = parts(TYPE, &form) {
                prop_assert!(parts.len() <= 2);
            }
        }
    }
}
